"""The rotation's lock, which manual changes also acquire: no run may remove a version that is becoming current."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from uuid import uuid4

from backend.azure.clients import Clients
from backend.cipp.owned_lock import LostLockError
from backend.cipp.row_lock import RowLock, row_lock
from backend.credentials.kinds import IDENTITY_NAMES, SIGN_IN_NAMES, kind_of
from backend.errors import BackendError, ConflictError, joined

LOCK: Final = "rotation"
WAIT_SECONDS: Final = 20.0  # an hourly run with nothing to do owns the lock for a second or two
WITHOUT: Final = "To continue without the lock and without a sign-in check, set Force: true."


class ChangeLock:
    """The lock during a manual change. A secret that the rotation does not use needs no lock."""

    def __init__(self, lock: RowLock | None = None, *, force: bool = False) -> None:
        self._lock = lock
        self._force = force
        self._failure = lock.failure if lock else ""

    def must_hold(self) -> None:
        """Check that the lock is still owned. If the storage fails, Force allows the change without it.

        Raises:
            ConflictError: Another run owns the lock, or the storage did not renew it.
        """
        if self._lock is None:
            return
        try:
            self._lock.must_hold()
        except LostLockError as error:
            if error.to_another:
                raise ConflictError(f"Nothing was stored: {error.reason}", advice="Try again.") from error
            if not self._force:
                raise ConflictError(
                    f"Nothing was stored: {error.reason}", advice=joined(error.advice, WITHOUT)
                ) from error
            self._failure = str(error)

    @property
    def sentences(self) -> list[str]:
        """The sentences that a change without the lock adds to its report."""
        if not self._failure:
            return []
        without = "Force is set, so the change was made without the rotation's lock, which could not be acquired."
        return [f"{without} A run may have been in progress: check the secret again. {self._failure}"]


def is_for_lock(name: str) -> bool:
    """Return whether the rotation uses a secret: a key, or one with CIPP's identity or the app of its sign-in.

    Those of the sign-in are used for a container only. For function apps, the lock does no harm.
    """
    names = (*IDENTITY_NAMES, *SIGN_IN_NAMES)
    return kind_of(name, with_sign_in=True) is not None or name.lower() in (one.lower() for one in names)


@contextmanager
def lock_for_change(clients: Clients, name: str, *, by: str, dry_run: bool, force: bool) -> Iterator[ChangeLock]:
    """Acquire the rotation's lock for a manual change of a secret, if the rotation uses that secret.

    It waits up to `WAIT_SECONDS`. A dry run does not acquire the lock. With `force`, the change continues if the lock's
    storage fails, but never if a run owns the lock.

    Raises:
        ConflictError: A run or another change owns the lock. Nothing was changed.
        BackendError: The lock's storage failed. Nothing was changed.
    """
    if dry_run or not is_for_lock(name):
        yield ChangeLock()
        return
    with ExitStack() as stack:
        lock = row_lock(
            clients,
            LOCK,
            run_id=uuid4().hex[:12],
            by=f"{by} (manual change of a secret)",
            wait_seconds=WAIT_SECONDS,
            needs_storage=not force,
        )
        try:
            change_lock = ChangeLock(stack.enter_context(lock), force=force)
        except ConflictError:
            raise
        except BackendError as error:
            error.add_context(before="Nothing was changed, because the rotation's lock could not be acquired.")
            error.advice = joined(error.advice, WITHOUT)
            raise
        yield change_lock
