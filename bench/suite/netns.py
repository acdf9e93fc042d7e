"""Work inside a container's network namespace: its loopback, and the networks that it is attached to."""

import ctypes
import threading

CLONE_NEWNET = 0x40000000


def inside(pid, work):
    """What `work()` returns when it runs in the network namespace of process `pid`; its exceptions come through."""
    result = []

    def enter():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{pid}/ns/net", "rb") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            result.append((work(), None))
        except Exception as failure:  # pylint: disable=broad-exception-caught
            result.append((None, failure))

    thread = threading.Thread(target=enter)  # setns counts for one thread
    thread.start()
    thread.join()
    value, failure = result[0]
    if failure:
        raise failure
    return value
