"""The lock as the code that writes sees it."""

from typing import Protocol

from backend.errors import ConflictError


class LostLockError(ConflictError):
    """The lock is lost, or the storage did not renew it: nothing further may be written.

    `reason` is the message without its last two sentences, which are for a run. `to_another`: another run has the
    lock, and this one never gets it back. Otherwise a later call may succeed.
    """

    def __init__(self, reason: str, *, to_another: bool) -> None:
        super().__init__(f"{reason} The rest of this run is postponed. The next run goes on.")
        self.reason = reason
        self.to_another = to_another


class Held(Protocol):
    """The lock while it is ours."""

    def must_hold(self) -> None:
        """Go on only if the lock is still owned; called before each write to Azure.

        Raises:
            LostLockError: Another run has it, or the storage that holds it did not renew it.
            ConflictError: This is a dry run, which writes nothing.
        """


class NoLock:
    """What a dry run holds."""

    def must_hold(self) -> None:
        """Refuse.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError("A dry run writes nothing.")
