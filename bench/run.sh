#!/usr/bin/env bash
# Builds what the benchmarks need and runs them: ./bench/run.sh [--only NAME]…; see --help and docs/BENCHMARKS.md.
# Environment: BERTH_BENCH_BUILD (build/bench), BERTH_TOOLS (/var/lib/berth-tools), BERTH_BENCH_JOBS.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BERTH_BENCH_BUILD:-$root/build/bench}
tools=${BERTH_TOOLS:-/var/lib/berth-tools}
programs=(berthd bench_load bench_hello bench_rocks bench_seed bench_routes bench_relist bench_idle bench_files)

# etcd is only an anchor: its server is unpacked from the Debian package, not installed as a service.
fetch_etcd() {
    local folder=$build/etcd
    [[ ! -x $folder/usr/bin/etcd ]] || return 0
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -q etcd-server >&2 && dpkg -x etcd-server_*.deb .) ||
        echo "etcd-server can't be downloaded: its row is left out" >&2
}

# The pinned Traefik, as the local install gets it.
fetch_traefik() {
    [[ ! -x $tools/bin/traefik ]] || return 0
    local part
    for part in common packages; do
        # shellcheck source=/dev/null
        source "$root/deploy/lib/$part.sh"
    done
    ensure_tools
}

# JupyterHub for its suite, which runs only beside an install.
fetch_jupyterhub() {
    [[ -n ${DOCKER_HOST:-} ]] || return 0
    local part
    for part in deploy/lib/common deploy/lib/packages tests/lib/suites; do
        # shellcheck source=/dev/null
        source "$root/$part.sh"
    done
    BERTH_BENCH_HUB=$(dirname "$(dirname "$(locked_python bench-venv "$root/bench/requirements.txt")")")
    export BERTH_BENCH_HUB
}

case " $* " in *" --help "* | *" -h "* | *" --list "*) exec python3 "$root/bench/run.py" "$@" ;; esac

cd "$root"
[[ -f $build/build.ninja ]] || cmake --preset release -B "$build" -DBERTH_BENCH=ON >&2
cmake --build "$build" ${BERTH_BENCH_JOBS:+-j "$BERTH_BENCH_JOBS"} --target "${programs[@]}" >&2
fetch_etcd
fetch_traefik
[[ " $* " == *" --only "* && " $* " != *" jupyterhub "* ]] || fetch_jupyterhub
exec python3 "$root/bench/run.py" --bin "$build" --tools "$tools" "$@"
