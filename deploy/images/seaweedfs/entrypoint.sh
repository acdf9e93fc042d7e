#!/bin/sh
# Takes both forms: `weed server …` and just `server …`.
set -e
case ${1:-} in
weed | /*) ;;
*) set -- weed "$@" ;;
esac
exec "$@"
