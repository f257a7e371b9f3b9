"""ExecKeyProof by several callers: one check runs at a time, and those whose keys it looks at join it."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import pytest

from backend.errors import AzureUnreachableError, BackendError, ConflictError
from backend.rotation.results import KeyProof
from backend.rotation.running.key_checks import KeyChecks
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.rotation.scene import ENTRA, SECRET, TOKEN, Scene

ALL = ("a", "b", "c")


class Checking:
    """A check that takes a while. It keeps the order and the number of concurrent ones."""

    def __init__(self, seconds: float = 0.3) -> None:
        self.checks: list[tuple[str, ...]] = []
        self.most = 0
        self._running = 0
        self._seconds = seconds
        self._lock = Lock()

    def __call__(self, keys: Sequence[str]) -> list[KeyProof]:
        with self._lock:
            self.checks.append(tuple(keys))
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(self._seconds)
        with self._lock:
            self._running -= 1
        return [KeyProof(name=key.upper(), kind="RefreshToken", outcome="proven", reason="") for key in keys]


def results(checks: KeyChecks, checking: Checking, names: str | None, seconds: float = 100.0) -> list[str]:
    """Check the keys whose letters are given, None for all, and return the names that came back."""
    wanted = None if names is None else frozenset(names)
    proofs = checks.results(wanted, lambda _: checking(sorted(names) if names else ALL), seconds)
    return [proof.name for proof in proofs]


def test_callers_join_the_check_that_covers_their_keys() -> None:
    checks, checking = KeyChecks(), Checking()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(results, checks, checking, None)
        while not checking.checks:
            time.sleep(0.01)
        others = [threads.submit(results, checks, checking, names) for names in (None, "a", "bc", None, "b")]
        assert first.result() == ["A", "B", "C"]
        assert [other.result() for other in others] == [["A", "B", "C"], ["A"], ["B", "C"], ["A", "B", "C"], ["B"]]
    assert checking.checks == [ALL]


def begin(threads: ThreadPoolExecutor, checks: KeyChecks, checking: Checking, names: str) -> "Future[list[str]]":
    """Begin a check, and return when it is under way."""
    first = threads.submit(results, checks, checking, names)
    while not checking.checks:
        time.sleep(0.01)
    return first


@pytest.mark.compares_times
def test_one_caller_waits_for_its_turn_and_others_are_refused_immediately() -> None:
    checks, checking = KeyChecks(), Checking(1.0)
    with ThreadPoolExecutor(8) as threads:
        first = begin(threads, checks, checking, "a")
        began = time.monotonic()
        others = [threads.submit(results, checks, checking, names) for names in ("b", "c", "d", "e", "f")]
        refused = [other for other in others if isinstance(other.exception(), ConflictError)]
        joined = results(checks, checking, "a") if not first.done() else ["A"]
        assert len(refused) == 4
        assert phrases.CHECK_WAITS in str(refused[0].exception())
        assert "Try again" in str(refused[0].exception())
        assert (first.result(), joined) == (["A"], ["A"])
        assert time.monotonic() - began < 2.9
    assert (len(checking.checks), checking.most) == (2, 1)
    assert results(checks, checking, "c") == ["C"]  # the place of the one who waited is free again


@pytest.mark.compares_times
def test_refusal_does_not_wait_for_the_check_under_way() -> None:
    checks, checking = KeyChecks(), Checking(1.0)
    with ThreadPoolExecutor(8) as threads:
        begin(threads, checks, checking, "a")
        waiting = threads.submit(results, checks, checking, "b")
        time.sleep(0.2)
        began = time.monotonic()
        with pytest.raises(ConflictError):
            results(checks, checking, None)
        assert time.monotonic() - began < 0.3
        assert waiting.result() == ["B"]


def test_timer_waits_for_its_turn_beside_a_caller() -> None:
    checks, checking = KeyChecks(), Checking(0.3)

    def by_timer() -> list[KeyProof]:
        return checks.results(frozenset("t"), lambda _: checking("t"), 100.0, is_timer=True)

    with ThreadPoolExecutor(8) as threads:
        first = begin(threads, checks, checking, "a")
        waiting = threads.submit(results, checks, checking, "b")
        time.sleep(0.1)
        timer = threads.submit(by_timer)
        assert [proof.name for proof in timer.result()] == ["T"]
        assert (first.result(), waiting.result()) == (["A"], ["B"])
    assert (len(checking.checks), checking.most) == (3, 1)


def test_hourly_check_gives_up_quietly_when_another_check_is_running(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    monkeypatch.setattr("backend.rotation.timers.HTTP_SECONDS", 1.0)
    scene.midweek()
    scene.rotate()
    scene.go(hours=2)
    scene.azure.faults([{"host": ENTRA, "path": "/token$", "mode": "hold", "times": 1}])
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.api().post, "ExecKeyProof", {"Names": [TOKEN]})
        scene.azure.wait_until_held()
        scene.tick("KeyRotationCatchUp")
        scene.azure.faults([])
        assert running.result().status == 200
    records = [record for record in caplog.records if record.name == "cipp.rotation"]
    assert [record for record in records if phrases.CHECK_IS_RUNNING in record.getMessage()]
    assert [record for record in records if record.levelname == "ERROR"] == []


def test_a_key_stored_after_the_check_began_gets_its_own() -> None:
    checks, checking = KeyChecks(), Checking()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(results, checks, checking, None)
        while not checking.checks:
            time.sleep(0.01)
        assert results(checks, checking, "z") == ["Z"]
        assert first.result() == ["A", "B", "C"]


def test_a_failure_goes_to_those_who_joined_and_the_next_begins_again() -> None:
    checks, begun = KeyChecks(), Event()

    def fail(_seconds: float) -> list[KeyProof]:
        begun.set()
        time.sleep(0.3)
        raise AzureUnreachableError("down")

    def error() -> str:
        try:
            checks.results(None, fail, 100)
        except BackendError as failure:
            return str(failure)
        return ""

    with ThreadPoolExecutor(4) as threads:
        assert {threads.submit(error).result() for _ in range(1)} == {"down"}
        assert set(threads.map(lambda _: error(), range(4))) == {"down"}
    assert results(checks, Checking(), None) == ["A", "B", "C"]


def test_a_caller_waits_for_its_turn_no_longer_than_a_call_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.rotation.running.key_checks.LEAST_SECONDS", 0.0)
    checks, checking = KeyChecks(), Checking(1.0)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(results, checks, checking, "a")
        while not checking.checks:
            time.sleep(0.01)
        with pytest.raises(ConflictError, match=phrases.ONE_AT_A_TIME):
            results(checks, checking, "b", seconds=0.2)
        with pytest.raises(AzureUnreachableError, match="It continues"):
            results(checks, checking, "a", seconds=0.2)
        assert slow.result() == ["A"]
    assert checking.checks == [("a",)]


def test_a_check_without_time_left_is_not_begun() -> None:
    with pytest.raises(ConflictError):
        results(KeyChecks(), Checking(), "a", seconds=1)


def test_concurrent_checks_sign_in_with_each_key_once(scene: Scene) -> None:
    scene.azure.faults([{"host": ENTRA, "path": "/token$", "mode": "hold", "times": 1}])
    api = scene.api()

    def check(body: Mapping[str, object]) -> Answer:
        return api.post("ExecKeyProof", body, role="admin")

    with ThreadPoolExecutor(7) as threads:
        running = [threads.submit(check, {})]
        scene.azure.wait_until_held()
        running += [threads.submit(check, body) for body in [{}, {}, {"Names": [TOKEN]}, {"Names": [SECRET.lower()]}]]
        time.sleep(2)
        scene.azure.faults([])
        answers = [one.result() for one in running]
    assert [answer.status for answer in answers] == [200] * 5
    keys = len(answers[0].results)
    assert [len(answer.results) for answer in answers] == [keys, keys, keys, 1, 1]
    assert [answer.results[0]["Name"] for answer in answers[3:]] == [TOKEN, SECRET]
    assert len(redemptions(scene)) == len(scene.tenants()) + 1
    assert Api().post("ExecKeyProof", {"Names": ["Nope"]}).status == 404


def redemptions(scene: Scene) -> list[str]:
    """Return the sign-ins by refresh token that Entra saw."""
    bodies = [str(call["request_body"]) for call in scene.azure.calls(ENTRA)]
    return [body for body in bodies if "grant_type=refresh_token" in body]
