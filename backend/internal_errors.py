"""Internal errors: where they come from, without any value, and how one part of the work contains them."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final

from backend.errors import BackendError

DEEPEST: Final = 40  # frames


def stack_of(error: BaseException) -> list[str]:
    """Return where an error comes from, its causes first: files, lines and types.

    The text of another library's error is left out, because it can contain a value. Variables are never shown.
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


logger = logging.getLogger("cipp.backend")


class InternalError(BackendError):
    """An internal error of this app. The log shows where it occurred."""


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn any error of one part of the work into a `BackendError`. `what` names the part for the log.

    Raises:
        BackendError: The error that was raised, or an `InternalError` in place of any other error.
    """
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - no error leaves this part
        name = type(error).__name__
        logger.error(  # noqa: TRY400 - a traceback shows the error's text, which can contain a value
            "%s failed: internal error (%s).", what, name, extra={"stack": stack_of(error)}
        )
        raise InternalError(
            f"Couldn't complete this part: internal error ({name}).",
            advice="Check the app's log for where it occurred.",
        ) from None
