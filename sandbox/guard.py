"""Stop process groups whose parent process died without stopping them, for example by SIGKILL.

It reads their numbers, one per line, from a pipe that closes when the parent process exits for any reason.
"""

import contextlib
import os
import signal
import sys
import time

PATIENCE_SECONDS = 5.0


def end(groups: set[int], patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Request the groups to exit, and kill those that still run after a while."""
    alive = {group for group in groups if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + patience_seconds
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {group for group in alive if _signal(group, 0)}
    for group in alive:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS reports this for a group with nothing but a zombie
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with contextlib.suppress(KeyboardInterrupt):
        end({int(line) for line in sys.stdin})
