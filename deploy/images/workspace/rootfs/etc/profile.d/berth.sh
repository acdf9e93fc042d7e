# Settings of this workspace for new shells, also for those that run a script (BASH_ENV). The file appears when the
# workspace is handed to its user. Its first line changes with its content: what a shell has read once, and what
# somebody has set since, is not set again in the shells that it starts.
if [ -r /run/berth/env ]; then
    read -r berth_env_now </run/berth/env || berth_env_now=
    if [ "$berth_env_now" != "${BERTH_ENV_READ:-}" ]; then
        set -a
        . /run/berth/env
        BERTH_ENV_READ=$berth_env_now
        set +a
    fi
    unset berth_env_now
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
    # Empty unless the workspace is about to be stopped.
    [ ! -r /run/berth/notice ] || cat /run/berth/notice
    ;;
esac
