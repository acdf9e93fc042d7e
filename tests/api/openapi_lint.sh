#!/usr/bin/env bash
# Lints the OpenAPI document: openapi_lint.sh BERTHD-PROGRAM, URL or FILE.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
redocly=@redocly/cli@2.77.0
document=$(mktemp --suffix=.json)
trap 'rm -f "$document"' EXIT

case $1 in
    http://* | https://*) curl --fail --silent --show-error --max-time 20 "$1" >"$document" ;;
    *.json) cp "$1" "$document" ;;
    *) timeout 60 python3 "$here/berthd.py" "$1" >"$document" ;;
esac

report=$(cd "$here" && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    timeout 180 npx --yes "$redocly" lint --config "$here/redocly.yaml" --format=json "$document" 2>/dev/null) || true
printf '%s' "$report" | python3 -c '
import json, sys
found = json.load(sys.stdin)
for problem in found["problems"]:
    where = problem["location"][0].get("pointer", "") if problem["location"] else ""
    print(problem["severity"], problem["ruleId"], where, problem["message"])
totals = found["totals"]
print("openapi:", totals["errors"], "errors,", totals["warnings"], "warnings")
sys.exit(1 if totals["errors"] or totals["warnings"] else 0)
'
