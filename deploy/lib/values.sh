# shellcheck shell=bash
# Values of an install: the environment wins, then what the install keeps ($BERTH_HOME/install.env), then the
# defaults of charts/berth/values.env. Only defines functions.

# values_read FILE: exports each NAME=value of the file whose name is not set yet.
values_read() {
    local line
    [[ -f $1 ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line =~ ^(BERTH_[A-Z0-9_]+)=(.*)$ ]] || continue
        [[ -n ${!BASH_REMATCH[1]:-} ]] || export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
    done <"$1"
}

values_file() { printf '%s\n' "$(repo_root)/charts/berth/values.env"; }
install_file() { printf '%s\n' "$(berth_home)/install.env"; }

# values_load: everything known about this install into the environment.
values_load() {
    values_read "$(install_file)"
    [[ -n ${BERTH_HTTP_PORT:-} && -z ${BERTH_PUBLIC_PORT:-} ]] && export BERTH_PUBLIC_PORT=$BERTH_HTTP_PORT
    # One machine, one person.
    export BERTH_PRE_WARMED_QUEUE_SIZE=${BERTH_PRE_WARMED_QUEUE_SIZE:-3}
    values_read "$(values_file)"
    # A local install is reached on the port that Traefik is published on.
    [[ $BERTH_PUBLIC_PORT != 0 ]] || export BERTH_PUBLIC_PORT=$BERTH_HTTP_PORT
}

# values_keep: writes what was chosen for this install and differs from the defaults, so that later runs (also
# --env and --down) mean the same install without being told again. What each run works out anew is not kept.
values_keep() {
    local file tmp name default
    file=$(install_file)
    tmp=$file.new
    {
        printf '# Written by setup-local.sh: what makes this install differ from charts/berth/values.env.\n'
        printf 'BERTH_INSTALL_ID=%s\n' "$BERTH_INSTALL_ID"
        [[ ${BERTH_PRESET:-release} == release ]] || printf 'BERTH_PRESET=%s\n' "$BERTH_PRESET"
        [[ $(engine_mode) == private ]] || printf 'BERTH_DOCKER_HOST=%s\n' "$DOCKER_HOST"
        while IFS='=' read -r name default; do
            case $name in
                BERTH_INSTALL_ID | BERTH_IMAGE_* | BERTH_SECRET_* | BERTH_*ENGINE_SOCKET | BERTH_ENGINE_*_DIR) ;;
                BERTH_PUBLIC_PORT) [[ ${!name} == "$BERTH_HTTP_PORT" ]] || printf '%s=%s\n' "$name" "${!name}" ;;
                *) [[ ${!name} == "$default" ]] || printf '%s=%s\n' "$name" "${!name}" ;;
            esac
        done < <(grep -E '^BERTH_' "$(values_file)")
    } >"$tmp"
    mv "$tmp" "$file"
}

# --- keys ---------------------------------------------------------------------------------------------------------

keys_dir() { printf '%s\n' "$(berth_home)/keys"; }

# write_once FILE: standard input into FILE (0600), unless FILE is there already.
write_once() {
    if [[ -s $1 ]]; then
        cat >/dev/null
        return 0
    fi
    cat >"$1.new"
    mv "$1.new" "$1"
}

# keys_make: makes what is missing, never changes what is there. More API keys: add lines to api-keys, run again.
keys_make() {
    local dir
    dir=$(keys_dir)
    (
        umask 077
        mkdir -p "$dir"
        write_once "$dir/api-keys" <<<"local:admin:$(openssl rand -hex 32)
node:node:$(openssl rand -hex 32)
traefik:proxy:$(openssl rand -hex 32)"
        write_once "$dir/s3-key" <<<"$(openssl rand -hex 10)
$(openssl rand -hex 20)"
        write_once "$dir/traefik-tls.yml" < <(default_certificate)
        key_of_role node >"$dir/node-key"
        sed "s/@PROXY_KEY@/$(key_of_role proxy)/" "$(repo_root)/charts/berth/traefik.yml.in" >"$dir/traefik.yml"
        sed "s/@ACCESS_KEY@/$(s3_access_key)/; s/@SECRET_KEY@/$(s3_secret_key)/" \
            "$(repo_root)/charts/berth/s3.json.in" >"$dir/s3.json"
    )
}

# default_certificate: Traefik's configuration with a certificate signed by itself, key and all.
default_certificate() {
    local both
    both=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=berth \
        -keyout /dev/stdout 2>/dev/null)
    printf 'tls:\n  stores:\n    default:\n      defaultCertificate:\n'
    printf '        certFile: |\n%s\n' "$(sed -n '/BEGIN CERT/,/END CERT/s/^/          /p' <<<"$both")"
    printf '        keyFile: |\n%s\n' "$(sed -n '/BEGIN PRIV/,/END PRIV/s/^/          /p' <<<"$both")"
}

# key_of_role ROLE: the first key with that role.
key_of_role() { awk -F: -v role="$1" '$2 == role { print $3; exit }' "$(keys_dir)/api-keys"; }
s3_access_key() { sed -n 1p "$(keys_dir)/s3-key"; }
s3_secret_key() { sed -n 2p "$(keys_dir)/s3-key"; }

# keys_export: the files of the stack's secrets and the hashes that name them.
keys_export() {
    local pair file var
    for pair in api-keys:API_KEYS node-key:NODE_KEY s3-key:S3_KEY s3.json:S3_CONFIG traefik.yml:TRAEFIK \
        traefik-tls.yml:TRAEFIK_TLS; do
        file=$(keys_dir)/${pair%%:*}
        var=BERTH_SECRET_${pair##*:}
        export "${var}_FILE=$file" "${var}_HASH=$(sha256sum "$file" | cut -c1-12)"
    done
}
