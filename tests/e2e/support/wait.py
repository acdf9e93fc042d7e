"""Waiting for conditions. Tests never sleep for a fixed time: they say what they wait for, and for how long at most."""

import threading
import time


class TimedOut(AssertionError):
    pass


def wait_until(condition, timeout, what, interval=0.2):
    """Calls `condition` until it returns something true, and returns that. An exception counts as "not yet"; the last
    one (or the last value) is part of the message when the deadline passes. `what` may be a function, asked only then."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"last value: {value!r}"
        except Exception as error:  # noqa: BLE001 - any failure means: look again
            last = f"last error: {type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            described = what() if callable(what) else what
            raise TimedOut(f"gave up after {timeout} s waiting for: {described}; {last}")
        pause.wait(interval)


def stays(condition, seconds, what, interval=0.5):
    """Asserts that `condition` is true now and each time it is looked at during `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        assert condition(), f"did not stay so: {what}"
        pause.wait(interval)
