"""The lock while it is ours, as those see it who write."""

from typing import Protocol

from backend.errors import ConflictError


class Held(Protocol):
    """The lock while it is ours."""

    def must_hold(self) -> None:
        """Go on only if the lock is still ours; asked before each write to Azure.

        Raises:
            ConflictError: Someone else has it, or this is a dry run, which writes nothing.
        """


class NoLock:
    """What a dry run holds."""

    def must_hold(self) -> None:
        """Refuse.

        Raises:
            ConflictError: Always.
        """
        raise ConflictError("A dry run writes nothing.")
