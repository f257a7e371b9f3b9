"""The rotation's lock. A change of a key by hand takes it, too: no run removes what someone is making current."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from uuid import uuid4

from backend.clients import Clients
from backend.errors import BackendError, ConflictError
from backend.held import LostLockError
from backend.rotation.keys import IDENTITY_NAMES, kind_of
from backend.row_lock import RowLock, row_lock

LOCK: Final = "rotation"
WAIT_SECONDS: Final = 20.0  # the hourly run holds the lock for a second or two if it has nothing to do
WITHOUT: Final = "Force: true does it without the lock and without a sign-in."


class ChangeLock:
    """The lock while a secret is changed by hand; without a lock for a secret that the rotation leaves alone."""

    def __init__(self, lock: RowLock | None = None, *, force: bool = False) -> None:
        self._lock = lock
        self._force = force
        self._failure = lock.failure if lock else ""

    def must_hold(self) -> None:
        """Go on only if the lock is still owned, or if the storage fails and Force is set.

        Raises:
            ConflictError: Another run has the lock, or the storage did not renew it.
        """
        if self._lock is None:
            return
        try:
            self._lock.must_hold()
        except LostLockError as error:
            if error.to_another:
                raise ConflictError(f"Nothing was stored: {error.reason} Try again.") from error
            if not self._force:
                raise ConflictError(f"Nothing was stored: {error.reason} {WITHOUT}") from error
            self._failure = error.reason

    @property
    def sentences(self) -> list[str]:
        """What to add to the report of a change that was made without the lock."""
        if not self._failure:
            return []
        without = "It was done without the rotation's lock, since Force is set and the lock could not be taken."
        return [f"{without} A run may have been under way: check the secret again. {self._failure}"]


def is_for_lock(name: str) -> bool:
    """Return whether the rotation depends on a secret: a key, or one of those that say who CIPP is."""
    return kind_of(name) is not None or name.lower() in (identity.lower() for identity in IDENTITY_NAMES)


@contextmanager
def lock_for_change(clients: Clients, name: str, *, by: str, dry_run: bool, force: bool) -> Iterator[ChangeLock]:
    """Take the rotation's lock for a change of a secret by hand, if the rotation depends on that secret.

    It waits up to `WAIT_SECONDS`. A dry run takes no lock. With `force` the change goes on if the storage that holds
    the lock fails, but never if a run holds it.

    Raises:
        ConflictError: A run, or another change, holds the lock. Nothing was changed.
        BackendError: The storage that holds the lock failed. Nothing was changed.
    """
    if dry_run or not is_for_lock(name):
        yield ChangeLock()
        return
    with ExitStack() as stack:
        lock = row_lock(
            clients,
            LOCK,
            run_id=uuid4().hex[:12],
            by=f"{by} (a change of a secret by hand)",
            wait_seconds=WAIT_SECONDS,
            needs_storage=not force,
        )
        try:
            change_lock = ChangeLock(stack.enter_context(lock), force=force)
        except ConflictError:
            raise
        except BackendError as error:
            error.args = (f"Nothing was changed, since the rotation's lock could not be taken. {error} {WITHOUT}",)
            raise
        yield change_lock
