"""How a program of conformance runs one of its checks, and prints the result."""

import sys
import time
import traceback
from collections.abc import Callable


def passes(name: str, check: Callable[[], None], effort: Callable[[], str] = str) -> bool:
    """Run a check, print whether it passed and how long it took, and return that.

    Any exception of a check is a failure that is printed, so that the next check runs. `effort` is called after the
    check, and its text stands before the time.
    """
    began = time.monotonic()
    try:
        check()
    except Exception:  # noqa: BLE001 - any failure of a check is reported, and the next one runs
        sys.stdout.write(f"FAILED {name}\n{traceback.format_exc()}\n")
        return False
    sys.stdout.write(f"ok     {name}: {effort()}{time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()
    return True
