# Settings of this workspace for new shells; the files appear when the workspace is handed to its user.
if [ -r /run/berth/env ]; then
    set -a
    . /run/berth/env
    set +a
fi
case $- in
*i*)
    # A shell from outside (docker exec) becomes a child like any other, see berth-init.c.
    if [ -z "${BERTH_ENTERED:-}" ] && [ -n "${BASH_VERSION:-}" ] && [ -z "${BASH_EXECUTION_STRING:-}" ]; then
        export BERTH_ENTERED=1
        exec berth-enter bash
    fi
    [ -n "${BERTH_BANNER_SHOWN:-}" ] || [ ! -r /run/berth/banner ] || cat /run/berth/banner
    export BERTH_BANNER_SHOWN=1
    ;;
esac
