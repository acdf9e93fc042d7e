#!/bin/bash
# Checks the workspace image on the install's engine, with the limits that berthd sets. usage: workspace_image_test.sh [IMAGE]
# Prints `ok NAME` or `not ok NAME` per check and fails if one failed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. deploy/lib/common.sh
. deploy/lib/engine.sh
. deploy/lib/images.sh
engine_env
image=${1:-$(image_ref workspace)} || exit 1
[[ -n ${1:-} ]] || ensure_image workspace || exit 1
docker image inspect "$image" >/dev/null || exit 1
name=berth-image-test-$$
passed=0
failed=0

cleanup() {
    docker rm -f "$name" "$name-waits" >/dev/null 2>&1
    docker volume rm -f "$name-files" "$name-control" >/dev/null 2>&1
}
trap cleanup EXIT

check() {
    local what=$1
    shift
    if "$@" >/tmp/"$name".out 2>&1; then
        echo "ok $what"
        passed=$((passed + 1))
    else
        echo "not ok $what"
        sed 's/^/#   /' /tmp/"$name".out | tail -n 15
        failed=$((failed + 1))
    fi
    rm -f /tmp/"$name".out
}

inside() { timeout 60 docker exec "$name" "$@"; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
image_field() { docker image inspect -f "$1" "$image"; }
# get PORT PATH: the page; fails on any status but 200.
get() { curl -sf -m 5 "http://$address:$1$2"; }
body_has() { grep -q -- "$3" <<<"$(get "$1" "$2")"; }
vnc_login() { timeout 20 python3 tests/images/vnc_login.py "$address" 6080 "$1"; }
# A refusal is exit code 3: an unreachable server is no refusal.
vnc_refuses() {
    vnc_login "$1"
    [[ $? -eq 3 ]]
}
write_control() { printf '%s' "$2" | docker run --rm -i -u 0 --entrypoint sh -v "$name-control:/c" "$image" -c "cat >/c/$1"; }
pid_of() { inside pgrep -o -f -- "$1"; }
state_of() { docker inspect -f '{{.State.Running}} {{.State.ExitCode}}' "$name"; }

placeholder() { grep -qi '^x-berth-placeholder' <<<"$(curl -s -m 5 -D - -o /dev/null "http://$address:3000/")"; }
all_up() {
    get 8080 /healthz && get 6080 /vnc.html && vnc_login first-pw && inside pgrep -x openbox && inside pgrep -x xterm && placeholder
}

# Runs a command below the supervisor, as a terminal of the editor would, until end_user_server.
start_user_server() {
    printf '#!/bin/sh\ncd /workspace\nexec %s\n' "$1" |
        inside_stdin sh -c 'mkdir -p /tmp/user && cat >/tmp/user/run && chmod +x /tmp/user/run && touch /tmp/user/down &&
            ln -sfn /tmp/user /run/berth-ws/services/user && s6-svscanctl -a /run/berth-ws/services &&
            until s6-svok /tmp/user; do sleep 0.05; done; s6-svc -o /tmp/user'
}
inside_stdin() { timeout 60 docker exec -i "$name" "$@"; }
end_user_server() {
    inside sh -c 's6-svc -wD -T 5000 -d /tmp/user; rm -f /run/berth-ws/services/user; s6-svscanctl -an /run/berth-ws/services; rm -rf /tmp/user'
}
# user_server COMMAND TEXT: the command gets the port at its first try, and its page is served.
user_server() {
    wait_for 10 placeholder placeholder || return 1
    start_user_server "$1" && wait_for 15 "the user's server" body_has 3000 / "$2"
    local result=$?
    end_user_server
    return $result
}
from_outside() {
    wait_for 10 placeholder placeholder || return 1
    docker exec -d "$name" berth-enter timeout 4 python3 -m http.server 3000
    wait_for 3 "the server of docker exec" body_has 3000 / 'Directory listing'
}

# killed PATTERN: kill -9 of the process that matches; everything answers again and the process is a new one.
healed_after_kill() {
    local old
    old=$(pid_of "$1") || return 1
    inside kill -KILL "$old"
    wait_for 10 "a new $1" another_process "$1" "$old" && wait_for 15 "everything after kill -9 of $1" all_up
}
another_process() {
    local pid
    pid=$(pid_of "$1") && [[ $pid != "$2" ]]
}

ends_in_time() {
    local from
    from=$(now_ms)
    docker kill -s TERM "$name" >/dev/null && wait_for 5 "the end" stopped || return 1
    echo "# SIGTERM to end: $(($(now_ms) - from)) ms" >&3
    [[ $(($(now_ms) - from)) -lt 3000 && $(state_of) == "false 0" ]]
}
stopped() { [[ $(state_of) == false* ]]; }
set_address() { address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$name"); }

# The wait for the network filter: a container whose program would say so if it ran, with a program of the user's in the environment.
start_waiting() {
    docker rm -f "$name-waits" >/dev/null 2>&1
    docker run -d --name "$name-waits" --cap-drop ALL --security-opt no-new-privileges -e BERTH_ISOLATION=on "$@" \
        -e LD_PRELOAD=/workspace/spy.so -v "$name-files:/workspace" -v "$name-control:/run/berth:ro" "$image" \
        sh -c 'echo the program ran; exec sleep 60' >/dev/null
}
waiting_says() { docker logs "$name-waits" 2>&1 | grep -q -- "$1"; }
waiting_has_ended() { [[ $(docker inspect -f '{{.State.Running}}' "$name-waits") == false ]]; }
# What the agent writes: the name of the container's network namespace.
mark_of() {
    local pid
    pid=$(docker inspect -f '{{.State.Pid}}' "$1")
    printf '%s %s\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(nsenter "--net=/proc/$pid/ns/net" \
        python3 -c 'import socket, sys; print(int.from_bytes(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8), sys.byteorder))')"
}
nothing_runs_without_filter() {
    write_control ready "$(mark_of "$name")"$'\n' # of another container
    start_waiting -e BERTH_FILTER_DEADLINE=2 && wait_for 30 "the end" waiting_has_ended || return 1
    [[ $(docker inspect -f '{{.State.ExitCode}}' "$name-waits") == 2 ]] && waiting_says 'network filter did not come within 2 s' || return 1
    ! waiting_says 'the program ran' && ! waiting_says 'the spy ran'
}
runs_with_filter() {
    start_waiting && write_control ready "$(mark_of "$name-waits")"$'\n' && wait_for 30 "the program" waiting_says 'the program ran' &&
        wait_for 10 "the spy" waiting_says 'the spy ran' # the other stream, so it may be told later
}
stops_while_waiting() {
    local from
    start_waiting
    from=$(now_ms)
    docker kill -s TERM "$name-waits" >/dev/null && wait_for 5 "the end" waiting_has_ended && [[ $(($(now_ms) - from)) -lt 2000 ]]
}
make_spy() {
    inside_stdin sh -c 'gcc -shared -fPIC -xc -o /workspace/spy.so -' \
        <<<'#include <unistd.h>
        __attribute__((constructor)) static void spy(void) { if (write(2, "the spy ran\n", 12)) {} }'
}

exec 3>&1
size=$(image_field '{{.Size}}')
echo "# image $image, $((size / 1000000)) MB"
check "is smaller than 1.2 GB" test "$size" -lt 1200000000
check "has no health check" test "$(image_field '{{json .Config.Healthcheck}}')" = null
check "runs as a user" test "$(image_field '{{.Config.User}}')" = dev
check "says what it is" test -n "$(image_field '{{index .Config.Labels "org.opencontainers.image.description"}}')"

docker volume create "$name-files" >/dev/null
docker volume create "$name-control" >/dev/null
started=$(now_ms)
docker run -d --name "$name" --cap-drop ALL --security-opt no-new-privileges --pids-limit 512 --memory 4g --cpus 2 \
    -v "$name-files:/workspace" -v "$name-control:/run/berth:ro" "$image" >/dev/null || exit 1
set_address
check "the editor answers" wait_for 20 "/healthz" get 8080 /healthz
echo "# start to /healthz: $(($(now_ms) - started)) ms"
check "the desktop's page is served" wait_for 10 "/vnc.html" get 6080 /vnc.html
check "the desktop's page is the front page" body_has 6080 / desktop.js
check "the desktop's client is served" body_has 6080 /core/rfb.js 'class RFB'
check "folders are not listed" bash -c "[[ \$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://$address:6080/core/) != 200 ]]"
check "the editor's page is served" wait_for 20 "the page" body_has 8080 '/?folder=/workspace' workbench

check "without a password file VNC refuses" vnc_refuses anything
write_control vnc-password first-pw
check "a wrong password is refused" vnc_refuses wrong-pw
check "the right password is accepted" vnc_login first-pw
write_control vnc-password $'second-p\n'
check "after a change the old password is refused" vnc_refuses first-pw
check "after a change the new password is accepted" vnc_login second-p
write_control vnc-password first-pw

write_control env $'GREETING=\'hello there\'\n'
check "new shells have the workspace's environment" bash -c "docker exec $name bash -ic 'echo \$GREETING' 2>/dev/null | grep -qx 'hello there'"
check "scripts have it as well" bash -c "docker exec $name bash -c 'echo \$GREETING' | grep -qx 'hello there'"
check "what is set since is kept" bash -c "docker exec $name bash -c 'GREETING=mine bash -c \"echo \\\$GREETING\"' | grep -qx mine"
write_control env $'# 2\nGREETING=\'hello again\'\n'
check "a changed environment reaches the next shell" bash -c "docker exec $name bash -c 'echo \$GREETING' | grep -qx 'hello again'"
# shellcheck disable=SC2016  # for the shell inside
check "the volume is the user's" inside sh -c '[ "$(id -u):$(id -g)" = 1000:1000 ] && echo x >/workspace/x && rm /workspace/x'
check "there are no capabilities" inside grep -qE '^CapBnd:[[:space:]]*0+$' /proc/1/status
check "git and curl run" inside sh -c 'git init -q /tmp/r && curl --version'
check "Python makes a venv" inside sh -c 'python3 -m venv /tmp/v && /tmp/v/bin/pip --version'
check "Node 24 and npm run" inside sh -c 'node --version | grep -q ^v24 && npm --version && npx --version'
check "C compiles" inside sh -c 'printf "int main(void){return 0;}" | gcc -xc -o /tmp/a - && /tmp/a'

check "vsock, which no packet filter sees, is closed" inside berth-enter python3 -c 'import errno, socket
try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
except OSError as error:
    assert error.errno == errno.EAFNOSUPPORT, error
else:
    raise AssertionError("there is a socket")'

check "the web port has a page that says what to do" body_has 3000 / 'python3 -m http.server 3000'
# No dynamic linker to hook into, no SO_REUSEADDR, and the page has just been fetched: the hardest case. It comes first: a server
# that closes its connections itself keeps such a program from the port for a minute, which is the kernel's rule and not ours.
inside_stdin sh -c 'gcc -xc -static -O1 -o /tmp/server -' <tests/images/plain_server.c
check "a static program without SO_REUSEADDR gets the port" user_server /tmp/server 'from C'
check "python3 -m http.server gets the port" user_server 'python3 -m http.server 3000' 'Directory listing'
check "Node gets the port" user_server "node -e 'require(\"http\").createServer((q,s)=>s.end(\"from node\")).listen(3000)'" 'from node'
check "a program that docker exec starts gets the port" from_outside
check "the page comes back when the user's server has ended" wait_for 10 placeholder placeholder
inside berth-enter timeout 0.5 python3 -m http.server 3999 >/dev/null 2>&1
check "binding another port leaves the page alone" placeholder

check "everything is up" wait_for 10 "everything" all_up
for process in Xvnc openbox novnc.py 'code-server/out/node/entry.js' 'code-server/out/node/entry$' \
    's6-supervise xvnc' 's6-supervise novnc' 's6-supervise code-server' 's6-svscan /run'; do
    check "kill -9 of $process is healed" healed_after_kill "$process"
done
echo "# memory: $(docker stats --no-stream --format '{{.MemUsage}}, {{.PIDs}} tasks' "$name")"

check "SIGTERM ends it in less than 3 s" ends_in_time
docker start "$name" >/dev/null
set_address
check "it starts again after a stop" wait_for 20 "everything" all_up
check "it starts again after a kill" bash -c "docker kill $name && docker start $name"
set_address
check "everything is up after a kill" wait_for 20 "everything" all_up

check "a program of the user's for the wait" make_spy
check "without its network filter nothing of the user's runs, and it says so" nothing_runs_without_filter
check "with its network filter it starts" runs_with_filter
check "a stop ends the wait" stops_while_waiting
echo "$passed passed, $failed failed"
((failed == 0))
