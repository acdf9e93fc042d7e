#!/bin/sh
# Takes both forms: `traefik --option`, and just `--option` or a subcommand of traefik.
set -e
command -v -- "${1:---}" >/dev/null 2>&1 || set -- traefik "$@"
exec "$@"
