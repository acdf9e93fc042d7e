#!/usr/bin/env bash
# Does the simulator find the bugs that are planted in the product? (planted("…") in its sources; tests/sim/planted.cpp)
#   tests/mutation.sh [--seeds N] [NAME…]   each bug (or those named) until a run fails, at most N runs (60); a table, and
#                                           "caught K of N"; exit 1 when one is not caught
#   tests/mutation.sh --check               only whether the table and the sources name the same bugs
# BERTH_PRESET (release) is what is built, BERTH_PLANTED_PROGRAM a program that is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${BERTH_PRESET:-release}
program=${BERTH_PLANTED_PROGRAM:-build/$preset/berth_sim_planted}
clean_seeds=10
seeds=60
table=tests/sim/planted.cpp
product=(storage docker controller reconcilers api node)

# in_table; in_sources: names, sorted, each once.
in_table() { grep -oP '^    \{"\K[a-z.-]+(?=",)' "$table" | sort; }
in_sources() { grep -rhoP --include='*.cpp' 'planted\("\K[^"]+' "${product[@]}" | sort -u; }

check() {
    local failed=0
    diff --label "$table" --label "planted(\"…\") in the sources" <(in_table) <(in_sources) || failed=1
    if grep -rnP --include='*.hpp' 'planted\("' "${product[@]}" metrics cli; then
        echo "a header is compiled into both copies: plant bugs in .cpp files" >&2
        failed=1
    fi
    return "$failed"
}

# what_of NAME: its line in the table.
what_of() { tr -d '\n' <"$table" | grep -oP "\{\"${1//./\\.}\",\s*\"\K[^\"]+"; }

# try NAME: leaves "seed N: promise: …" in $work/NAME, or nothing.
try() { timeout 600 "$program" --planted "$1" --seeds "$seeds" 2>/dev/null | grep -m1 '^seed ' >"$work/$1" || true; }

main() {
    local names=() name
    while (($#)); do
        case $1 in
            --check) check && exit 0 || exit 1 ;;
            --seeds) seeds=$2; shift ;;
            -*) sed -n '2,6p' "$0" >&2; exit 2 ;;
            *) names+=("$1") ;;
        esac
        shift
    done
    check
    ((${#names[@]})) || mapfile -t names < <(in_table)
    if [[ -z ${BERTH_PLANTED_PROGRAM:-} ]]; then
        [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset" >&2
        cmake --build --preset "$preset" --target berth_sim_planted >&2
    fi
    # What fails without a bug would say nothing with one.
    "$program" --seeds "$clean_seeds" --jobs "$(nproc)" || { echo "the simulator fails without a planted bug" >&2; exit 1; }

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    for name in "${names[@]}"; do
        while (($(jobs -pr | wc -l) >= $(nproc))); do wait -n; done
        try "$name" &
    done
    wait
    report "${names[@]}"
}

report() {
    local caught=0 name line
    printf '%-36s %5s  %s\n' bug seed 'caught by'
    for name in "$@"; do
        line=$(<"$work/$name")
        if [[ $line =~ ^seed\ ([0-9]+):\ (.*) ]]; then
            caught=$((caught + 1))
            printf '%-36s %5s  %s\n' "$name" "${BASH_REMATCH[1]}" "$(cut -d: -f1 <<<"${BASH_REMATCH[2]}" | cut -c1-70)"
        else
            printf '%-36s %5s  NOT CAUGHT: %s\n' "$name" - "$(what_of "$name")"
        fi
    done
    echo "caught $caught of $#"
    ((caught == $#))
}

main "$@"
