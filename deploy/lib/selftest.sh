# shellcheck shell=bash
# The proof at the end of an install: one workspace, used as a user would, and gone without a trace. Only defines
# functions; needs common.sh, values.sh and stack.sh.

SELFTEST_BUCKET=berth-selftest

selftest_field() { api GET "/api/containers/$1" | jq -r "$2"; }
selftest_status_is() { [[ $(selftest_field "$1" .status) == "$2" ]]; }
selftest_running() { selftest_status_is "$1" running; }
selftest_stopped() { [[ $(selftest_field "$1" '.status + " " + ((.sync.receipt != null) | tostring)') == "stopped true" ]]; }

# page URL: the HTTP status of a workspace URL, asked at Traefik by host name and path.
page() {
    local rest=${1#*://}
    curl -s --noproxy '*' --max-time 10 -o /dev/null -w '%{http_code}' -H "Host: ${rest%%/*}" "$(http_url)/${rest#*/}"
}
page_is() { [[ $(page "$1") == "$2" ]]; }
# code-server answers its first page with a redirect into the editor.
page_opens() { [[ $(page "$1") =~ ^(200|302)$ ]]; }

selftest_shell() { timeout 20 docker exec "$(docker ps -q --filter "label=dev.berth.name=$1" | head -1)" sh -c "$2"; }
selftest_restored() { [[ $(selftest_shell "$1" 'cat /workspace/from-s3.txt' 2>/dev/null) == "$2" ]]; }
selftest_uploaded() { [[ $(s3 cat ":s3:$SELFTEST_BUCKET/$1/from-workspace.txt" 2>/dev/null) == "$1" ]]; }
selftest_gone() {
    [[ -z $(docker service ls -q --filter "name=ws-$1") && -z $(docker ps -aq --filter "label=dev.berth.name=$1") &&
        -z $(docker volume ls -q --filter "name=berth-ws-$1" --filter "name=berth-run-$1") ]]
}

selftest_fail() {
    local id=$1
    shift
    printf 'the workspace as berthd sees it:\n' >&2
    api GET "/api/containers/$id" >&2 || true
    printf '\n' >&2
    service_trouble "ws-$id" >&2 || true
    api DELETE "/api/containers/$id" >/dev/null 2>&1 || true
    die "self-test: $*"
}

# selftest_run: start, page through Traefik, file from S3, file to S3, delete, nothing left.
selftest_run() {
    local run id answer
    # shellcheck disable=SC2034 # wait_for reads it
    local WAIT_PAUSE=0.5 # calls of the API per minute are limited
    run=run-$(openssl rand -hex 4)
    if ! s3 mkdir ":s3:$SELFTEST_BUCKET" || ! s3 rcat ":s3:$SELFTEST_BUCKET/$run/from-s3.txt" <<<"$run"; then
        die "can't write to the local S3; see $(berth_home)/s3.log"
    fi
    answer=$(api POST /api/containers/start "{\"s3Bucket\":\"$SELFTEST_BUCKET\",\"s3Prefix\":\"$run\"}") ||
        die "the API refused to start a workspace: $answer"
    id=$(jq -r .id <<<"$answer")
    await 60 "workspace $id is running" selftest_running "$id" || selftest_fail "$id" "it did not reach running"
    selftest_use "$id" "$run" "$answer"
    api DELETE "/api/containers/$id" >/dev/null || selftest_fail "$id" "DELETE was refused"
    await 60 "stopped, final sync confirmed" selftest_stopped "$id" || selftest_fail "$id" "it did not stop"
    await 10 "its file is in S3" selftest_uploaded "$run" || selftest_fail "$id" "the file is not in S3"
    await 30 "nothing is left of it" selftest_gone "$id" || selftest_fail "$id" "something was left behind"
    await 10 "its URL answers 404" page_is "$(jq -r .urls.codeServer <<<"$answer")" 404 ||
        selftest_fail "$id" "its URL still answers"
    # Its record too: a second run leaves nothing that was not there before.
    api DELETE "/api/v1/orgs/default/workspaces/$id" >/dev/null || selftest_fail "$id" "its record could not be deleted"
    s3 purge ":s3:$SELFTEST_BUCKET/$run" || true
}

selftest_use() {
    local id=$1 run=$2 answer=$3 name
    for name in codeServer vnc webServer; do
        await 20 "page of $name through Traefik" page_opens "$(jq -r ".urls.$name" <<<"$answer")" ||
            selftest_fail "$id" "the page of $name does not open"
    done
    await 30 "file from S3 is in the workspace" selftest_restored "$id" "$run" ||
        selftest_fail "$id" "the file from S3 did not arrive"
    selftest_shell "$id" "echo '$run' >/workspace/from-workspace.txt" ||
        selftest_fail "$id" "can't write a file in the workspace"
}
