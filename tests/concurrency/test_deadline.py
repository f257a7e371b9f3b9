"""Deadlines, and calls that are repeated until one."""

import time

import pytest

from backend.concurrency.deadline import Deadline, poll
from backend.errors import AzureUnreachableError, ConflictError


class Check:
    """A check that goes through its results. An exception among them is raised. The last result stays."""

    def __init__(self, *results: int | Exception | None) -> None:
        self.calls = 0
        self._results = results

    def __call__(self) -> int | None:
        self.calls += 1
        result = self._results[min(self.calls, len(self._results)) - 1]
        if isinstance(result, Exception):
            raise result
        return result


def is_unreachable(error: Exception) -> bool:
    return isinstance(error, AzureUnreachableError)


def test_deadline_returns_the_seconds_left() -> None:
    deadline = Deadline.after(60)
    assert 59 < deadline.left <= 60
    assert not deadline.expired
    assert deadline.allows(59)
    assert not deadline.allows(61)
    assert deadline.plus(2).allows(61)


@pytest.mark.parametrize("seconds", [0, -5])
def test_expired_deadline_has_no_time_left(seconds: float) -> None:
    deadline = Deadline.after(seconds)
    assert deadline.expired
    assert deadline.left == 0
    assert not deadline.allows(0.01)


def test_earlier_of_two_deadlines_is_the_minimum() -> None:
    early, late = Deadline.after(1), Deadline.after(2)
    assert min(late, early) is early


def test_poll_returns_the_first_result_that_is_done() -> None:
    check = Check(None, None, 3)
    assert poll(check, every=0.01, deadline=Deadline.after(60)) == 3
    assert check.calls == 3


@pytest.mark.compares_times
def test_poll_calls_once_after_the_deadline_and_does_not_wait() -> None:
    check = Check(None)
    began = time.monotonic()
    assert poll(check, every=5, deadline=Deadline.after(0)) is None
    assert (check.calls, time.monotonic() - began < 1) == (1, True)


@pytest.mark.compares_times
def test_poll_returns_the_last_result_when_time_is_over() -> None:
    began = time.monotonic()
    assert poll(Check(1, 2, 3), every=0.2, deadline=Deadline.after(0.5), is_done=lambda _: False) == 3
    assert 0.4 <= time.monotonic() - began < 0.5


@pytest.mark.compares_times
def test_poll_begins_no_wait_that_ends_after_the_deadline() -> None:
    check = Check(None)
    began = time.monotonic()
    poll(check, every=3, deadline=Deadline.after(2))
    assert (check.calls, time.monotonic() - began < 1) == (1, True)


def test_poll_repeats_after_an_error_that_may_pass() -> None:
    check = Check(AzureUnreachableError("Silent."), None, 3)
    assert poll(check, every=0.01, deadline=Deadline.after(60), may_pass=is_unreachable) == 3


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ConflictError("Taken."), 60),
        (AzureUnreachableError("Silent."), 0),
    ],
    ids=["another error", "time is over"],
)
def test_poll_raises_other_errors_and_the_last_one(error: Exception, seconds: float) -> None:
    check = Check(error, 3)
    with pytest.raises(type(error)) as caught:
        poll(check, every=0.01, deadline=Deadline.after(seconds), may_pass=is_unreachable)
    assert (caught.value is error, check.calls) == (True, 1)


def test_poll_raises_errors_by_default() -> None:
    check = Check(AzureUnreachableError("Silent."), 3)
    with pytest.raises(AzureUnreachableError):
        poll(check, every=0.01, deadline=Deadline.after(60))
    assert check.calls == 1
