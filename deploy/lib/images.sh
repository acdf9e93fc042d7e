# shellcheck shell=bash
# Builds Berth's images. Only defines functions; needs common.sh, and DOCKER_HOST as engine_env sets it.
#
# An image is tagged with a hash of its folder and its inputs: the same hash is the same image and means no work. A built image is
# kept as a tarball under $BERTH_IMAGE_CACHE, so that another engine (or the same one after a purge) loads instead of building.
#
# Settings: BERTH_IMAGE_CACHE=/var/cache/berth/images; BERTH_PRESET=release and BERTH_BINARY_DIR=build/<preset> (the programs
# for berth/berthd); BERTH_PULL=auto|never (use public images where a registry answers); BERTH_KEEP_BUILD_CACHE=1 keeps the
# engine's intermediate build stages; BERTH_BUILD_CA (default the system's CA bundle): trusted by pip and npm during a build.

image_cache() { printf '%s\n' "${BERTH_IMAGE_CACHE:-/var/cache/berth/images}"; }
_image_dir() { printf '%s/deploy/images/%s\n' "$(repo_root)" "$1"; }
_binary_dir() { printf '%s\n' "${BERTH_BINARY_DIR:-$(repo_root)/build/${BERTH_PRESET:-release}}"; }

# The public image that replaces our own making, where a registry answers.
_public_image() {
    case $1 in
        base) echo debian:bookworm-slim ;;
        traefik) echo traefik:v3.7.15 ;;
        seaweedfs) echo chrislusf/seaweedfs:4.48 ;;
    esac
}

# The image that NAME's Dockerfile starts from (build argument BASE).
_image_parent() {
    case $1 in
        base) ;;
        berthd) echo berthd-runtime ;;
        *) echo base ;;
    esac
}

# Files outside the image's folder that go into its build context.
_image_inputs() {
    case $1 in
        traefik | seaweedfs | berthd-runtime) echo "$(repo_root)/deploy/requirements.txt" ;;
        berthd) printf '%s\n' "$(_binary_dir)/berthd" "$(_binary_dir)/berth-node" ;;
    esac
}

# image_hash NAME: 12 hex digits over everything that determines the image.
image_hash() {
    local name=$1 dir parent input
    dir=$(_image_dir "$name")
    [[ -d $dir ]] || die "there is no image '$name' in deploy/images"
    parent=$(_image_parent "$name")
    while read -r input; do
        [[ -r $input ]] || die "image $name needs $input: build it first"
    done < <(_image_inputs "$name")
    {
        [[ -z $parent ]] || image_hash "$parent"
        (
            cd "$dir" || exit 1
            # Of the modes only "executable" counts: a checkout's umask must not change the tag.
            { find . -type f -perm /100 -printf '755 %p\n' && find . -type f ! -perm /100 -printf '644 %p\n'; } | LC_ALL=C sort -k2
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        )
        while read -r input; do sha256sum <"$input"; done < <(_image_inputs "$name")
    } | sha256sum | cut -c1-12
}

# image_ref NAME: the full reference, for example berth/workspace:0123456789ab.
image_ref() {
    local hash
    hash=$(image_hash "$1")
    printf 'berth/%s:%s\n' "$1" "$hash"
}

_have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# ensure_image NAME: the engine has image_ref NAME afterwards: it was there, was loaded from the cache, or is built.
ensure_image() {
    local ref
    ref=$(image_ref "$1") || return 1
    _have_image "$ref" && return 0
    timeout 20 docker version >/dev/null 2>&1 || die "no Docker engine answers at ${DOCKER_HOST:-its default socket}"
    with_lock "$(image_cache)/.$1.lock" _ensure_image_locked "$1" "$ref"
}

_ensure_image_locked() {
    local name=$1 ref=$2 tarball parent
    tarball="$(image_cache)/$name-${ref##*:}.tar"
    _have_image "$ref" && return 0
    if [[ -f $tarball ]]; then
        log_step "loading $ref"
        docker load -q -i "$tarball" >/dev/null && _have_image "$ref" && return 0
        log_info "the cached $tarball does not load; building anew"
        rm -f "$tarball"
    fi
    parent=$(_image_parent "$name")
    [[ -z $parent ]] || ensure_image "$parent" || return 1
    log_step "building $ref"
    if [[ $name == base ]]; then _build_base "$ref"; else _build_image "$name" "$ref"; fi || return 1
    # berth/berthd is one COPY on top of a cached image: quicker to build than to save.
    [[ $name == berthd ]] || _save_image "$name" "$ref" "$tarball"
    [[ ${BERTH_KEEP_BUILD_CACHE:-} == 1 ]] || docker image prune -f --filter label=dev.berth.stage=build >/dev/null
}

# Writes the tarball in one step and drops older ones of the same image.
_save_image() {
    local name=$1 ref=$2 tarball=$3 old
    docker save -o "$tarball.part" "$ref"
    mv "$tarball.part" "$tarball"
    for old in "$(image_cache)/$name"-????????????.tar; do
        [[ $old == "$tarball" ]] || rm -f "$old"
    done
}

# Prints the public image when it could be pulled. One failure is enough to stop asking in this run.
_pull_public() {
    local public
    public=$(_public_image "$1")
    [[ -n $public && ${BERTH_PULL:-auto} != never ]] || return 1
    _have_image "$public" || timeout "${BERTH_PULL_TIMEOUT:-120}" docker pull -q "$public" >/dev/null 2>&1 || return 1
    printf '%s\n' "$public"
}

_oci_labels() {
    local name=$1 revision
    revision=$(git -C "$(repo_root)" rev-parse HEAD 2>/dev/null || echo unknown)
    printf -- '--label\n%s\n' \
        "dev.berth.image=$name" \
        "org.opencontainers.image.title=berth-$name" \
        "org.opencontainers.image.version=$2" \
        "org.opencontainers.image.revision=$revision" \
        "org.opencontainers.image.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
        "org.opencontainers.image.base.name=$3"
}

# Stages the folder, its inputs and the host's CA bundle as the build context, and builds with the classic builder.
_build_image() {
    local name=$1 ref=$2 context input base dockerfile=Dockerfile public labels options=()
    context=$(mktemp -d)
    cp -a "$(_image_dir "$name")/." "$context/"
    while read -r input; do
        cp -L "$input" "$context/"
        [[ $name != berthd ]] || strip --strip-debug "$context/${input##*/}"
    done < <(_image_inputs "$name")
    cp -L "${BERTH_BUILD_CA:-/etc/ssl/certs/ca-certificates.crt}" "$context/extra-ca.crt" 2>/dev/null || true
    # A file that changed since the hash was taken would end up under the wrong tag.
    [[ $(image_ref "$name") == "$ref" ]] || die "the inputs of $ref changed while it was built; run again"
    base=$(image_ref "$(_image_parent "$name")")
    if [[ -f $context/Dockerfile.public ]] && public=$(_pull_public "$name"); then
        dockerfile=Dockerfile.public base=$public
    fi
    local variable
    for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL NPM_CONFIG_REGISTRY; do
        [[ -z ${!variable:-} ]] || options+=(--build-arg "$variable")
    done
    mapfile -t labels < <(_oci_labels "$name" "${ref##*:}" "$base")
    local log status=0
    log="$(image_cache)/$name.log"
    DOCKER_BUILDKIT=0 timeout 1800 docker build --force-rm -t "$ref" -f "$context/$dockerfile" --build-arg "BASE=$base" \
        "${options[@]}" "${labels[@]}" "$context" >"$log" 2>&1 || status=$?
    rm -rf "$context"
    ((status == 0)) && return 0
    tail -n 30 "$log" >&2
    die "building $ref failed; the whole log is $log"
}

# berth/base: Debian 12 slim, pulled or made by debootstrap, with the same last steps for both.
_build_base() {
    local ref=$1 from labels log status=0
    log="$(image_cache)/base.log"
    if ! from=$(_pull_public base); then
        log_info "no registry answers: debootstrap makes the base"
        from="berth/base-import:${ref##*:}"
        _import_debian "$from" "$log"
    fi
    mapfile -t labels < <(_oci_labels base "${ref##*:}" "$from")
    DOCKER_BUILDKIT=0 docker build -t "$ref" --build-arg "BASE=$from" "${labels[@]}" "$(_image_dir base)" >>"$log" 2>&1 || status=$?
    [[ $from != berth/base-import:* ]] || docker rmi "$from" >/dev/null || true
    ((status == 0)) && return 0
    tail -n 20 "$log" >&2
    die "building $ref failed; the whole log is $log"
}

_import_debian() {
    local root
    root=$(mktemp -d /var/tmp/berth-base.XXXXXX)
    if ! bash "$(_image_dir base)/debootstrap.sh" "$root" >"$2" 2>&1; then
        tail -n 20 "$2" >&2
        rm -rf "$root"
        die "debootstrap failed; the whole log is $2"
    fi
    tar -C "$root" -c . | docker import -c 'CMD ["bash"]' - "$1" >/dev/null
    rm -rf "$root"
}

# build_berthd_full: the same image as berth/berthd, but compiled inside (deploy/images/berthd/Dockerfile.full), for hosts without a
# compiler. Prints its reference.
build_berthd_full() {
    local ref="berth/berthd:full" context
    ensure_image base
    ensure_image berthd-runtime
    context=$(mktemp -d)
    git -C "$(repo_root)" ls-files -z --cached --others --exclude-standard | (cd "$(repo_root)" && tar -c --null -T - --ignore-failed-read) | tar -x -C "$context"
    DOCKER_BUILDKIT=0 docker build -t "$ref" -f "$context/deploy/images/berthd/Dockerfile.full" --build-arg "BASE=$(image_ref base)" \
        --build-arg "RUNTIME=$(image_ref berthd-runtime)" "$context" >&2 || { rm -rf "$context"; die "building $ref failed"; }
    rm -rf "$context"
    printf '%s\n' "$ref"
}
