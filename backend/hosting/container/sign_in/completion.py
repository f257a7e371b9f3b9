"""The completion of repairs of CIPP's sign-in: every look and the hourly timer end one when its causes are gone."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from backend.errors import BackendError
from backend.hosting.container.sign_in.causes import Seen, is_outdated, state_of
from backend.hosting.container.sign_in.problems import IN_VAULT, uses_secret
from backend.hosting.container.sign_in.reader import SignInReader
from backend.operations.results import Progress, StoredOperation

if TYPE_CHECKING:
    from backend.concurrency.deadline import Deadline

KIND: Final = "sign-in"
CAUSES: Final = "causes"  # the fact of an operation: the causes that it removes
GIVEN_UP: Final = timedelta(days=1)  # App Service reads a reference by itself within a day


class SignInCompletion:
    """The completer of repairs: it ends one when its causes are not seen any more. Requires Reader on the site."""

    def __init__(self, reader: SignInReader) -> None:
        self._reader = reader

    def __call__(self, stored: StoredOperation, _deadline: "Deadline | None") -> Progress | None:
        """Return what is seen now, None if authsettingsV2 can't be read."""
        try:
            seen = self._reader.seen()
        except BackendError:
            return None
        return progress_of(stored, seen)


def progress_of(stored: StoredOperation, seen: Seen) -> Progress | None:
    """Return what a look shows of a repair."""
    names = stored.facts.get(CAUSES, "").split(",")
    left = [cause for cause in state_of(seen).causes if cause.cause in names and cause.present != "no"]
    waits = is_outdated(seen) and uses_secret(seen.settings) and "SecretEnded" in names
    if not left and not waits:
        return Progress("done", result="The causes are not seen any more.")
    text = " ".join(cause.sign for cause in left) or f"App Service uses an older version of {IN_VAULT}."
    if datetime.now(UTC) > stored.operation.deadline + GIVEN_UP:
        return Progress("failed" if left else "unknown", result=text)
    return Progress(result=text)
