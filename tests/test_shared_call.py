"""A call that many need: one at a time, joined by all, and a failure counts for some seconds."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.errors import AzureUnreachableError
from backend.shared_call import SharedCall


class Work:
    """Work that takes a while. It returns how often it was done, or fails."""

    def __init__(self, seconds: float = 0.0, failures: int = 0) -> None:
        self.done = 0
        self._seconds = seconds
        self._failures = failures

    def __call__(self) -> int:
        self.done += 1
        time.sleep(self._seconds)
        if self.done <= self._failures:
            raise AzureUnreachableError(f"Failure {self.done}.")
        return self.done


def result(call: SharedCall[int], lifetime_seconds: float = 0.0, wait_seconds: float = 5.0) -> int:
    attempt = call.attempt(lifetime_seconds)
    return attempt.result(attempt.began + wait_seconds, what="work")


def test_concurrent_callers_join_one_call() -> None:
    work = Work(0.3)
    call = SharedCall(work, name="work")
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: result(call), range(8))) == {1}
    assert result(call) == 2


def test_a_result_counts_for_its_lifetime_until_it_is_forgotten() -> None:
    call = SharedCall(Work(), name="work")
    assert [result(call, 60), result(call, 60), result(call, 0)] == [1, 1, 2]
    call.forget()
    assert result(call, 60) == 3


def test_a_failure_counts_for_its_seconds_and_is_then_repeated() -> None:
    work = Work(failures=1)
    call = SharedCall(work, name="work", failure_seconds=0.5)
    for _ in range(3):
        with pytest.raises(AzureUnreachableError, match="Failure 1"):
            result(call, 60)
    time.sleep(0.6)
    assert result(call, 60) == 2


def test_a_lifetime_begins_when_the_call_ended() -> None:
    call = SharedCall(Work(1.0), name="work", failure_seconds=60)
    assert [result(call, 0.8), result(call, 0.8), result(call, 0)] == [1, 1, 2]


def test_a_call_under_way_and_a_failure_are_not_forgotten() -> None:
    work = Work(0.3, failures=1)
    call = SharedCall(work, name="work", failure_seconds=60)
    attempt = call.attempt()
    call.forget()
    assert call.attempt() is attempt
    assert attempt.wait(attempt.began + 5)
    call.forget()
    assert call.attempt() is attempt
    assert work.done == 1


def test_a_slow_call_is_waited_for_from_its_beginning() -> None:
    call = SharedCall(Work(1.0), name="work")
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(AzureUnreachableError, match="too long"):
            result(call, wait_seconds=0.2)
    assert time.monotonic() - began < 0.9


def test_a_call_that_never_returns_is_followed_by_another() -> None:
    work = Work(0.5)
    call = SharedCall(work, name="work", abandoned_seconds=0.1)
    call.attempt()
    time.sleep(0.2)
    assert result(call) == 2


def test_a_failure_does_not_gather_the_frames_of_all_callers() -> None:
    call = SharedCall(Work(failures=1), name="work", failure_seconds=60)
    depths = []
    for _ in range(5):
        with pytest.raises(AzureUnreachableError) as caught:
            result(call)
        depths.append(len(caught.traceback))
    assert depths[-1] == depths[0]
