# shellcheck shell=bash
# The suites of tests/run.sh. Each suite_NAME leaves its result in $results/NAME*.xml (JUnit) or NAME*.tap (lines
# "ok …" and "not ok …"), which tests/lib/count.py adds up. A suite that ends early, or reports nothing, has failed.
# Only defines functions; uses root, only, keep and pytest_arguments of run.sh.
# shellcheck disable=SC2154

# The tests' own install: other folder, other ports, other engine than a local install on the same machine.
test_settings() {
    export BERTH_HOME=${BERTH_HOME:-/var/lib/berth-test}
    export BERTH_PRESET=${BERTH_PRESET:-release}
    export BERTH_API_PORT=${BERTH_API_PORT:-13001} BERTH_HTTP_PORT=${BERTH_HTTP_PORT:-18088} BERTH_S3_PORT=${BERTH_S3_PORT:-18333}
    export BERTH_ENGINE=private
    # Tests that start a workspace mean a start; those of the pool make pools of their own.
    export BERTH_PRE_WARMED_QUEUE_SIZE=${BERTH_PRE_WARMED_QUEUE_SIZE:-0}
    # Tests call more often than a person, and put servers of their own beside the install.
    export BERTH_RATE_LIMIT_PER_MINUTE=${BERTH_RATE_LIMIT_PER_MINUTE:-100000}
    export BERTH_S3_ENDPOINT_ALLOW=${BERTH_S3_ENDPOINT_ALLOW:-e2e-s3-relay,e2e-s3-rights}
    if [[ $BERTH_PRESET == tsan ]]; then export TSAN_OPTIONS=suppressions=$root/tests/tsan.supp; fi
    unset DOCKER_HOST BERTH_DOCKER_HOST
    results=${BERTH_TEST_RESULTS:-$root/build/test-results}
    export BERTH_TEST_RESULTS=$results
    rm -rf "$results"
    mkdir -p "$results"
    started=$SECONDS
}

# run_suite NAME: in a subshell, so that a suite that dies does not end the run.
run_suite() {
    local name=$1 begin=$SECONDS status=0
    printf '\n=== %s ===\n' "$name"
    # `set -e` is off inside a condition: hence the bare subshell, and the status taken afterwards.
    set +e
    (
        set -e
        "suite_$name"
    )
    status=$?
    set -e
    python3 tests/lib/count.py suite "$results" "$name" "$status" "$((SECONDS - begin))"
    [[ $name != prepare || $status == 0 ]] || exit 1
}

# finish: whatever happened, the install is taken down, and the last line is the sum.
finish() {
    local status=$?
    trap - EXIT
    if [[ $keep == no ]] && wants_engine; then
        printf '\n=== taking the test installs down ===\n'
        take_down
    fi
    printf '\n%d s in all\n' "$((SECONDS - started))"
    python3 tests/lib/count.py sum "$results" "$status" || exit 1
    exit "$status"
}

take_down() {
    local home
    for home in "$(second_home)" "$BERTH_HOME"; do
        [[ ! -d $home ]] || BERTH_HOME=$home deploy/setup-local.sh --down --purge </dev/null || log_info "could not take $home down"
    done
}

wants_engine() { wants contract || wants images || wants e2e; }
wants() { [[ " ${only[*]} " == *" $1 "* ]]; }

suite_prepare() {
    ensure_packages build runtime test
    if wants images || wants e2e || wants api; then ensure_tools; fi
    if [[ $keep == no ]] && wants_engine; then take_down; fi
    local targets=()
    if wants e2e || wants images || wants api; then targets+=(berthd berth-node); fi
    if wants fuzz; then targets+=(berth_fuzz); fi
    if wants sim; then targets+=(berth_sim); fi
    if wants unit || wants contract; then targets=(all); fi
    if ((${#targets[@]})); then
        log_step "building ${targets[*]} ($BERTH_PRESET)"
        [[ -f build/$BERTH_PRESET/build.ninja ]] || cmake --preset "$BERTH_PRESET"
        cmake --build --preset "$BERTH_PRESET" --target "${targets[@]}"
    fi
}

# tap NAME COMMAND…: one check as a line of a .tap file; its output is shown when it fails.
tap() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok %s\n' "$name" | tee -a "$results/$suite.tap"
    else
        printf '%s\n' "$output" | head -60
        printf 'not ok %s\n' "$name" | tee -a "$results/$suite.tap"
    fi
}

our_scripts() {
    git ls-files | while read -r file; do
        # Snippets that a login shell reads have no first line that names a shell.
        [[ -f $file && $file != */profile.d/* ]] || continue
        if [[ $file == *.sh ]] || head -c 60 "$file" | grep -qaE '^#!(/usr/bin/env |/bin/)(bash|sh)'; then printf '%s\n' "$file"; fi
    done
}

suite_lint() {
    local suite=lint scripts
    mapfile -t scripts < <(our_scripts)
    tap "shellcheck of ${#scripts[@]} scripts" shellcheck -x -e SC1091 "${scripts[@]}"
    tap "shellcheck of shell snippets" shellcheck -s sh -e SC1091 deploy/images/workspace/rootfs/etc/profile.d/*.sh
    tap "Python files compile" python3 -c '
import ast, subprocess
for name in subprocess.check_output(["git", "ls-files", "*.py"], text=True).split():
    ast.parse(open(name).read(), name)'
    tap "no absolute path of a build machine, no registry host" no_machine_traces
    tap "setup-local.sh --help" deploy/setup-local.sh --help
    tap "the table of planted bugs and the sources name the same ones, none in a header" tests/mutation.sh --check
}

# no_machine_traces: what would only be true where it was written.
no_machine_traces() {
    ! git grep -nIP '(/home/(?!dev/)[a-z]+/|https?://(registry\.npmjs\.org|pypi\.org|files\.pythonhosted\.org))' -- . ':!tests/lib/suites.sh'
}

# ctest's own summary counts tests; the JUnit file is what is added up. `beside`: a script that runs it beside something.
run_ctest() {
    local name=$1
    shift
    ${beside:-} ctest --preset "$BERTH_PRESET" --output-junit "$results/$name.xml" --no-tests=error "$@"
}

suite_unit() { run_ctest unit -j "$(nproc)" -LE contract; }

# The fuzzers in the ordinary build: every input that was kept, and mutations of them that are the same each time.
suite_fuzz() {
    local suite=fuzz program=$PWD/build/$BERTH_PRESET/berth_fuzz corpora=$PWD/tests/fuzz/corpus name runs
    tap "every fuzzer has a corpus, and every corpus a fuzzer" diff <("$program" --list) <(ls "$corpora")
    [[ -w /dev/shm ]] && export TMPDIR=/dev/shm # folders that are made and forgotten, thousands of times
    for name in "$corpora"/*/; do
        name=$(basename "$name")
        case $name in
            http) runs=2000 ;;
            journal) runs=3000 ;;
            *) runs=20000 ;;
        esac
        tap "fuzzer $name" env -C "$results" BERTH_FUZZ="$name" timeout 300 "$program" -runs="$runs" -seed=1 "$corpora/$name"
    done
}

# The same runs each time, so that a failure is one of this change; two at a time.
suite_sim() {
    local program="build/$BERTH_PRESET/berth_sim" status=0
    "$program" --regressions tests/sim/regressions --jobs 2 --tap >"$results/sim-regressions.tap" || status=$?
    "$program" --crash-points --jobs 2 --tap >"$results/sim-crashes.tap" || status=$?
    "$program" --stale-views --jobs 2 --tap >"$results/sim-views.tap" || status=$?
    # Without older lists: with them I4 does not hold yet, see "Not yet" in docs/RELIABILITY.md.
    "$program" --seeds "${BERTH_SIM_SEEDS:-100}" --without lists --jobs 2 --tap >"$results/sim-seeds.tap" || status=$?
    grep -hv '^ok ' "$results"/sim-*.tap || true
    return "$status"
}

suite_contract() {
    engine_up
    swarm_init
    ensure_image base
    BERTH_TEST_DOCKER_HOST=$DOCKER_HOST BERTH_TEST_IMAGE=$(image_ref base) beside=tests/with_seaweedfs.sh run_ctest contract -j 1 -L contract
}

suite_images() {
    local suite=images name
    engine_up
    swarm_init
    for name in base workspace berthd traefik seaweedfs; do
        ensure_image "$name"
        tap "$name is built" docker image inspect "$(image_ref "$name")"
    done
    tap "workspace is below 1.2 GB" image_below workspace 1200000000
    for name in tests/images/*.sh; do
        [[ -f $name ]] || continue
        # Sums belong to the end of the whole run.
        timeout 600 bash "$name" | grep -vE '^[0-9]+ passed, ' | tee -a "$results/images-$(basename "$name" .sh).tap"
    done
}
image_below() { (($(docker image inspect --format '{{.Size}}' "$(image_ref "$1")") < $2)); }

# locked_python NAME REQUIREMENTS: prints the Python of a virtual environment with exactly the locked packages.
locked_python() {
    local venv stamp
    venv=$(berth_tools)/$1
    stamp=$(sha256sum <"$2" | cut -d' ' -f1)
    if [[ $(cat "$venv/.stamp" 2>/dev/null) != "$stamp" ]]; then
        rm -rf "$venv"
        /usr/bin/python3 -m venv "$venv"
        "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$2" >&2
        printf '%s\n' "$stamp" >"$venv/.stamp"
    fi
    printf '%s\n' "$venv/bin/python"
}

suite_api() {
    local suite=api python
    python=$(locked_python api-venv tests/api/requirements.txt)
    tap "the OpenAPI document lints clean" tests/api/openapi_lint.sh "$PWD/build/$BERTH_PRESET/berthd"
    tap "many clients at once, and an end in the middle" timeout 600 "$python" tests/api/load_test.py "build/$BERTH_PRESET/berthd"
    tap "a disk that gets full, refuses, and comes back" timeout 300 "$python" tests/api/disk_test.py "build/$BERTH_PRESET/berthd"
    tap "damage, backup, restore, descriptors, an end in the middle" timeout 300 "$python" tests/api/store_test.py "$PWD/build/$BERTH_PRESET/berthd"
    timeout 900 "$python" tests/api/fuzz_test.py "build/$BERTH_PRESET/berthd" "$results/api-fuzz.xml"
}

# These run on a second install beside the first, which has all other files: half the time, and two installs on one machine.
second_lane=(test_browser test_existing_engine test_heal test_idle test_idle_browser test_isolation test_isolation_tricks
    test_limits test_path_mode test_warm_pool)
# This compares all network rules of the machine before and after: when nobody else changes any.
alone=(test_second_engine)

suite_e2e() {
    local python first=() file
    python=$(locked_python test-venv tests/requirements.txt)
    (cd tests/e2e/browser && npm ci --no-audit --no-fund --loglevel=error)
    timeout 1800 deploy/setup-local.sh --engine private
    if ((${#pytest_arguments[@]})); then
        lane "$python" e2e "${pytest_arguments[@]}"
        return
    fi
    for file in tests/e2e/test_*.py; do
        file=$(basename "$file" .py)
        [[ " ${second_lane[*]} ${alone[*]} " == *" $file "* ]] || first+=("$file.py")
    done
    (second_install && timeout 1800 deploy/setup-local.sh --engine private >"$results/second-install.log" 2>&1) ||
        { tail -30 "$results/second-install.log"; return 1; }
    local status=0
    two_lanes "$python" "${first[@]}" || status=$?
    lane "$python" e2e-alone "${alone[@]/%/.py}" || status=$?
    return "$status"
}

# two_lanes PYTHON FILES…: the lanes' lines are told apart by what they begin with.
two_lanes() {
    local python=$1 second status=0
    shift
    (
        second_install
        lane "$python" e2e-second "${second_lane[@]/%/.py}"
    ) > >(sed -u 's/^/  | /') 2>&1 &
    second=$!
    lane "$python" e2e "$@" || status=$?
    wait "$second" || status=$?
    return "$status"
}

second_home() { printf '%s-second' "$BERTH_HOME"; }
second_install() {
    BERTH_HOME=$(second_home)
    BERTH_API_PORT=$((BERTH_API_PORT + 1)) BERTH_HTTP_PORT=$((BERTH_HTTP_PORT + 1)) BERTH_S3_PORT=$((BERTH_S3_PORT + 1))
}

# lane PYTHON REPORT ARGUMENTS…: pytest against the install that BERTH_HOME names, and its second look.
lane() {
    local python=$1 report=$2 status=0
    shift 2
    pytest_e2e "$python" "$report.xml" "$@" || status=$?
    if ((status == 1)) && second_look "$python" "$report"; then status=0; fi
    return "$status"
}

pytest_e2e() {
    local python=$1 report=$2
    shift 2
    (cd "$root/tests/e2e" && timeout 4200 "$python" -m pytest --junitxml="$results/$report" --durations=15 "$@")
}

# second_look PYTHON REPORT: real parts on a busy machine: up to three tests that failed are tried once more, when the
# others are over. One that passes then counts, and is named: it has found a race, in Berth or in itself.
second_look() {
    local report=$results/$2.xml again=$results/$2-again.xml unlucky
    mapfile -t unlucky < <(python3 tests/lib/count.py failed "$report" 3)
    [[ -n ${unlucky[0]:-} ]] || return 1
    printf '\n=== once more: %s ===\n' "${unlucky[*]}"
    pytest_e2e "$1" "$2-again.xml" "${unlucky[@]}" || true
    python3 tests/lib/count.py again "$report" "$again"
    [[ -z $(python3 tests/lib/count.py failed "$report" 3) ]]
}
