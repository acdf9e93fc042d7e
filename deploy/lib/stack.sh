# shellcheck shell=bash
# Deploying the stack and waiting for it. Only defines functions; needs common.sh and values.sh.

# await SECONDS DESCRIPTION COMMAND…: wait_for with a line of progress: what was waited for, and how long.
await() {
    local what=$2 start=${EPOCHREALTIME/[.,]/} ms
    wait_for "$@" || return 1
    ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    log_info "$(printf '%-58s %3d.%d s' "$what" $((ms / 1000)) $((ms % 1000 / 100)))"
}

stack_services() { docker service ls --filter "label=com.docker.stack.namespace=$BERTH_STACK" --format '{{.Name}}'; }

# stack_spec SERVICE: what a task of it is made from; empty when there is no such service.
stack_spec() { docker service inspect "$1" --format '{{json .Spec.TaskTemplate}}' 2>/dev/null || true; }

# stack_guard: a stack of that name which is not ours stays as it is.
stack_guard() {
    local name owner
    for name in $(stack_services); do
        owner=$(docker service inspect "$name" --format '{{index .Spec.Labels "dev.berth.install"}}')
        [[ $owner == "$BERTH_INSTALL_ID" ]] ||
            die "the service $name belongs to another install (${owner:-no Berth label}); choose another BERTH_STACK"
    done
}

# stack_deploy: idempotent; a service whose description did not change keeps its tasks. Sets STACK_SINCE and
# STACK_CHANGED for stack_wait.
stack_deploy() {
    local name log
    declare -gA STACK_CHANGED=()
    local -A before=()
    stack_guard
    for name in $(stack_services); do before[$name]=$(stack_spec "$name"); done
    STACK_SINCE=$(date +%s)
    log=$(berth_home)/stack-deploy.log
    timeout 120 docker stack deploy --resolve-image never --prune -c "$(repo_root)/charts/berth/stack.yml" \
        "$BERTH_STACK" >"$log" 2>&1 </dev/null || {
        cat "$log" >&2
        die "docker stack deploy failed"
    }
    for name in "${!before[@]}"; do
        [[ $(stack_spec "$name") == "${before[$name]}" ]] || STACK_CHANGED[$name]=1
    done
}

# service_settled SERVICE: every task that should run runs, from the description just deployed.
service_settled() {
    local name=$1 replicas state started
    replicas=$(docker service ls --filter "name=$name" --format '{{.Name}} {{.Replicas}}' |
        awk -v n="$name" '$1 == n { print $2 }')
    [[ -n $replicas && ${replicas%%/*} == "${replicas##*/}" ]] || return 1
    [[ -n ${STACK_CHANGED[$name]:-} ]] || return 0
    read -r state started < <(docker service inspect "$name" --format \
        '{{with .UpdateStatus}}{{.State}} {{with .StartedAt}}{{.Unix}}{{end}}{{end}}')
    [[ $state == completed && ${started:-0} -ge $STACK_SINCE ]]
}

# service_trouble SERVICE: why its newest task does not run.
service_trouble() {
    docker service ps "$1" --no-trunc --format '{{.Name}}: {{.CurrentState}} {{.Error}}' | head -3
    docker service logs --raw --tail 15 "$1" 2>&1 | tail -15
}

stack_wait() {
    local name
    for name in $(stack_services); do
        await 60 "service $name" service_settled "$name" || {
            service_trouble "$name" >&2
            die "the service $name did not come up"
        }
    done
}

# stack_prune_secrets: secrets of earlier contents, which no service uses any more.
stack_prune_secrets() {
    local name used
    used=$(stack_services | xargs -r docker service inspect --format \
        '{{range .Spec.TaskTemplate.ContainerSpec.Secrets}}{{.SecretName}}{{"\n"}}{{end}}')
    for name in $(docker secret ls --filter "label=dev.berth.install=$BERTH_INSTALL_ID" --format '{{.Name}}'); do
        grep -qxF "$name" <<<"$used" || docker secret rm "$name" >/dev/null || true
    done
}

# --- talking to the install ---------------------------------------------------------------------------------------

api_url() { printf 'http://127.0.0.1:%s' "$BERTH_API_PORT"; }
http_url() { printf 'http://127.0.0.1:%s' "$BERTH_HTTP_PORT"; }
s3_url() { printf 'http://127.0.0.1:%s' "$BERTH_S3_PORT"; }

# api METHOD PATH [JSON]: answer body on standard output; fails on a status of 400 and above. The key goes by
# standard input, so that it is in no process list.
api() {
    local data=()
    [[ $# -lt 3 ]] || data=(-H 'Content-Type: application/json' --data "$3")
    printf 'header = "Authorization: Bearer %s"\n' "$(key_of_role admin)" |
        curl -sS --noproxy '*' --max-time 30 --fail-with-body -K - -X "$1" "${data[@]}" "$(api_url)$2"
}

# s3 ARGS…: rclone with the install's S3; name things as :s3:bucket/path.
s3() (
    umask 077 # the log names buckets and files
    env RCLONE_CONFIG=/dev/null RCLONE_S3_PROVIDER=Other RCLONE_S3_ENDPOINT="$(s3_url)" RCLONE_S3_REGION=us-east-1 \
        RCLONE_S3_ACCESS_KEY_ID="$(s3_access_key)" RCLONE_S3_SECRET_ACCESS_KEY="$(s3_secret_key)" \
        RCLONE_S3_FORCE_PATH_STYLE=true no_proxy=127.0.0.1 NO_PROXY=127.0.0.1 \
        timeout 30 "$(berth_tools)/bin/rclone" --retries 1 --low-level-retries 1 --contimeout 5s "$@" 2>>"$(berth_home)/s3.log"
)

api_answers() { api GET /api/health >/dev/null 2>&1; }
s3_answers() { s3 lsd :s3: >/dev/null 2>&1; }
traefik_answers() { curl -sf --noproxy '*' --max-time 5 "$(http_url)/ping" >/dev/null; }
node_is_ready() {
    api GET /api/v1/orgs/default/nodes 2>/dev/null |
        jq -e 'any(.items[]; any(.status.conditions[]?; .type == "Ready" and .status == "True"))' >/dev/null 2>&1
}

install_wait() {
    # shellcheck disable=SC2034 # wait_for reads it
    local WAIT_PAUSE=0.5 # calls of the API per minute are limited
    await 60 "API at $(api_url)" api_answers || die "berthd does not answer at $(api_url)"
    await 60 "Traefik at $(http_url)" traefik_answers || die "Traefik does not answer at $(http_url)"
    if [[ $BERTH_S3_REPLICAS != 0 ]]; then
        await 60 "S3 at $(s3_url)" s3_answers || die "S3 does not answer at $(s3_url); see $(berth_home)/s3.log"
    fi
    await 60 "node agent" node_is_ready || die "no node agent has reported to berthd"
}
