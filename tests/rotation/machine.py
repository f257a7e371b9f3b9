"""Histories of one CIPP, made by Hypothesis: what we do, what others do, and what goes wrong, in any order."""

from random import Random
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.rotation.history import History
from tests.rotation.lag import EVERY, NO_LAG, drawn
from tests.rotation.scene import CERTIFICATE, SECRET

HOUR, DAY = 3_600.0, 86_400.0
CALLS = 45  # the calls of a run of one key are fewer
BAD_DAYS: list[dict[str, object]] = [
    {"mode": "drop-after"},
    {"mode": "refuse", "status": 503},
    {"mode": "refuse-then-do", "status": 504, "after_seconds": 30},
    {"mode": "refuse-then-do", "status": 500, "after_seconds": 2},
    {"mode": "refuse", "status": 403, "times": 0},
    {"mode": "refuse", "status": 400},
]
POLICIES: list[dict[str, object]] = [
    {"restrictionType": "passwordAddition", "state": "enabled"},
    {"restrictionType": "passwordAddition", "state": "disabled"},
    {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P90D"},
    {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P2D"},
    {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P1D"},
]


class Machine(RuleBasedStateMachine):
    """One CIPP. What no key of the history needs is left out of its rules."""

    history: ClassVar[History]

    @initialize(lags=st.integers(0, EVERY - 1), draw=st.integers(0, 999))
    def begin(self, lags: int, draw: int) -> None:
        # the last one, so that Hypothesis tells a failure without a lag if it can
        self.history.begin(drawn(Random(draw)) if lags == EVERY - 1 else NO_LAG)  # noqa: S311 - it is to be repeated

    @rule(force=st.sampled_from([False, False, False, True]))
    def run(self, *, force: bool) -> None:
        self.history.run(force=force)

    @rule(nth=st.integers(1, CALLS), day=st.sampled_from(BAD_DAYS))
    def run_on_a_bad_day(self, nth: int, day: dict[str, object]) -> None:
        self.history.disturbed_run({**day, "nth": nth})

    @rule(nth=st.integers(1, CALLS), how=st.sampled_from(["killed", "killed", "twice", "twice, forced"]))
    def run_in_another_process(self, nth: int, how: str) -> None:
        if how == "killed":
            self.history.killed_run(nth)
        else:
            self.history.two_runs(force=how != "twice")

    @rule(seconds=st.sampled_from([60.0, 2 * HOUR, DAY, 8 * DAY, 8 * DAY, 31 * DAY, 50 * DAY, 200 * DAY]))
    def wait(self, seconds: float) -> None:
        self.history.wait(seconds)

    def restore(self, key: str, version: int, *, by_hand: bool) -> None:
        if by_hand:
            self.history.restore_by_hand(key, version)
        else:
            self.history.restore(key, version)

    def teardown(self) -> None:
        if hasattr(self.history, "world"):
            self.history.end()


class Tokens(Machine):
    """What happens to refresh tokens."""

    @rule(which=st.integers(0, 1))
    def someone_stores_a_token(self, which: int) -> None:
        self.history.store_a_token(self._token(which))

    @rule(which=st.integers(0, 1), version=st.integers(0, 3))
    def someone_disables_a_token(self, which: int, version: int) -> None:
        self.history.disable_a_version(self._token(which), version)

    @rule(which=st.integers(0, 1), version=st.integers(0, 3), by_hand=st.booleans())
    def someone_restores_a_token(self, which: int, version: int, *, by_hand: bool) -> None:
        self.restore(self._token(which), version, by_hand=by_hand)

    @rule(which=st.integers(0, 1))
    def someone_deletes_or_recovers_a_token(self, which: int) -> None:
        self.history.delete_or_recover(self._token(which))

    @rule(which=st.integers(0, 1))
    def someone_stores_garbage_as_a_token(self, which: int) -> None:
        self.history.store_garbage(self._token(which))

    def _token(self, which: int) -> str:
        return self.history.tokens[which % len(self.history.tokens)]


class Secrets(Machine):
    """What happens to client secrets."""

    @rule()
    def someone_stores_a_secret(self) -> None:
        self.history.store_a_secret()

    @rule(which=st.integers(0, 5))
    def someone_removes_a_secret_from_the_app(self, which: int) -> None:
        self.history.remove_a_credential(which)

    @rule(version=st.integers(0, 3))
    def someone_disables_a_secret(self, version: int) -> None:
        self.history.disable_a_version(SECRET, version)

    @rule(version=st.integers(0, 3), by_hand=st.booleans())
    def someone_restores_a_secret(self, version: int, *, by_hand: bool) -> None:
        self.restore(SECRET, version, by_hand=by_hand)

    @rule()
    def someone_deletes_or_recovers_the_secret(self) -> None:
        self.history.delete_or_recover(SECRET)

    @rule()
    def someone_stores_garbage_as_the_secret(self) -> None:
        self.history.store_garbage(SECRET)

    @rule(policy=st.sampled_from(POLICIES))
    def the_policy_changes(self, policy: dict[str, object]) -> None:
        self.history.restrict(**policy)

    @rule()
    def cipp_restarts(self) -> None:
        self.history.restart_cipp()


class Certificates(Machine):
    """What happens to certificates."""

    @rule(which=st.integers(0, 2))
    def someone_stores_a_certificate(self, which: int) -> None:
        self.history.store_a_certificate(which)

    @rule(which=st.integers(0, 3))
    def someone_removes_a_certificate_from_the_app(self, which: int) -> None:
        self.history.remove_a_certificate(which)

    @rule(version=st.integers(0, 3))
    def someone_disables_a_certificate(self, version: int) -> None:
        self.history.disable_a_version(CERTIFICATE, version)

    @rule(version=st.integers(0, 3), by_hand=st.booleans())
    def someone_restores_a_certificate(self, version: int, *, by_hand: bool) -> None:
        self.restore(CERTIFICATE, version, by_hand=by_hand)

    @rule()
    def someone_deletes_or_recovers_the_certificate(self) -> None:
        self.history.delete_or_recover(CERTIFICATE)

    @rule()
    def someone_stores_garbage_as_the_certificate(self) -> None:
        self.history.store_garbage(CERTIFICATE)


class Everything(Tokens, Secrets, Certificates):
    """What happens to all keys."""


def tell(kind: type[Machine], history: History, *, part: int, histories: int) -> None:
    """Let Hypothesis tell histories: so many where its profile says 100; each part tells others."""
    profile = settings()
    told = type(kind.__name__, (kind,), {"history": history})
    try:
        run_state_machine_as_test(
            seed(part)(told) if profile.derandomize else told,
            settings=settings(
                profile,
                derandomize=False,
                max_examples=histories * profile.max_examples // 100,
                stateful_step_count=6,
                deadline=None,
                database=None,
                print_blob=True,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        history.close()
