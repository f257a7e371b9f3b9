"""One SDK is loaded at a time.

A package imports its parts, and a part its package: of two threads that begin at different ends, each holds what the
other waits for, and Python ends it with an error. So whoever loads a part of an SDK on first use holds this lock.
"""

import threading
from typing import Final

LOADING: Final = threading.RLock()
