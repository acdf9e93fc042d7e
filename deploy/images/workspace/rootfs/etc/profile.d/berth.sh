# Settings of this workspace for new shells; the files appear when the workspace is handed to its user.
if [ -r /run/berth/env ]; then
    set -a
    . /run/berth/env
    set +a
fi
case $- in
*i*) [ -n "${BERTH_BANNER_SHOWN:-}" ] || [ ! -r /run/berth/banner ] || cat /run/berth/banner; export BERTH_BANNER_SHOWN=1 ;;
esac
