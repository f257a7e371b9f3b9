"""A cached value: one call loads it for all threads, and what ends when."""

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from weakref import ReferenceType, ref

import pytest

from backend.concurrency import correlation
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import Seat, Seats, SeatsTakenError
from backend.concurrency.writes import WRITES
from backend.errors import AzureUnreachableError, ConflictError
from tests.support import phrases


class Work:
    """Work that takes a while. It returns how often it was done, or fails as often as it should."""

    def __init__(self, seconds: float = 0.0, failures: int = 0) -> None:
        self.done = 0
        self._seconds = seconds
        self.failures = failures

    def __call__(self) -> int:
        self.done += 1
        number = self.done
        time.sleep(self._seconds)
        if number <= self.failures:
            raise ConflictError(f"Failure {number}.")
        return number


class HeldWork:
    """Work of which each call ends when the test lets it end."""

    def __init__(self) -> None:
        self.ends: list[Event] = []

    def __call__(self) -> int:
        end, number = Event(), len(self.ends) + 1
        self.ends.append(end)
        assert end.wait(10)
        return number


@pytest.fixture
def held_work() -> Iterator[HeldWork]:
    work = HeldWork()
    yield work
    for end in work.ends:
        end.set()


def cached(work: Callable[[], int], *, lifetime: float = 60.0, **options: float | bool | str) -> Cached[int]:
    return Cached(work, action="work", lifetime=lifetime, **options)  # type: ignore[arg-type] # each is a number or a flag


def soon(is_so: Callable[[], bool]) -> None:
    deadline = Deadline.after(5)
    while not is_so():
        assert not deadline.expired
        time.sleep(0.005)


@pytest.mark.parametrize("survives", [False, True])
def test_value_from_before_a_write_is_loaded_again_unless_it_survives(*, survives: bool) -> None:
    value = cached(Work(), survives_writes="it is a constant" if survives else "")
    assert value.get() == 1
    WRITES.note()
    assert value.is_fresh == survives
    assert value.peek() == 1
    assert value.get() == (1 if survives else 2)
    assert value.get() == (1 if survives else 2)
    assert value.get(after_writes=True) == 2


def test_load_from_before_a_write_is_not_joined(held_work: HeldWork) -> None:
    value = cached(held_work)
    with ThreadPoolExecutor(2) as threads:
        before = threads.submit(value.get)
        soon(lambda: len(held_work.ends) == 1)
        WRITES.note()
        after = threads.submit(value.get)
        soon(lambda: len(held_work.ends) == 2)
        held_work.ends[1].set()
        assert after.result(5) == 2
        held_work.ends[0].set()
        assert before.result(5) == 1
    assert value.get() == 2


def test_stale_value_and_failure_from_before_a_write_do_not_count() -> None:
    stale = Cached(Work(), action="work", lifetime=0.0, may_be_stale=lambda _: True)
    assert [stale.get(), stale.get()] == [1, 1]
    failing = Work(failures=1)
    value = cached(failing, failure_seconds=60.0)
    with pytest.raises(ConflictError):
        value.get()
    WRITES.note()
    assert value.get() == 2
    assert stale.get() > 1


# One load.


def test_concurrent_callers_join_one_load() -> None:
    value = cached(Work(0.3), lifetime=0)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: value.get(), range(8))) == {1}
    assert value.get() == 2


def test_concurrent_callers_of_an_expired_value_begin_one_load_each_time() -> None:
    work = Work(0.02)
    value = cached(work, lifetime=0.01)
    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(lambda _: value.get(), range(400)))
    assert max(results) == work.done < 200


def test_load_has_the_callers_correlation_id() -> None:
    value = Cached(correlation.current, action="work", lifetime=60)
    with correlation.under("mine"):
        assert value.get() == "mine"


# Lifetimes.


def test_value_counts_for_its_lifetime() -> None:
    value = cached(Work(), lifetime=0.3)
    assert [value.get(), value.get()] == [1, 1]
    assert value.is_fresh
    time.sleep(0.35)
    assert not value.is_fresh
    assert value.peek() == 1
    assert value.get() == 2


@pytest.mark.parametrize(("from_start", "second"), [(False, 1), (True, 2)], ids=["from the end", "from the start"])
def test_lifetime_begins_when_the_load_ended_or_began(from_start: bool, second: int) -> None:
    value = cached(Work(0.5), lifetime=0.4, from_start=from_start)
    assert [value.get(), value.get()] == [1, second]


def test_lifetime_depends_on_the_value() -> None:
    value = Cached(Work(), action="work", lifetime=lambda number: 0.0 if number == 1 else 60.0)
    assert [value.get(), value.get(), value.get()] == [1, 2, 2]


def test_value_without_a_lifetime_is_only_for_waiting_callers() -> None:
    value = Cached(Work(), action="work", lifetime=lambda number: 60.0 if number == 2 else None)
    assert value.get() == 1
    assert value.peek() is None
    assert [value.get(), value.get(), value.peek()] == [2, 2, 2]


def test_value_is_loaded_again_for_a_caller_who_needs_a_newer_one() -> None:
    value = cached(Work())
    assert value.get() == 1
    time.sleep(0.1)
    assert [value.get(), value.get(max_age=60), value.get(max_age=0.05), value.get(max_age=60)] == [1, 1, 2, 2]


def test_value_none_is_kept_as_well() -> None:
    calls: list[int] = []
    value = Cached(lambda: calls.append(1), action="work", lifetime=60)
    assert [value.get(), value.get(), len(calls)] == [None, None, 1]


# Failures.


def test_failure_counts_for_its_seconds_and_is_then_repeated() -> None:
    value = cached(Work(failures=1), failure_seconds=0.5)
    for _ in range(3):
        with pytest.raises(ConflictError, match="Failure 1"):
            value.get()
    time.sleep(0.6)
    assert value.get() == 2


def test_failure_without_a_backoff_is_only_for_waiting_callers() -> None:
    value = cached(Work(0.2, failures=1))
    with ThreadPoolExecutor(4) as threads:
        errors = [one.exception() for one in [threads.submit(value.get) for _ in range(4)]]
    assert [type(error) for error in errors] == [ConflictError] * 4
    assert value.get() == 2


def test_failure_leaves_the_last_value() -> None:
    work = Work()
    value = cached(work, lifetime=0, failure_seconds=60)
    assert value.get() == 1
    work.failures = 2
    with pytest.raises(ConflictError):
        value.get()
    assert value.peek() == 1


def test_failure_does_not_gather_the_frames_of_all_callers() -> None:
    value = cached(Work(failures=1), failure_seconds=60)
    depths = []
    for _ in range(5):
        with pytest.raises(ConflictError) as caught:
            value.get()
        depths.append(len(caught.traceback))
    assert depths[-1] == depths[0]


# Waits.


@pytest.mark.compares_times
def test_slow_load_is_waited_for_from_its_beginning() -> None:
    value = cached(Work(1.0), wait_seconds=0.2)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(AzureUnreachableError, match=f"Couldn't work {phrases.IN_TIME}"):
            value.get()
    assert time.monotonic() - began < 0.9


@pytest.mark.compares_times
def test_each_caller_waits_until_its_own_deadline(held_work: HeldWork) -> None:
    value = cached(held_work)
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(AzureUnreachableError):
            value.get(Deadline.after(0.1))
    assert 0.3 <= time.monotonic() - began < 2
    held_work.ends[0].set()
    assert value.get(Deadline.after(5)) == 1


@pytest.mark.compares_times
def test_cached_callers_do_not_wait_after_a_timeout(held_work: HeldWork) -> None:
    value = cached(held_work, backoff_seconds=60)
    with pytest.raises(AzureUnreachableError):
        value.get(Deadline.after(0.1))
    began = time.monotonic()
    with pytest.raises(AzureUnreachableError):
        value.get(Deadline.after(5))
    assert time.monotonic() - began < 1
    held_work.ends[0].set()
    soon(lambda: not value.is_loading)
    assert value.get(Deadline.after(5)) == 1


def test_load_that_hangs_is_abandoned_and_repeated() -> None:
    value = cached(Work(0.6), abandoned_seconds=0.2)
    with pytest.raises(AzureUnreachableError):
        value.get()
    assert value.get(Deadline.after(5)) == 2


def test_value_of_an_abandoned_load_does_not_replace_a_newer_one(held_work: HeldWork) -> None:
    value = cached(held_work, abandoned_seconds=0.1)
    first = value.begin()
    assert first
    time.sleep(0.15)
    second = value.begin()
    assert second
    held_work.ends[1].set()
    assert second.result(Deadline.after(5)) == 2
    held_work.ends[0].set()
    assert first.result(Deadline.after(5)) == 1
    assert value.peek() == 2


def test_stale_value_is_returned_while_the_next_one_is_loaded(held_work: HeldWork) -> None:
    value = Cached(held_work, action="work", lifetime=0.0, may_be_stale=lambda number: number == 1)
    first = value.begin()
    assert first
    held_work.ends[0].set()
    first.wait(Deadline.after(5))
    assert [value.get(), value.get()] == [1, 1]
    soon(lambda: len(held_work.ends) == 2)
    held_work.ends[1].set()
    soon(lambda: value.peek() == 2)
    with pytest.raises(AzureUnreachableError):
        value.get(Deadline.after(0.1))  # this one may not be stale


# Begun, and forgotten.


def test_begun_load_serves_a_later_caller(held_work: HeldWork) -> None:
    value = cached(held_work)
    attempt = value.begin()
    assert attempt
    assert value.begin() is attempt
    held_work.ends[0].set()
    assert attempt.wait(Deadline.after(5))
    assert value.begin() is None
    assert (value.get(), len(held_work.ends)) == (1, 1)


def test_forgotten_value_is_loaded_again() -> None:
    value = cached(Work())
    assert value.get() == 1
    value.forget()
    assert value.peek() is None
    assert value.get() == 2


def test_load_under_way_and_a_failure_are_not_forgotten() -> None:
    work = Work(0.3, failures=1)
    value = cached(work, failure_seconds=60)
    attempt = value.begin()
    assert attempt
    value.forget()
    assert value.begin() is attempt
    assert attempt.wait(Deadline.after(5))
    value.forget()
    assert value.begin() is attempt
    assert work.done == 1


def test_load_may_forget_the_value_that_it_finds_wrong() -> None:
    work = Work()

    def load() -> int:
        if work.done == 1:
            value.forget()
            raise ConflictError("Wrong.")
        return work()

    value = cached(load, lifetime=0)
    assert value.get() == 1
    with pytest.raises(ConflictError):
        value.get()
    assert value.peek() is None


# Seats.


def test_seat_is_taken_for_a_wait_alone(held_work: HeldWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.SEATS", 0)
    value = cached(held_work)
    with Seats(1).visit("caller", needed=True) as seat:
        with pytest.raises(SeatsTakenError):
            value.get(seat=seat)
        with pytest.raises(AzureUnreachableError):
            value.get(Deadline.after(0), seat=seat)
        held_work.ends[0].set()
        soon(lambda: value.is_fresh)
        assert value.get(seat=seat) == 1


def test_reload_begins_a_call_of_its_own_and_keeps_its_value(held_work: HeldWork) -> None:
    value = cached(held_work)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(value.get)
        soon(lambda: len(held_work.ends) == 1)
        reloaded = pool.submit(value.reload)
        soon(lambda: len(held_work.ends) == 2)
        held_work.ends[1].set()
        assert reloaded.result(5) == 2
        held_work.ends[0].set()
        assert first.result(5) == 1
    assert value.get() == 2


def test_cached_wait_excludes_the_wait_for_a_seat() -> None:
    class SlowSeat(Seat):
        def take(self) -> None:
            time.sleep(0.4)

    assert cached(Work(seconds=0.5)).get(Deadline.after(0.3), seat=SlowSeat(None)) == 1


def test_cache_does_not_keep_objects_of_a_failed_call() -> None:
    class Response:
        pass

    responses: list[ReferenceType[Response]] = []

    def fail() -> int:
        response = Response()
        responses.append(ref(response))
        raise ConflictError("Refused.")

    value = cached(fail)
    with pytest.raises(ConflictError):
        value.get()
    soon(lambda: gc.collect() >= 0 and responses[0]() is None)
    assert value.peek() is None
