#!/usr/bin/env bash
# Searches with libFuzzer, under the sanitizers for addresses and undefined behaviour. See --help.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
for part in common packages; do
    # shellcheck source=/dev/null
    source "deploy/lib/$part.sh"
done

usage() {
    cat <<'TEXT'
tests/fuzz.sh [NAME…] [--minutes N] [--keep]

Runs the fuzzers of tests/fuzz with libFuzzer, each for N minutes (1), those that are named or all of them. Needs
clang 16, which it installs. Inputs that reach something new are kept in build/fuzz/corpus/NAME, from where the next
run goes on. What fails is left in build/fuzz/findings/NAME-crash-…; make it small with

  BERTH_FUZZ=NAME build/fuzz/berth_fuzz -minimize_crash=1 -runs=100000 FILE

put it into tests/fuzz/corpus/NAME under a name that says what it is, and mend what it shows.

  --keep   copies into tests/fuzz/corpus/NAME what reaches what nothing there does, as few and small as possible
TEXT
}

names=()
minutes=1
keep=no
while (($#)); do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --minutes) shift; minutes=${1:?--minutes needs a number} ;;
        --minutes=*) minutes=${1#*=} ;;
        --keep) keep=yes ;;
        -*) die "unknown option $1; see --help" ;;
        *)
            [[ -d tests/fuzz/corpus/$1 ]] || die "there is no fuzzer '$1'; see tests/fuzz/corpus"
            names+=("$1") ;;
    esac
    shift
done
[[ $minutes =~ ^[0-9]+$ ]] || die "--minutes needs a whole number"
((${#names[@]})) || mapfile -t names < <(ls tests/fuzz/corpus)

ensure_packages build fuzz
[[ -f build/fuzz/build.ninja ]] || cmake --preset fuzz
cmake --build --preset fuzz --target berth_fuzz

# The folders that a run makes and forgets belong into memory.
[[ -w /dev/shm ]] && export TMPDIR=/dev/shm
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
mkdir -p build/fuzz/findings build/fuzz/log
failed=0
for name in "${names[@]}"; do
    export BERTH_FUZZ=$name
    found=build/fuzz/corpus/$name kept=tests/fuzz/corpus/$name log=build/fuzz/log/$name
    mkdir -p "$found"
    if build/fuzz/berth_fuzz -max_total_time="$((minutes * 60))" -max_len=8192 -timeout=60 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$name-" "$found" "$kept" >"$log" 2>&1; then
        printf 'ok      '
    else
        failed=$((failed + 1))
        printf 'FOUND   '
        grep -aE 'FINDING:|ERROR:|runtime error:|SUMMARY:|Test unit written' "$log" | head -5 >&2 || true
    fi
    # libFuzzer's last line with coverage: branches (cov) and features (ft) reached.
    printf '%-10s %s executions, %s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -aoE 'cov: [0-9]+ ft: [0-9]+ corp: [^ ]+' "$log" | tail -1)"
    if [[ $keep == yes ]]; then build/fuzz/berth_fuzz -merge=1 -max_len=8192 "$kept" "$found" >>"$log" 2>&1; fi
done
exit "$((failed > 0))"
