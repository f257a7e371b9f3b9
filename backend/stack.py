"""Where an error comes from, for the log: files, lines and types, and never a value."""

import traceback
from itertools import chain
from typing import Final

from backend.errors import BackendError

DEEPEST: Final = 40  # frames


def stack_of(error: BaseException) -> list[str]:
    """Return where an error comes from, its causes first: files, lines and types.

    The text of an error of another library is left out, since it may hold a value. Variables are never shown.
    """
    links: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in links:
        links.insert(0, at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return list(chain.from_iterable(_link(link) for link in links))[-DEEPEST:]


def _link(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    text = f": {error}" if isinstance(error, BackendError) else ""
    return [*(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames), f"{type(error).__name__}{text}"]
