#!/usr/bin/env bash
# Installs what is missing, builds, runs every test, and ends with one line: N passed, N failed. See --help.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
for part in common packages engine images values; do
    # shellcheck source=/dev/null
    source "deploy/lib/$part.sh"
done
# shellcheck source=tests/lib/suites.sh
source tests/lib/suites.sh

all_suites=(lint unit fuzz sim api contract images e2e)

usage() {
    cat <<'TEXT'
tests/run.sh [--only SUITE]… [--keep] [-- pytest arguments]

Suites, in order:
  lint       shell scripts, Python files
  unit       the C++ unit tests and the include rules
  fuzz       the corpora of the fuzzers and some mutations of them; tests/fuzz.sh searches for hours
  sim        100 runs of the simulated installation, each with its own faults; tests/sim.sh runs more, or one step by step
  api        the API by its own OpenAPI document: linted, then fuzzed against a berthd without an engine
  contract   the Docker client against a real engine of its own, the sync's S3 client against a SeaweedFS; their fakes too
  images     the images, each as it is
  e2e        an install of its own through deploy/setup-local.sh, used, broken and taken down again

  --only SUITE   only this one (may be given several times; commas work as well)
  --keep         leave the test install running (BERTH_HOME=/var/lib/berth-test), and use one that is there
  --             what follows goes to pytest, for example:  tests/run.sh --only e2e --keep -- -k browser

Environment: BERTH_PRESET (release) the build that is tested; BERTH_TEST_RESULTS (build/test-results) reports and
screenshots; BERTH_TEST_SEED the random moments of the kill tests; BERTH_HOME, BERTH_TOOLS, BERTH_IMAGE_CACHE.
TEXT
}

only=()
keep=no
pytest_arguments=()
parse_arguments() {
    while (($#)); do
        case $1 in
            --help | -h) usage; exit 0 ;;
            --keep) keep=yes ;;
            --only) shift; IFS=, read -ra more <<<"${1:-}"; only+=("${more[@]}") ;;
            --only=*) IFS=, read -ra more <<<"${1#*=}"; only+=("${more[@]}") ;;
            --) shift; pytest_arguments=("$@"); break ;;
            *) die "unknown option $1; see --help" ;;
        esac
        shift
    done
    local name
    for name in "${only[@]}"; do
        [[ " ${all_suites[*]} " == *" $name "* ]] || die "there is no suite '$name' (${all_suites[*]})"
    done
    ((${#only[@]})) || only=("${all_suites[@]}")
}

main() {
    parse_arguments "$@"
    need_root "$@"
    test_settings
    local name
    trap finish EXIT
    run_suite prepare
    for name in "${all_suites[@]}"; do
        [[ " ${only[*]} " == *" $name "* ]] && run_suite "$name"
    done
    return 0
}

main "$@" </dev/null
