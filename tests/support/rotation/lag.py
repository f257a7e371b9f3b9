"""How far Azure lags behind in a test case, on a fast clock, so that a minute of lag takes less than a minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from backend.cipp import row_lock
from backend.configuration.timeouts import Limits

RATE: Final = 30.0  # sandbox seconds a second
RATE_VARIABLE: Final = "TESTS_CLOCK_RATE"  # for processes that a test starts
EVERY: Final = 3  # one case in three has a lag
_LONGEST: Final = 60


@dataclass(frozen=True)
class Lag:
    """Seconds of the sandbox's time, and how many of them pass in a second.

    `propagation_seconds` pass until a new client secret or certificate signs in. Graph's readers see the apps as they
    were `graph_read_lag_seconds` ago.
    """

    propagation_seconds: int = 0
    graph_read_lag_seconds: int = 0
    clock_rate: float = 1.0

    def __bool__(self) -> bool:
        """Return whether anything lags."""
        return self != NO_LAG

    @property
    def settled_after_seconds(self) -> float:
        """Return after how many seconds of the sandbox's time everyone sees a change."""
        return max(self.propagation_seconds, self.graph_read_lag_seconds)

    @property
    def options(self) -> dict[str, object]:
        """Return the options of the sandbox's reset."""
        return {
            "propagation_seconds": self.propagation_seconds,
            "graph_read_lag_seconds": self.graph_read_lag_seconds,
            "clock_rate": self.clock_rate,
        }

    @property
    def settings(self) -> dict[str, str]:
        """Return the app's settings that shorten its waits for Azure's time to pass; none without a lag."""
        if not self:
            return {}
        limits = Limits()
        return {
            "KEY_ROTATION_PROOF_GAP_SECONDS": str(limits.key_rotation_proof_gap_seconds / self.clock_rate),
            "KEY_ROTATION_PROOF_TIMEOUT_SECONDS": str(limits.key_rotation_proof_timeout_seconds / self.clock_rate),
            RATE_VARIABLE: str(self.clock_rate),
        }


NO_LAG: Final = Lag()


def lag_of(case: str, number: int) -> Lag:
    """Return the lag of a case, the same each time; every third case has one."""
    return drawn(Random(case)) if number % EVERY == 0 else NO_LAG  # noqa: S311 - it is to be repeated


def drawn(random: Random) -> Lag:
    """Draw a lag: 5 to 60 seconds until a credential signs in, Graph's readers up to a minute behind."""
    return Lag(random.randint(5, _LONGEST), random.randint(0, _LONGEST), RATE)


def shorten_lock(patch: pytest.MonkeyPatch, rate: float) -> None:
    """Let this process renew and look at its lock as much faster as the clock runs, by which the row is judged."""
    patch.setattr(row_lock, "RENEWED_EVERY", row_lock.RENEWED_EVERY / rate)
    patch.setattr(row_lock, "FRESH", row_lock.FRESH / rate)
    patch.setattr(row_lock, "TRIED_EVERY_SECONDS", row_lock.TRIED_EVERY_SECONDS / rate)


def shorten_for_good(environ: Mapping[str, str]) -> None:
    """Do the same in a process that a test started, if its environment requests that."""
    if rate := environ.get(RATE_VARIABLE):
        shorten_lock(pytest.MonkeyPatch(), float(rate))
