"""ExecKeyProof by several callers: one check runs at a time, and those whose keys it looks at join it."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from backend.errors import AzureUnreachableError, BackendError, ConflictError
from backend.rotation.key_checks import KeyChecks
from backend.rotation.report import KeyProof
from tests.api import Answer, Api
from tests.rotation.scene import ENTRA, SECRET, TOKEN, Scene

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


def test_checks_of_different_keys_run_one_after_another() -> None:
    checks, checking = KeyChecks(), Checking(0.1)
    with ThreadPoolExecutor(8) as threads:
        named = ["a", "b", "c", None, "a", "b", "c", None]
        found = list(threads.map(lambda names: results(checks, checking, names), named))
    assert found == [["A", "B", "C"] if names is None else [names.upper()] for names in named]
    assert checking.most == 1


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
    monkeypatch.setattr("backend.rotation.key_checks.LEAST_SECONDS", 0.0)
    checks, checking = KeyChecks(), Checking(1.0)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(results, checks, checking, "a")
        while not checking.checks:
            time.sleep(0.01)
        with pytest.raises(ConflictError, match="one check runs at a time"):
            results(checks, checking, "b", seconds=0.2)
        with pytest.raises(AzureUnreachableError, match="It goes on"):
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
    """The sign-ins by refresh token that Entra saw."""
    bodies = [str(call["request_body"]) for call in scene.azure.calls(ENTRA)]
    return [body for body in bodies if "grant_type=refresh_token" in body]
