#!/usr/bin/env bash
# Runs the simulated installation (tests/sim), built with optimisation:
#   tests/sim.sh --seeds 1000 [--from N]        that many runs; ends with "N seeds, M failed"
#   tests/sim.sh --seed N [--trace] [--log]     one run again: what happened, and the product's own warnings
#   tests/sim.sh --seed N --shrink              a run that fails, with as few faults as it fails by
#   tests/sim.sh --crash-points [--twice]       kill -9 around each effect of the scenarios; see docs/RELIABILITY.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -f build/release/build.ninja ]] || cmake --preset release >&2
cmake --build --preset release --target berth_sim >&2
exec build/release/berth_sim "$@"
