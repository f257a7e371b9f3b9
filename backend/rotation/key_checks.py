"""Checks of keys, one at a time: a caller whose keys are being checked gets that result, others wait their turn."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from backend.errors import AzureUnreachableError, ConflictError
from backend.rotation.report import KeyProof
from backend.shared_call import Attempt

LEAST_SECONDS: Final = 30.0  # a check that could not have so long is not begun
Proofs = Sequence[KeyProof]


@dataclass(frozen=True)
class Check:
    """A check under way. `names` are those of its keys in lower case, None for all keys."""

    names: frozenset[str] | None
    attempt: Attempt[Proofs]

    def covers(self, names: frozenset[str] | None) -> bool:
        """Return whether this check looks at all keys of those names. Pure."""
        return self.names is None or (names is not None and names <= self.names)


class KeyChecks:
    """The checks of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._check: Check | None = None

    def results(
        self, names: frozenset[str] | None, check: Callable[[float], Proofs], most_seconds: float
    ) -> list[KeyProof]:
        """Return the results of the check under way if it covers the names, else those of a new one.

        `check` gets the number of seconds that it may take. `names` None is all keys. A check that failed is not
        repeated for those who joined it, and the next caller begins a new one.

        Raises:
            ConflictError: A check of other keys took too long.
            AzureUnreachableError: The check takes longer than `most_seconds`. It goes on.
            BackendError: What the check raised.
        """
        give_up_at = time.monotonic() + most_seconds
        while True:
            under_way = self._under_way(names, check, give_up_at)
            if not under_way.attempt.wait(give_up_at):
                raise _too_slow(covers=under_way.covers(names))
            if under_way.covers(names):
                proofs = under_way.attempt.result(give_up_at, what="check the keys")
                results = [proof for proof in proofs if names is None or proof.name.lower() in names]
                if names is None or len(results) == len(names):
                    return results  # otherwise a key was stored after the check of all keys began

    def _under_way(self, names: frozenset[str] | None, check: Callable[[float], Proofs], give_up_at: float) -> Check:
        """Return the check under way, or begin one."""
        with self._lock:
            if self._check is None or self._check.attempt.done:
                seconds_left = give_up_at - time.monotonic()
                if seconds_left < LEAST_SECONDS:
                    raise _too_slow(covers=False)
                self._check = Check(names, Attempt(lambda: check(seconds_left), "check the keys"))
            return self._check


def _too_slow(*, covers: bool) -> Exception:
    if covers:
        return AzureUnreachableError(
            "The check of the keys takes longer than a call may. It goes on: look at LastProven in ListKeyRotations."
        )
    return ConflictError("A check of other keys takes its time, and one check runs at a time. Try again in a minute.")
