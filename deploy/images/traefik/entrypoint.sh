#!/bin/sh
# Takes both forms: `traefik --option` and just `--option`.
set -e
case ${1:-} in
'' | -*) set -- traefik "$@" ;;
esac
exec "$@"
