# shellcheck shell=bash
# The Docker engine that an install works on: one that runs already, or a private one under $BERTH_HOME/engine.
# Only defines functions; needs common.sh.
#
# Settings (environment, with defaults):
#   BERTH_ENGINE=auto            existing = use the running engine or fail; private = always our own dockerd;
#                                auto = the running engine if one answers, else our own
#   BERTH_ENGINE_INDEX           0..9, keeps several private engines on one machine apart; by default the first free one is
#                                claimed for this BERTH_HOME and kept. For index N:
#   BERTH_BRIDGE=berthN          default bridge, address BERTH_BRIDGE_CIDR=10.(210+N).0.1/20
#   BERTH_GATEWAY_BRIDGE=berthgwN  the Swarm's docker_gwbridge, subnet BERTH_GATEWAY_SUBNET=10.(210+N).16.0/20
#   BERTH_ADDRESS_POOL=10.(210+N).128.0/17   user-defined bridges, /24 each
#   BERTH_OVERLAY_POOL=10.(220+N).0.0/16     overlays without a subnet of their own, /24 each
#   DOCKER_SWARM_ADVERTISE_ADDR=127.0.0.(21+N)   address of the Swarm manager; 127.0.0.1 on an existing engine
#   BERTH_SWARM_PORT=12377+N     Swarm management port; 2377 on an existing engine
#   BERTH_DATA_PATH_PORT=14789+N VXLAN port; 4789 on an existing engine
# The gossip port 7946 cannot be set in Docker: private engines are kept apart by the address.

_engine_dir() { printf '%s/engine\n' "$(berth_home)"; }
_engine_socket() { printf '%s/docker.sock\n' "$(_engine_dir)"; }

# private | existing: what engine_up chose for this BERTH_HOME.
engine_mode() {
    case ${BERTH_ENGINE:-auto} in
        private | existing) printf '%s\n' "${BERTH_ENGINE}" ;;
        auto) cat "$(berth_home)/engine.mode" 2>/dev/null || printf 'existing\n' ;;
        *) die "BERTH_ENGINE must be auto, private or existing, not '${BERTH_ENGINE}'" ;;
    esac
}

# Pid of our dockerd, if it is really ours: a stale pid file may name a stranger.
_engine_pid() {
    local pid
    pid=$(cat "$(_engine_dir)/docker.pid" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--pidfile $(_engine_dir)/docker.pid" &&
        printf '%s\n' "$pid"
}

_engine_answers() { timeout 10 docker -H "$1" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Claims the index of this BERTH_HOME in a folder that all installs on the machine share.
_claim_index() {
    local registry=/var/lib/berth-engines home index
    home=$(berth_home)
    for index in "$registry"/[0-9]; do
        [[ -f $index && $(cat "$index") == "$home" ]] && printf '%s\n' "${index##*/}" && return 0
    done
    for index in 0 1 2 3 4 5 6 7 8 9; do
        if [[ -f $registry/$index && -d $(cat "$registry/$index")/engine ]]; then continue; fi
        [[ -e /sys/class/net/berth$index ]] && continue
        mkdir -p "$home/engine" # a claim without it counts as given up
        printf '%s\n' "$home" >"$registry/$index"
        printf '%s\n' "$index"
        return 0
    done
    die "ten private engines are in use already (see $registry)"
}

# Sets ENGINE_* variables of the private engine from the environment and the index.
_engine_settings() {
    local n=${BERTH_ENGINE_INDEX:-}
    [[ -n $n ]] || n=$(with_lock /var/lib/berth-engines/.lock _claim_index)
    [[ $n =~ ^[0-9]$ ]] || die "BERTH_ENGINE_INDEX must be 0 to 9, not '$n'"
    ENGINE_BRIDGE=${BERTH_BRIDGE:-berth$n}
    ENGINE_BRIDGE_CIDR=${BERTH_BRIDGE_CIDR:-10.$((210 + n)).0.1/20}
    ENGINE_GATEWAY_BRIDGE=${BERTH_GATEWAY_BRIDGE:-berthgw$n}
    ENGINE_GATEWAY_SUBNET=${BERTH_GATEWAY_SUBNET:-10.$((210 + n)).16.0/20}
    ENGINE_ADDRESS_POOL=${BERTH_ADDRESS_POOL:-10.$((210 + n)).128.0/17}
    ENGINE_OVERLAY_POOL=${BERTH_OVERLAY_POOL:-10.$((220 + n)).0.0/16}
    ENGINE_SWARM_ADDR=${DOCKER_SWARM_ADVERTISE_ADDR:-127.0.0.$((21 + n))}
    ENGINE_SWARM_PORT=${BERTH_SWARM_PORT:-$((12377 + n))}
    ENGINE_DATA_PATH_PORT=${BERTH_DATA_PATH_PORT:-$((14789 + n))}
}

# Exports DOCKER_HOST, ENGINE_NETNS_DIR and ENGINE_VOLUMES_DIR of this install's engine.
engine_env() {
    if [[ $(engine_mode) == private ]]; then
        DOCKER_HOST="unix://$(_engine_socket)"
        ENGINE_NETNS_DIR="$(_engine_dir)/exec/netns"
        ENGINE_VOLUMES_DIR="$(_engine_dir)/data/volumes"
    else
        DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
        ENGINE_NETNS_DIR=$(_running_netns_dir)
        ENGINE_VOLUMES_DIR=$(timeout 20 docker info --format '{{.DockerRootDir}}' 2>/dev/null || echo /var/lib/docker)/volumes
    fi
    export DOCKER_HOST ENGINE_NETNS_DIR ENGINE_VOLUMES_DIR
}

# An engine does not tell its exec root; a container's namespace shows it.
_running_netns_dir() {
    local id key
    id=$(timeout 20 docker ps -q 2>/dev/null | head -1)
    [[ -n $id ]] && key=$(timeout 20 docker inspect --format '{{.NetworkSettings.SandboxKey}}' "$id" 2>/dev/null)
    [[ ${key:-} == */netns/* ]] && printf '%s\n' "${key%/*}" || printf '/var/run/docker/netns\n'
}

# Makes sure that this install's engine answers, and exports its environment.
engine_up() {
    local mode=${BERTH_ENGINE:-auto} home
    home=$(berth_home)
    mkdir -p "$home"
    [[ $mode == auto && -f $home/engine.mode ]] && mode=$(cat "$home/engine.mode")
    if [[ $mode != private ]]; then
        if _engine_answers "${DOCKER_HOST:-unix:///var/run/docker.sock}"; then
            mode=existing
        elif [[ $mode == existing ]]; then
            die "no Docker engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}"
        else
            mode=private
        fi
    fi
    printf '%s\n' "$mode" >"$home/engine.mode"
    [[ $mode == existing ]] || with_lock "$home/engine.lock" _private_engine_up
    engine_env
}

_private_engine_up() {
    _engine_pid >/dev/null && _engine_answers "unix://$(_engine_socket)" && return 0
    _engine_settings
    _prepare_host
    _forget_last_boot
    _engine_pid >/dev/null || _start_dockerd
    if ! wait_for 60 "dockerd" _engine_answers "unix://$(_engine_socket)"; then
        tail -n 20 "$(_engine_dir)/dockerd.log" >&2
        die "dockerd did not start; its log is $(_engine_dir)/dockerd.log"
    fi
    _restore_foreign_rules
    log_info "engine: unix://$(_engine_socket) (log $(_engine_dir)/dockerd.log)"
}

# What a host without systemd lacks: shared mounts (bind mounts with rslave need them) and our bridge.
_prepare_host() {
    [[ $(findmnt -no PROPAGATION /) == *shared* ]] || mount --make-rshared /
    if ! ip link show "$ENGINE_BRIDGE" >/dev/null 2>&1; then
        ip link add "$ENGINE_BRIDGE" type bridge
        ip addr add "$ENGINE_BRIDGE_CIDR" dev "$ENGINE_BRIDGE"
    fi
    ip link set "$ENGINE_BRIDGE" up
    # dockerd takes `iptables` from its PATH. A kernel without nf_tables needs the legacy program; the system's choice stays.
    local bin
    bin="$(_engine_dir)/bin"
    rm -rf "$bin"
    mkdir -p "$bin"
    if ! iptables -t nat -nL >/dev/null 2>&1 && iptables-legacy -t nat -nL >/dev/null 2>&1; then
        local tool
        for tool in iptables ip6tables; do
            ln -s "$(command -v $tool-legacy)" "$bin/$tool"
            ln -s "$(command -v $tool-legacy-save)" "$bin/$tool-save"
        done
    fi
}

# The engine's own containerd; a number that was left behind may be another program's by now.
_containerd_pid() {
    local pid folder
    folder=$(_engine_dir)/exec/containerd
    pid=$(cat "$folder/containerd.pid" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$folder/containerd.toml" && printf '%s\n' "$pid"
}

# After a reboot the exec root names processes and mounts that are gone.
_forget_last_boot() {
    local dir boot
    dir=$(_engine_dir)
    boot=$(cat /proc/sys/kernel/random/boot_id)
    if [[ $(cat "$dir/boot_id" 2>/dev/null) != "$boot" ]]; then
        rm -rf "$dir/exec"
        printf '%s\n' "$boot" >"$dir/boot_id"
    fi
    _engine_pid >/dev/null || rm -f "$dir/docker.pid"
    # dockerd would wait for whoever has the number.
    _containerd_pid >/dev/null || rm -f "$dir/exec/containerd/containerd.pid"
}

_iptables() { PATH="$(_engine_dir)/bin:$PATH" "$@"; }

# A starting dockerd empties the chains DOCKER* of the network namespace, also another engine's rules. They are kept here…
_start_dockerd() {
    local dir namespace
    dir=$(_engine_dir)
    namespace="berth-$(printf '%s' "$dir" | sha256sum | cut -c1-8)"
    _note_forward_policy
    _iptables iptables-save 2>/dev/null | grep -E '^(\*|-A DOCKER)' >"$dir/foreign-rules" || true
    (
        close_extra_fds
        cd /
        PATH="$dir/bin:$PATH" setsid nohup dockerd \
            --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" -H "unix://$dir/docker.sock" \
            --containerd-namespace "$namespace" --containerd-plugins-namespace "$namespace-plugins" \
            --storage-driver "${BERTH_STORAGE_DRIVER:-overlay2}" --bridge "$ENGINE_BRIDGE" \
            --default-address-pool "base=$ENGINE_ADDRESS_POOL,size=24" \
            --no-new-privileges --log-opt max-size=10m --log-opt max-file=2 --shutdown-timeout 30 \
            >>"$dir/dockerd.log" 2>&1 </dev/null &
    )
}

# …and what is missing afterwards is put back in front of the chain's end.
_restore_foreign_rules() {
    local table=filter line rule
    [[ -s $(_engine_dir)/foreign-rules ]] || return 0
    while read -r line; do
        if [[ $line == \** ]]; then
            table=${line#\*}
            continue
        fi
        read -ra rule <<<"${line#-A }"
        _iptables iptables -w -t "$table" -C "${rule[@]}" 2>/dev/null && continue
        # shellcheck disable=SC2086
        if [[ $line == *-ISOLATION-* ]]; then
            _iptables iptables -w -t "$table" -I "${rule[@]}" 2>/dev/null || true
        else
            _iptables iptables -w -t "$table" -A "${rule[@]}" 2>/dev/null || true
        fi
    done <"$(_engine_dir)/foreign-rules"
}

_process_gone() { [[ ! -d /proc/$1 ]] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }

# Ends the private engine (its containers end with it; data stays). Does nothing on an existing engine.
engine_down() {
    [[ $(engine_mode) == private ]] || return 0
    with_lock "$(berth_home)/engine.lock" _private_engine_down
}

_private_engine_down() {
    local dir pid shim
    dir=$(_engine_dir)
    [[ -d $dir ]] || return 0
    if pid=$(_engine_pid); then
        kill -TERM "$pid"
        if ! wait_for 60 "the end of dockerd" _process_gone "$pid"; then
            shim=$(_containerd_pid || true)
            kill -KILL "$pid" ${shim:+"$shim"} 2>/dev/null || true
        fi
    fi
    rm -f "$dir/docker.pid" "$dir/docker.sock"
    _engine_settings
    local bridge bridges
    mapfile -t bridges < <(_own_bridges)
    for bridge in "${bridges[@]}"; do
        ip link del "$bridge" 2>/dev/null || true
    done
    _remove_own_rules "${bridges[@]}"
}

# Our two bridges, and those of networks that were made in our engine.
_own_bridges() {
    printf '%s\n' "$ENGINE_BRIDGE" "$ENGINE_GATEWAY_BRIDGE"
    ip -o -4 addr show | awk -v pool="${ENGINE_ADDRESS_POOL%.*.*}." '$2 ~ /^br-/ && index($4, pool) == 1 { print $2 }'
}

_dockerd_runs() { grep -qsx dockerd /proc/[0-9]*/comm; }

# dockerd leaves its rules behind when it ends. Those that name our bridges or subnets go; when no other engine runs,
# also the empty frame of chains, and the host forwards again as it did before.
_remove_own_rules() {
    local table=filter line rule bridge ours=""
    for bridge in "$@"; do ours+="$bridge|"; done
    # What engines of this kind have left that ended without us.
    for bridge in berth{,gw}{0..9}; do [[ -e /sys/class/net/$bridge ]] || ours+="$bridge|"; done
    ours="(-[io] (${ours%|}) |-[sd] (${ENGINE_GATEWAY_SUBNET%.*.*}|${ENGINE_OVERLAY_POOL%.*.*})\.)"
    while read -r line; do
        [[ $line != \** ]] || table=${line#\*}
        [[ $line == -A* && "$line " =~ $ours ]] || continue
        read -ra rule <<<"${line#-A }"
        _iptables iptables -w -t "$table" -D "${rule[@]}" 2>/dev/null || true
    done < <(_iptables iptables-save 2>/dev/null)
    _dockerd_runs || _remove_docker_chains
}

_remove_docker_chains() {
    local table chain line rule note=/var/lib/berth-engines/forward-policy
    for table in filter nat; do
        _iptables iptables-save -t $table 2>/dev/null | grep -qE '^-A .* -[io] (docker|br-|berth)' && continue
        while read -r line; do
            read -ra rule <<<"${line#-A }"
            _iptables iptables -w -t $table -D "${rule[@]}" 2>/dev/null || true
        done < <(_iptables iptables-save -t $table 2>/dev/null | grep -E '^-A .*-j DOCKER')
        for chain in DOCKER DOCKER-INGRESS DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do
            _iptables iptables -w -t $table -F $chain 2>/dev/null || continue
            _iptables iptables -w -t $table -X $chain || true
        done
    done
    [[ ! -s $note ]] || _iptables iptables -w -P FORWARD "$(cat "$note")"
    rm -f "$note"
}

# A dockerd that switches forwarding on closes it for everybody else; what the host had before is noted.
_note_forward_policy() {
    local note=/var/lib/berth-engines/forward-policy
    [[ ! -s $note ]] && ! _dockerd_runs || return 0
    mkdir -p "${note%/*}"
    _iptables iptables -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' >"$note"
}

# engine_down, then removes the private engine's data: every image, container and volume in it.
engine_purge() {
    [[ $(engine_mode) == private ]] || return 0
    engine_down
    local dir mount index
    dir=$(_engine_dir)
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done < <(awk -v p="$dir/" 'index($2, p) == 1 {print $2}' /proc/mounts | sort -r)
    rm -rf "$dir" "$(berth_home)/engine.mode"
    with_lock /var/lib/berth-engines/.lock _release_index
}

# The claim of this BERTH_HOME, and the folder when it was the last one. Claims of folders that are gone go too.
_release_index() {
    local registry=/var/lib/berth-engines index home
    for index in "$registry"/[0-9]; do
        [[ -f $index ]] || continue
        home=$(cat "$index")
        [[ $home != "$(berth_home)" && -d $home/engine ]] || rm -f "$index"
    done
    compgen -G "$registry/*" >/dev/null || rm -rf "$registry"
}

# Makes the engine a Swarm manager when it is in no Swarm. A Swarm that is there is left as it is.
swarm_init() {
    local state addr=${DOCKER_SWARM_ADVERTISE_ADDR:-127.0.0.1} port=${BERTH_SWARM_PORT:-2377} options=()
    state=$(timeout 20 docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') || die "the engine at ${DOCKER_HOST:-} does not answer"
    case $state in
        'active true') return 0 ;;
        'active false') die "this engine is a worker of a Swarm; run the install on a manager" ;;
        inactive*) ;;
        *) die "this engine's Swarm state is '$state'; repair it first (docker info)" ;;
    esac
    log_step "initialising the Swarm"
    if [[ $(engine_mode) == private ]]; then
        _engine_settings
        addr=$ENGINE_SWARM_ADDR port=$ENGINE_SWARM_PORT
        options=(--data-path-port "$ENGINE_DATA_PATH_PORT" --default-addr-pool "$ENGINE_OVERLAY_POOL" --default-addr-pool-mask-length 24)
        _create_gateway_network
    elif [[ -n ${BERTH_DATA_PATH_PORT:-} ]]; then
        options=(--data-path-port "$BERTH_DATA_PATH_PORT")
    fi
    timeout 60 docker swarm init --listen-addr "$addr:$port" --advertise-addr "$addr:$port" "${options[@]}" >/dev/null ||
        die "docker swarm init failed"
    wait_for 30 "the Swarm" docker node inspect self || die "the Swarm did not come up"
}

# Every Swarm engine wants a network docker_gwbridge on a bridge of that name; two engines on one machine need two bridges.
_create_gateway_network() {
    docker network inspect docker_gwbridge >/dev/null 2>&1 && return 0
    docker network create --subnet "$ENGINE_GATEWAY_SUBNET" \
        --opt com.docker.network.bridge.name="$ENGINE_GATEWAY_BRIDGE" \
        --opt com.docker.network.bridge.enable_icc=false \
        --opt com.docker.network.bridge.enable_ip_masquerade=true docker_gwbridge >/dev/null
}
