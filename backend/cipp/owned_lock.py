"""The lock as seen by code that writes."""

from typing import Protocol

from backend.errors import ConflictError


class LostLockError(ConflictError):
    """The lock is lost, or the storage account did not renew it, so nothing more may be written.

    `reason` is the detail without its last two sentences, which are for a rotation run. If `to_another`, another run
    has acquired the lock, and this one can't get it back. Otherwise, a later call might succeed.
    """

    def __init__(self, reason: str, *, to_another: bool, advice: str = "") -> None:
        super().__init__(f"{reason} The rest of this run is postponed. The next run continues it.", advice=advice)
        self.reason = reason
        self.to_another = to_another


class OwnedLock(Protocol):
    """The lock while this run owns it."""

    def must_hold(self) -> None:
        """Raise unless this run still owns the lock. Call it before each write to Azure.

        Raises:
            LostLockError: Another run has acquired it, or the storage account did not renew it.
            ConflictError: This is a dry run, which writes nothing.
        """


class NoLock:
    """The lock of a dry run, which does not allow writes."""

    def must_hold(self) -> None:
        """Raise an error.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError("A dry run writes nothing.")
