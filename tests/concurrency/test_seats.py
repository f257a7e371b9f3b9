"""The seats of callers without a role: two while Azure is slow, with a short queue while it is prompt."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from backend.access.role_holders import MOST, RoleHolders
from backend.concurrency.loading import LOADING
from backend.concurrency.seats import SEATS, SPARE, Seats, SeatsTakenError, worker_threads

CALLERS = 12
THREADS = 6  # of a worker on two cores


def outcomes(seats: Seats, callers: list[object], seconds: float) -> tuple[int, int]:
    """Let callers wait for a dependency concurrently, and return how many got a seat, and how many were refused."""

    def call(caller: object) -> bool:
        try:
            with seats.visit(caller, needed=True) as seat:
                seat.take()
                time.sleep(seconds)
        except SeatsTakenError:
            return False
        return True

    with ThreadPoolExecutor(len(callers)) as threads:
        served = list(threads.map(call, callers))
    return served.count(True), served.count(False)


@pytest.mark.compares_times
def test_third_caller_is_refused_immediately_while_azure_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.2)
    seats = Seats(THREADS)
    assert outcomes(seats, list(range(CALLERS)), 1.0)[0] == SEATS
    began = time.monotonic()
    with seats.visit("a", needed=True) as first, seats.visit("b", needed=True) as second:
        first.take()
        second.take()
        for caller in ("a", "c"):
            with seats.visit(caller, needed=True) as third, pytest.raises(SeatsTakenError, match="Try again"):
                third.take()
    assert time.monotonic() - began < 0.2


@pytest.mark.parametrize("callers", [["same"] * CALLERS, list(range(CALLERS))], ids=["one caller", "many callers"])
@pytest.mark.parametrize("threads", [3, 5, 6, 32])
def test_seats_leave_a_thread_free_while_azure_is_fast(threads: int, callers: list[object]) -> None:
    seats = Seats(threads)
    for caller in callers:
        seats.note(caller, has_role=False)
    served, refused = outcomes(seats, callers, 0.2)
    assert served == min(CALLERS, max(SEATS, threads - SPARE))
    assert served + refused == CALLERS


def test_first_calls_of_one_caller_queue_while_azure_is_fast() -> None:
    assert outcomes(Seats(THREADS), ["same"] * CALLERS, 0.05) == (CALLERS, 0)


def test_each_wait_of_a_call_is_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.3)
    seats = Seats(THREADS)
    with seats.visit("a", needed=True) as seat:
        for _ in range(3):
            seat.take()
            time.sleep(0.2)
    assert outcomes(seats, ["b"] * (SEATS + 1), 0.05) == (SEATS + 1, 0)
    with seats.visit("a", needed=True) as seat:
        seat.take()
        time.sleep(0.4)
        seat.take()
    assert outcomes(seats, ["b"] * (SEATS + 1), 0.05)[1] == 1


def test_a_seat_for_no_wait_does_not_count_as_a_slow_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.1)
    seats = Seats(THREADS)
    with seats.visit("a", needed=True) as seat:
        assert seat.take_if_free()
        time.sleep(0.2)
    assert outcomes(seats, ["b"] * (SEATS + 1), 0.05) == (SEATS + 1, 0)


@pytest.mark.parametrize(
    ("setting", "threads"), [("32", 32), (" 8 ", 8), ("1", 1), ("0", None), ("x", None), ("", None)]
)
def test_worker_threads_follow_the_setting(setting: str, threads: int | None) -> None:
    assert worker_threads({"PYTHON_THREADPOOL_THREAD_COUNT": setting}) == (threads or worker_threads({}))


@pytest.mark.compares_times
def test_a_caller_is_refused_immediately_while_one_seat_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 1.0)
    seats = Seats(THREADS)
    with seats.visit("a", needed=True) as first, seats.visit("b", needed=True) as second:
        first.take()
        time.sleep(1.1)
        second.take()
        began = time.monotonic()
        with seats.visit("c", needed=True) as third, pytest.raises(SeatsTakenError):
            third.take()
        assert time.monotonic() - began < 0.8


def test_a_wait_for_a_seat_ends_while_sdks_are_still_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.1)
    monkeypatch.setattr("backend.concurrency.seats.SLOW_SECONDS", 0.3)
    seats = Seats(THREADS)
    with (
        ThreadPoolExecutor(1) as threads,
        seats.visit("a", needed=True) as first,
        seats.visit("b", needed=True) as second,
        LOADING,
    ):
        first.take()
        second.take()
        assert threads.submit(outcomes, seats, ["a"], 0.0).result(5) == (0, 1)


def test_a_caller_with_a_role_needs_no_seat() -> None:
    seats = Seats(THREADS)
    with seats.visit("a", needed=True) as first, seats.visit("b", needed=True) as second:
        first.take()
        second.take()
        with seats.visit("c", needed=False) as third:
            third.take()
            assert third.take_if_free()
        with seats.visit("d", needed=True) as fourth:
            assert not fourth.take_if_free()


def test_a_seat_is_given_back_after_an_error() -> None:
    seats = Seats(THREADS)
    for _ in range(SEATS + 1):
        with pytest.raises(ZeroDivisionError), seats.visit("a", needed=True) as seat:  # noqa: PT012 - both are the case
            seat.take()
            _ = 1 / 0
    with seats.visit("a", needed=True) as seat:
        assert seat.take_if_free()


def test_the_loading_of_sdks_does_not_count_as_a_slow_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.2)
    seats, seated = Seats(THREADS), Barrier(SEATS + 1)

    def load() -> None:
        with seats.visit("a", needed=True) as seat:
            seat.take()
            seated.wait()
            with LOADING:
                time.sleep(0.4)

    with ThreadPoolExecutor(SEATS) as threads:
        loads = [threads.submit(load) for _ in range(SEATS)]
        seated.wait()
        with seats.visit("a", needed=True) as seat:
            seat.take()  # waits, since none of the others is slow
    assert [load.exception() for load in loads] == [None] * SEATS


def test_role_holders_are_forgotten_in_time_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    holders = RoleHolders()
    for number in range(MOST + 1):
        holders.note(number, has_role=True)
    assert [number in holders for number in (0, 1, MOST)] == [False, True, True]
    holders.note(1, has_role=False)
    assert 1 not in holders
    monkeypatch.setattr("backend.access.role_holders.LIFETIME_SECONDS", 0.0)
    holders.note(2, has_role=True)
    assert 2 not in holders


def test_role_holder_who_called_longest_ago_is_forgotten_first() -> None:
    holders = RoleHolders()
    for number in (*range(MOST), 0, MOST):
        holders.note(number, has_role=True)
    assert [number in holders for number in (0, 1, 2, MOST)] == [True, False, True, True]
