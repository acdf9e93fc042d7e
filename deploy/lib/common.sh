# shellcheck shell=bash
# Helpers shared by the install and test scripts. Only defines functions; source it from bash with `set -euo pipefail`.

# Prints a progress line on stderr (stdout stays free for results). A terminal gets it in bold.
log_step() {
    if [[ -t 2 && -z ${NO_COLOR:-} ]]; then printf '\033[1m==> %s\033[0m\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}

# Prints a detail line below a step.
log_info() { printf '    %s\n' "$*" >&2; }

# Ends the script with a message.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The root of this checkout, whatever the working directory is.
repo_root() { (cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd); }

# Where an install keeps its engine, settings and state.
berth_home() { printf '%s\n' "${BERTH_HOME:-/var/lib/berth-local}"; }

# Call as `need_root "$@"` at the start of a script: starts the script again through sudo when it is not root.
need_root() {
    [[ $(id -u) -eq 0 ]] && return 0
    command -v sudo >/dev/null || die "run this as root (sudo is not installed)"
    local keep
    keep=$(compgen -e | grep -E '^(BERTH_|DOCKER_|https?_proxy$|no_proxy$|HTTPS?_PROXY$|NO_PROXY$)' | paste -sd, || true)
    exec sudo ${keep:+--preserve-env="$keep"} -- bash "$0" "$@"
}

# wait_for SECONDS DESCRIPTION COMMAND…: runs the command every 100 ms (WAIT_PAUSE) until it succeeds; 1 after the deadline.
wait_for() {
    local deadline=$((${EPOCHREALTIME/[.,]/} / 1000 + $1 * 1000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((${EPOCHREALTIME/[.,]/} / 1000 >= deadline)); then
            log_info "gave up waiting for $what"
            return 1
        fi
        sleep "${WAIT_PAUSE:-0.1}"
    done
}

# with_lock FILE COMMAND…: runs the command (also a function) while it holds an exclusive lock. The lock is not inherited by daemons, see
# close_extra_fds.
with_lock() {
    local file=$1
    shift
    mkdir -p "$(dirname "$file")"
    (
        while exec 9>"$file"; do
            flock -w 1800 9 || die "another run holds $file"
            [[ $file -ef /proc/self/fd/9 ]] && break # else it was removed while we waited
            mkdir -p "$(dirname "$file")"
        done
        "$@"
    )
}

# Closes every descriptor above stderr, so that a daemon started from here keeps no lock or pipe of ours open.
close_extra_fds() {
    local fd
    for fd in /proc/self/fd/*; do
        fd=${fd##*/}
        ((fd > 2 && fd != 255)) && eval "exec $fd>&-"
    done
    return 0
}
