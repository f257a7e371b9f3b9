"""Run sign-in checks one at a time. A caller whose keys are being checked gets that result. Others wait."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Final

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError, ConflictError
from backend.rotation.results import KeyProof

LEAST_SECONDS: Final = 30.0  # a check with less time is not begun
Proofs = Sequence[KeyProof]


@dataclass(frozen=True)
class Check:
    """A check under way. `names` are those of its keys in lower case, None for all keys."""

    names: frozenset[str] | None
    proofs: "Future[Proofs]"

    def covers(self, names: frozenset[str] | None) -> bool:
        """Return whether this check includes all keys with those names. Pure."""
        return self.names is None or (names is not None and names <= self.names)


class KeyChecks:
    """The checks of this process.

    A waiting caller occupies a thread of the worker. So at most one caller waits, besides the hourly timer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._check: Check | None = None
        self._turn: object | None = None  # that of the waiting caller

    def results(
        self,
        names: frozenset[str] | None,
        check: Callable[[float], Proofs],
        most_seconds: float,
        *,
        is_timer: bool = False,
    ) -> list[KeyProof]:
        """Return the results of the check under way if it covers the names, else those of a new one.

        `check` gets the number of seconds that it may take. `names` None means all keys. A failed check is not repeated
        for the callers that joined it, and the next caller begins a new one. `is_timer`: wait even if another caller
        already waits.

        Raises:
            ConflictError: A check of other keys did not complete in time, or another caller waits for it already.
            AzureUnreachableError: The check takes longer than `most_seconds`. It continues.
            BackendError: The error of the check.
        """
        deadline = Deadline.after(most_seconds)
        turn = object()
        try:
            while True:
                under_way = self._under_way(names, check, deadline, turn, is_timer=is_timer)
                covers = under_way.covers(names)
                if wait([under_way.proofs], deadline.left).not_done:
                    raise _too_slow(covers=covers)
                if covers:
                    proofs = under_way.proofs.result()
                    found = [proof for proof in proofs if names is None or proof.name.lower() in names]
                    if names is None or len(found) == len(names):
                        return found  # otherwise a key was stored after the check of all keys began
        finally:
            self._leave(turn)

    def _under_way(
        self,
        names: frozenset[str] | None,
        check: Callable[[float], Proofs],
        deadline: Deadline,
        turn: object,
        *,
        is_timer: bool,
    ) -> Check:
        """Return the check to wait for: the one under way, or else a new one."""
        with self._lock:
            is_over = self._check is None or self._check.proofs.done()
            if self._check is not None and not is_over and self._check.covers(names):
                self._give_up(turn)
                return self._check
            if not is_timer and self._turn not in {None, turn}:
                raise ConflictError(
                    "Couldn't check the keys: a check is running, and another caller already waits for it.",
                    advice="Try again in a minute.",
                )
            if self._check is None or is_over:
                left = deadline.left
                if left < LEAST_SECONDS:
                    raise _too_slow(covers=False)
                self._check = Check(names, background.start(lambda: check(left), name="check the keys"))
                self._give_up(turn)
            elif not is_timer:
                self._turn = turn
            return self._check

    def _leave(self, turn: object) -> None:
        """Allow another caller to wait."""
        with self._lock:
            self._give_up(turn)

    def _give_up(self, turn: object) -> None:
        if self._turn is turn:
            self._turn = None


def _too_slow(*, covers: bool) -> Exception:
    if covers:
        return AzureUnreachableError(
            "The check of the keys takes longer than a request may take. It continues in the background.",
            advice="To see its result, call ListKeyRotations and read LastProven.",
        )
    return ConflictError(
        "Couldn't check the keys: a check of other keys is running, and only one runs at a time.",
        advice="Try again in a minute.",
    )
