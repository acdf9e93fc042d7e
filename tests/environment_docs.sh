#!/usr/bin/env bash
# docs/ENVIRONMENT_VARIABLES.md is what the programs say of themselves: compares, or with --write makes it anew.
# Usage: environment_docs.sh FOLDER_OF_PROGRAMS [--write]
set -euo pipefail

programs=$1
page=$(dirname "${BASH_SOURCE[0]}")/../docs/ENVIRONMENT_VARIABLES.md

render() {
    cat <<'TEXT'
# Environment variables

Everything is set by environment variables; a wrong value stops the start with a message that names it. This page is
made from the programs (`--env-markdown`), which also print it with `--help`. An install made by `charts/berth` sets them
from `charts/berth/values.env`.
TEXT
    local program
    for program in berthd berth-node; do
        printf '\n## %s\n\n' "$program"
        "$programs/$program" --env-markdown
    done
}

if [[ ${2:-} == --write ]]; then
    render >"$page"
else
    diff -u "$page" <(render)
fi
