#!/usr/bin/env bash
# From a bare Debian 12 to a running Berth on this machine. See --help.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common packages engine images values stack selftest teardown; do
    # shellcheck source=/dev/null
    source "$here/lib/$part.sh"
done

usage() {
    cat <<'TEXT'
setup-local.sh: installs and starts Berth on this machine, and proves that it works

  ./deploy/setup-local.sh [--engine auto|private|existing] [--no-selftest]
      Checks the machine, installs missing packages, builds programs and images, starts an engine if none runs,
      initialises the Swarm if it is missing, deploys charts/berth, waits until all is ready, starts one workspace,
      uses it, deletes it, and prints where everything is. Run it again whenever you like: what is there is kept.
        --engine auto      the running engine if there is one, else a private one (default; remembered)
        --engine private   a dockerd of its own under $BERTH_HOME/engine
        --engine existing  the engine that answers at DOCKER_HOST or /var/run/docker.sock
        --no-selftest      without the workspace at the end

  ./deploy/setup-local.sh --env            prints shell exports and nothing else:  eval "$(./deploy/setup-local.sh --env)"
  ./deploy/setup-local.sh --down           stops everything; keys, files and volumes stay for the next start
  ./deploy/setup-local.sh --down --purge   also removes volumes, keys and $BERTH_HOME. Files that are only in
                                           workspaces are lost. Nothing that Berth did not make is touched.

Environment: BERTH_HOME (/var/lib/berth-local), BERTH_TOOLS (/var/lib/berth-tools), BERTH_PRESET (release),
BERTH_BINARY_DIR (a folder with berthd and berth-node built elsewhere: nothing is compiled),
BERTH_API_PORT (3001), BERTH_HTTP_PORT (8088), BERTH_S3_PORT (8333) and every other name in charts/berth/values.env.
Values given once are remembered in $BERTH_HOME/install.env.
TEXT
}

action=up
purge=
selftest=yes
engine_wish=auto
parse_arguments() {
    while (($#)); do
        case $1 in
            --help | -h) action=help ;;
            --env) action="env" ;;
            --down) action=down ;;
            --purge) purge=purge ;;
            --no-selftest) selftest=no ;;
            --engine) shift; engine_wish=${1:-} ;;
            --engine=*) engine_wish=${1#*=} ;;
            *) die "unknown option $1; see --help" ;;
        esac
        shift
    done
    [[ $engine_wish =~ ^(auto|private|existing)$ ]] || die "--engine takes auto, private or existing"
    [[ -z $purge || $action == down ]] || die "--purge goes with --down"
}

print_env() {
    local name
    [[ -s $(install_file) ]] || die "there is no install in $(berth_home) yet: run ./deploy/setup-local.sh"
    for name in "BERTH_URL=$(api_url)" "BERTH_KEY=$(key_of_role admin)" "BERTH_HTTP=$(http_url)" \
        "S3_ENDPOINT=$(s3_url)" "S3_ACCESS_KEY=$(s3_access_key)" "S3_SECRET_KEY=$(s3_secret_key)" \
        "DOCKER_HOST=$DOCKER_HOST"; do
        printf 'export %s=%q\n' "${name%%=*}" "${name#*=}"
    done
}

check_machine() {
    log_step "checking this machine"
    [[ $(uname -s) == Linux ]] || die "Berth's local install needs Linux"
    [[ -r /etc/debian_version ]] || die "the packages are named for Debian 12; this is another system"
    local free
    free=$(df -k --output=avail "$(berth_home)" | tail -1)
    ((free > 8 * 1024 * 1024)) || die "less than 8 GB are free at $(berth_home); set BERTH_HOME to a larger disk"
    log_info "$(. /etc/os-release && printf '%s' "$PRETTY_NAME"), $(nproc) cores, $(free -g | awk '/Mem:/ {print $2}') GB memory, $((free / 1024 / 1024)) GB free"
}

# check_ports: a port that somebody else holds would leave a task pending without a word.
check_ports() {
    local port
    for port in "$BERTH_API_PORT" "$BERTH_HTTP_PORT" "$BERTH_S3_PORT"; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && ! port_is_ours "$port"; then
            die "port $port is in use by another program; set BERTH_API_PORT, BERTH_HTTP_PORT or BERTH_S3_PORT"
        fi
    done
}
port_is_ours() {
    stack_services | xargs -r docker service inspect --format \
        '{{range .Spec.EndpointSpec.Ports}}{{.PublishedPort}}{{"\n"}}{{end}}' | grep -qx "$1"
}

# An install stays on the engine it was made on, whatever DOCKER_HOST the calling shell has.
choose_engine() {
    local mode
    mode=$(cat "$(berth_home)/engine.mode" 2>/dev/null || true)
    [[ -z $mode || $engine_wish == auto || $engine_wish == "$mode" ]] ||
        die "this install uses the $mode engine; to change, run --down --purge first"
    [[ $engine_wish == auto ]] || export BERTH_ENGINE=$engine_wish
    [[ -z ${BERTH_DOCKER_HOST:-} ]] || export DOCKER_HOST=$BERTH_DOCKER_HOST
}

# build_programs: berthd and berth-node from this checkout; nothing happens when they are up to date, or when a
# folder with built ones is given.
build_programs() {
    [[ -z ${BERTH_BINARY_DIR:-} ]] || return 0
    export BERTH_PRESET=${BERTH_PRESET:-release}
    ensure_packages build
    log_step "building berthd and berth-node ($BERTH_PRESET)"
    (
        cd "$(repo_root)"
        [[ -f build/$BERTH_PRESET/build.ninja ]] || cmake --preset "$BERTH_PRESET" >&2
        cmake --build --preset "$BERTH_PRESET" --target berthd berth-node >&2
    ) || die "the build failed"
}

# image_values: a reference that is given is used as it is; the rest is built (or loaded, or there already).
image_values() {
    local name value
    log_step "images"
    for name in workspace berthd traefik seaweedfs; do
        value=BERTH_IMAGE_${name^^}
        [[ -z ${!value:-} ]] || continue
        ensure_image "$name"
        export "$value=$(image_ref "$name")"
    done
}

engine_values() {
    local socket=${DOCKER_HOST#unix://}
    [[ $DOCKER_HOST == unix://* ]] || die "the local install needs an engine on a unix socket, not $DOCKER_HOST"
    export BERTH_ENGINE_SOCKET=${BERTH_ENGINE_SOCKET:-$socket}
    export BERTH_NODE_ENGINE_SOCKET=${BERTH_NODE_ENGINE_SOCKET:-$socket}
    export BERTH_ENGINE_NETNS_DIR=${BERTH_ENGINE_NETNS_DIR:-$ENGINE_NETNS_DIR}
    export BERTH_ENGINE_VOLUMES_DIR=${BERTH_ENGINE_VOLUMES_DIR:-$ENGINE_VOLUMES_DIR}
    mkdir -p "$BERTH_ENGINE_NETNS_DIR" "$BERTH_ENGINE_VOLUMES_DIR"
    BERTH_RESOLV_CONF=${BERTH_RESOLV_CONF:-$(resolv_conf)}
    export BERTH_RESOLV_CONF
}

# The file that Docker takes name servers from: not the one that only names systemd-resolved on loopback.
resolv_conf() {
    if [[ $(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf | sort -u) == 127.0.0.53 ]]; then
        printf '/run/systemd/resolve/resolv.conf\n'
    else
        printf '/etc/resolv.conf\n'
    fi
}

up() {
    mkdir -p "$(berth_home)"
    chmod 711 "$(berth_home)"
    check_machine
    ensure_packages runtime
    ensure_tools
    choose_engine
    build_programs
    log_step "engine and Swarm"
    engine_up
    swarm_init
    log_info "$(engine_mode) engine at $DOCKER_HOST"
    engine_values
    values_load
    export BERTH_INSTALL_ID=${BERTH_INSTALL_ID:-$(openssl rand -hex 6)}
    check_ports
    image_values
    keys_make
    keys_export
    values_keep
    log_step "deploying the stack $BERTH_STACK"
    stack_deploy
    stack_wait
    install_wait
    stack_prune_secrets
    [[ $BERTH_S3_REPLICAS == 0 ]] || s3 mkdir :s3:demo
    if [[ $selftest == yes ]]; then
        log_step "proving it with one workspace"
        selftest_run
    fi
    summary
}

summary() {
    cat <<TEXT

Berth is running.
  API      $(api_url)        key $(key_of_role admin)
  Traefik  $(http_url)        workspaces at http://{id}-code.$BERTH_DOMAIN:$BERTH_HTTP_PORT/, {id}-vnc, {id}-web
  S3       $(s3_url)        bucket demo

Next:
  eval "\$(./deploy/setup-local.sh --env)"
  curl -s -X POST \$BERTH_URL/api/containers/start -H "Authorization: Bearer \$BERTH_KEY" -H 'Content-Type: application/json' -d '{"s3Bucket":"demo"}'
  curl -s \$BERTH_URL/api/containers -H "Authorization: Bearer \$BERTH_KEY"
TEXT
}

main() {
    parse_arguments "$@"
    [[ $action != help ]] || { usage; return 0; }
    need_root "$@"
    # Read before the defaults: the engine of this install, whatever DOCKER_HOST the calling shell has.
    values_read "$(install_file)"
    case $action in
        env) choose_engine && engine_env && values_load && print_env ;;
        down) choose_engine && engine_env && values_load && with_lock "$(lock_file)" install_down "$purge" ;;
        up) with_lock "$(lock_file)" up ;;
    esac
}
# Beside the folder, not in it: --purge removes the folder while it holds the lock.
lock_file() { printf '%s.lock\n' "$(berth_home)"; }

main "$@"
