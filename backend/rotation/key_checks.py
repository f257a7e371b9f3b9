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
    """The checks of this process.

    A caller that waits holds a thread of the worker, so at most one waits for its turn, and the hourly timer beside it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._check: Check | None = None
        self._turn: object | None = None  # of the caller that waits

    def results(
        self,
        names: frozenset[str] | None,
        check: Callable[[float], Proofs],
        most_seconds: float,
        *,
        is_timer: bool = False,
    ) -> list[KeyProof]:
        """Return the results of the check under way if it covers the names, else those of a new one.

        `check` gets the number of seconds that it may take; `names` None is all keys. A check that failed is not
        repeated for those who joined it, and the next caller begins a new one. `is_timer`: wait for a turn, whether or
        not another caller waits.

        Raises:
            ConflictError: A check of other keys did not end in time, or another caller waits for its end already.
            AzureUnreachableError: The check takes longer than `most_seconds`; it goes on.
            BackendError: What the check raised.
        """
        give_up_at = time.monotonic() + most_seconds
        turn = object()
        try:
            while True:
                under_way = self._under_way(names, check, give_up_at, turn, is_timer=is_timer)
                covers = under_way.covers(names)
                if not under_way.attempt.wait(give_up_at):
                    raise _too_slow(covers=covers)
                if covers:
                    proofs = under_way.attempt.result(give_up_at, what="check the keys")
                    found = [proof for proof in proofs if names is None or proof.name.lower() in names]
                    if names is None or len(found) == len(names):
                        return found  # otherwise a key was stored after the check of all keys began
        finally:
            self._leave(turn)

    def _under_way(
        self,
        names: frozenset[str] | None,
        check: Callable[[float], Proofs],
        give_up_at: float,
        turn: object,
        *,
        is_timer: bool,
    ) -> Check:
        """Return the check to wait for: the one under way, or a new one if there is none."""
        with self._lock:
            is_over = self._check is None or self._check.attempt.done
            if self._check is not None and not is_over and self._check.covers(names):
                self._give_up(turn)
                return self._check
            if not is_timer and self._turn not in {None, turn}:
                raise ConflictError(
                    "A key check is running, and another caller waits for its end already. Try again in a moment."
                )
            if self._check is None or is_over:
                left = give_up_at - time.monotonic()
                if left < LEAST_SECONDS:
                    raise _too_slow(covers=False)
                self._check = Check(names, Attempt(lambda: check(left), "check the keys"))
                self._give_up(turn)
            elif not is_timer:
                self._turn = turn
            return self._check

    def _leave(self, turn: object) -> None:
        """Let another caller wait."""
        with self._lock:
            self._give_up(turn)

    def _give_up(self, turn: object) -> None:
        if self._turn is turn:
            self._turn = None


def _too_slow(*, covers: bool) -> Exception:
    if covers:
        return AzureUnreachableError(
            "The check of the keys takes longer than a call may. It goes on: look at LastProven in ListKeyRotations."
        )
    return ConflictError("A check of other keys takes its time, and one check runs at a time. Try again in a minute.")
