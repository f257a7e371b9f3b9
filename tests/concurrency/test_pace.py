"""Pace with real threads and short windows: as fast as a limit allows, and never faster."""

import math
import random
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from backend.concurrency.deadline import Deadline
from backend.concurrency.rate_limiter import NoTimeLeftError, Pace

WINDOW = 0.2
FOREVER = Deadline(math.inf)


class FarSide:
    """A service that counts calls like Key Vault, at some point between their start and their response."""

    def __init__(self, most: int, window_seconds: float = WINDOW, slowness: float = 0.03) -> None:
        self.taken: list[float] = []
        self.refused = 0
        self._most = most
        self._window = window_seconds
        self._slowness = slowness
        self._lock = threading.Lock()
        self._last: deque[float] = deque()

    def call(self) -> bool:
        time.sleep(random.random() * self._slowness)  # noqa: S311 - a network, no secret
        with self._lock:
            now = time.monotonic()
            while self._last and self._last[0] <= now - self._window:
                self._last.popleft()
            is_taken = len(self._last) < self._most
            if is_taken:
                self._last.append(now)
                self.taken.append(now)
            else:
                self.refused += 1
        time.sleep(random.random() * self._slowness)  # noqa: S311 - a network, no secret
        return is_taken


def send(pace: Pace, far_side: FarSide, deadline: Deadline = FOREVER) -> None:
    """Send one call until it is taken."""
    while True:
        with pace.turn(deadline) as turn:
            if far_side.call():
                return
            turn.refuse(0.02)


def send_all(pace: Pace, far_side: FarSide, calls: int, threads: int = 16) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(lambda _: send(pace, far_side), range(calls)))
    return time.monotonic() - began


@pytest.mark.compares_times
@pytest.mark.parametrize("most", [1, 5, 20])
def test_pace_avoids_refusals_by_a_service_with_the_same_limit(most: int) -> None:
    far_side = FarSide(most)
    send_all(Pace(most, WINDOW), far_side, 4 * most)
    assert far_side.refused == 0
    assert len(far_side.taken) == 4 * most


@pytest.mark.compares_times
def test_pace_starts_a_full_window_of_calls_immediately() -> None:
    far_side = FarSide(20, window_seconds=0.5, slowness=0.005)
    seconds = send_all(Pace(20, 0.5), far_side, 60)
    assert far_side.taken[19] - far_side.taken[0] < 0.4
    assert 1.0 <= seconds < 1.4  # the floor is two windows


def test_place_stays_taken_while_its_call_is_in_flight() -> None:
    pace = Pace(2, 0.05)
    with pace.turn(FOREVER), pace.turn(FOREVER), pytest.raises(NoTimeLeftError), pace.turn(Deadline.after(0.2)):
        pass


def test_pace_frees_a_place_one_window_after_the_response() -> None:
    pace = Pace(1, WINDOW)
    with pace.turn(FOREVER):
        time.sleep(0.1)
    answered = time.monotonic()
    with pace.turn(FOREVER):
        assert time.monotonic() - answered >= WINDOW * 0.99


def test_failed_call_takes_its_place_for_a_full_window() -> None:
    pace = Pace(1, WINDOW)
    began = time.monotonic()
    with pytest.raises(OSError, match="cut"), pace.turn(FOREVER):
        raise OSError("cut")
    with pace.turn(FOREVER):
        assert time.monotonic() - began >= WINDOW


@pytest.mark.compares_times
def test_pace_does_not_wait_past_the_deadline() -> None:
    pace = Pace(1, 30)
    with pace.turn(FOREVER):
        pass
    began = time.monotonic()
    with pytest.raises(NoTimeLeftError), pace.turn(Deadline(began + 5)):
        pass
    assert time.monotonic() - began < 1


def test_expired_deadline_gets_a_place_only_if_one_is_free() -> None:
    pace = Pace(1, 30)
    with pace.turn(Deadline.after(0)):
        pass
    with pytest.raises(NoTimeLeftError), pace.turn(Deadline.after(0)):
        pass


@pytest.mark.compares_times
def test_pace_waits_for_the_stated_time_after_a_refusal() -> None:
    pace = Pace(10, WINDOW)
    with pace.turn(FOREVER) as turn:
        turn.refuse(0.3)
    began = time.monotonic()
    with ThreadPoolExecutor(2) as workers:
        waits = list(workers.map(lambda _: _waited(pace, began), range(2)))
    assert min(waits) >= 0.29


def _waited(pace: Pace, began: float) -> float:
    with pace.turn(FOREVER):
        return time.monotonic() - began


def test_pace_increases_waits_after_refusals_without_a_stated_time() -> None:
    pace = Pace(10, 0.01)
    begun = []
    for _ in range(3):
        with pace.turn(FOREVER) as turn:
            begun.append(time.monotonic())
            turn.refuse(0)
    first, second = (later - earlier for earlier, later in pairwise(begun))
    assert 0.9 < first < 1.5
    assert 1.9 < second < 2.5


@pytest.mark.compares_times
def test_pace_ignores_refusals_of_calls_sent_before_the_pause() -> None:
    pace = Pace(10, 0.01)
    with pace.turn(FOREVER) as one, pace.turn(FOREVER) as other:
        one.refuse(0)
        other.refuse(0)
    began = time.monotonic()
    with pace.turn(FOREVER):
        assert time.monotonic() - began < 1.5


def test_after_a_refusal_one_call_tries_the_service_before_the_others() -> None:
    pace = Pace(10, 0.01)
    with pace.turn(FOREVER) as turn:
        turn.refuse(0.05)
    with pace.turn(FOREVER):
        began = time.monotonic()
        with pytest.raises(NoTimeLeftError), pace.turn(Deadline(began + 0.3)):
            pass
    with pace.turn(FOREVER), pace.turn(Deadline.after(0.1)):
        pass


@pytest.mark.compares_times
def test_pace_adapts_to_a_service_with_a_lower_limit() -> None:
    far_side = FarSide(5)
    seconds = send_all(Pace(40, WINDOW), far_side, 60)
    assert len(far_side.taken) == 60
    assert far_side.refused < 60
    assert seconds < 3 * WINDOW * 60 / 5


@pytest.mark.compares_times
def test_pace_grows_when_the_service_accepts_more() -> None:
    pace, narrow = Pace(40, WINDOW), FarSide(4)
    send_all(pace, narrow, 12)
    wide = FarSide(40)
    began = time.monotonic()
    send_all(pace, wide, 160)
    assert time.monotonic() - began < WINDOW * 160 / 4 / 2  # at the narrow pace it would be twice as long at least
