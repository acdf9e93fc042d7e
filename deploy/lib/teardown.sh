# shellcheck shell=bash
# Taking an install down. Everything is found by the install's label or the stack's name, and nothing else is
# touched. Only defines functions; needs common.sh, values.sh and stack.sh.

install_services() { docker service ls -q --filter "label=dev.berth.install=$BERTH_INSTALL_ID"; }
install_containers() { docker ps -aq --filter "label=dev.berth.install=$BERTH_INSTALL_ID"; }
install_networks() { docker network ls -q --filter "label=dev.berth.install=$BERTH_INSTALL_ID"; }
install_volumes() { docker volume ls -q --filter "label=dev.berth.install=$BERTH_INSTALL_ID"; }
install_secrets() { docker secret ls -q --filter "label=dev.berth.install=$BERTH_INSTALL_ID"; }
stack_containers() { docker ps -aq --filter "label=com.docker.stack.namespace=$BERTH_STACK"; }
is_empty() { [[ -z $("$@") ]]; }

# teardown_services: first what acts (berthd would bring workspaces back), then the workspaces, then the network.
teardown_services() {
    local id
    log_step "removing the services of this install"
    for id in $(stack_services); do
        [[ $(docker service inspect "$id" --format '{{index .Spec.Labels "dev.berth.install"}}') == "$BERTH_INSTALL_ID" ]] ||
            continue
        docker service rm "$id" >/dev/null
    done
    await 60 "stack stopped" is_empty stack_containers || log_info "some tasks of the stack still run"
    install_services | xargs -r docker service rm >/dev/null
    await 60 "workspaces stopped" is_empty install_containers || install_containers | xargs -r docker rm -f >/dev/null
    for id in $(install_networks); do
        await 30 "network removed" remove_network "$id" || log_info "the network $id is still in use"
    done
    install_secrets | xargs -r docker secret rm >/dev/null
}
remove_network() { docker network rm "$1" >/dev/null 2>&1 || ! docker network inspect "$1" >/dev/null 2>&1; }
remove_volume() { docker volume rm "$1" >/dev/null 2>&1 || ! docker volume inspect "$1" >/dev/null 2>&1; }

# Volumes of workspaces: their files may exist nowhere else.
workspace_volumes() { docker volume ls -q --filter "label=dev.berth.install=$BERTH_INSTALL_ID" --filter "name=berth-ws-"; }

teardown_volumes() {
    local id
    log_step "removing the volumes of this install"
    for id in $(install_volumes); do
        wait_for 30 "volume $id removed" remove_volume "$id" || log_info "the volume $id is still in use"
    done
}

engine_answers() { timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# install_down [purge]: also when the engine is already stopped.
install_down() {
    local purge=${1:-} kept
    if [[ -n ${BERTH_INSTALL_ID:-} ]] && engine_answers; then
        teardown_services
        kept=$(workspace_volumes | wc -l)
        if [[ $purge == purge ]]; then
            teardown_volumes
        elif [[ $kept != 0 ]]; then
            log_info "$kept workspace volumes are kept; the next ./deploy/setup-local.sh carries on with them"
        fi
    fi
    if [[ $purge == purge ]]; then
        engine_purge
        remove_home
        rm -f "$(berth_home).lock"
    else
        engine_down
    fi
    log_step "Berth is down"
}

# remove_home: the folder of the install, keys included.
remove_home() {
    local home
    home=$(berth_home)
    [[ $home == /*/* ]] || die "won't remove $home"
    rm -rf --one-file-system "$home"
}
