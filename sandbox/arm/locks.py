"""Locks: while one is at a scope or above it, nothing there can be deleted."""

from dataclasses import dataclass
from typing import Any, Final

from sandbox.arm.access import is_within
from sandbox.arm.errors import ArmError, refused
from sandbox.arm.target import Target

LEVELS: Final = ("CanNotDelete", "ReadOnly")


@dataclass(frozen=True)
class Lock:
    """A lock on a scope and everything below it."""

    name: str
    scope: str
    level: str
    notes: str | None = None

    @property
    def id(self) -> str:
        """The ID."""
        return f"{self.scope}/providers/Microsoft.Authorization/locks/{self.name}"

    def shown(self) -> dict[str, Any]:
        """Return the lock as Azure shows it."""
        notes = {"notes": self.notes} if self.notes else {}
        return {
            "properties": {"level": self.level, **notes},
            "id": self.id,
            "type": "Microsoft.Authorization/locks",
            "name": self.name,
        }


def check_locks(locks: dict[str, Lock], method: str, target: Target) -> None:
    """Accept a call, or refuse it because of a lock.

    A lock itself can be removed. `ReadOnly` also refuses every write, and `POST`, which may write.

    Raises:
        ArmError: 409. A lock protects the scope.
    """
    if method in ("GET", "HEAD") or target.action.lower().startswith("microsoft.authorization/locks/"):
        return
    for lock in locks.values():
        if is_within(target.scope, lock.scope) and (method == "DELETE" or lock.level == "ReadOnly"):
            verb = "delete" if method == "DELETE" else "write"
            raise _locked(target.scope, lock.scope, verb)
        if method == "DELETE" and is_within(lock.scope, target.scope):
            raise _locked(target.scope, lock.scope, "delete")


def _locked(scope: str, locked: str, verb: str) -> ArmError:
    message = (
        f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{locked}'. "
        "Please remove the lock and try again."
    )
    return refused(409, "ScopeLocked", message)
