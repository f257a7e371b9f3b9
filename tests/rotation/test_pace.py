"""Pace with real threads and short windows: as fast as a limit allows, and never faster."""

import random
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from backend.pace import NoTimeLeftError, Pace

WINDOW = 0.2
FOREVER = float("inf")


class FarSide:
    """Counts calls as Key Vault does, somewhere between their beginning and their answer."""

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


def send(pace: Pace, far_side: FarSide, until: float = FOREVER) -> None:
    """Send one call until it is taken."""
    while True:
        with pace.turn(until) as turn:
            if far_side.call():
                return
            turn.refuse(0.02)


def send_all(pace: Pace, far_side: FarSide, calls: int, threads: int = 16) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(lambda _: send(pace, far_side), range(calls)))
    return time.monotonic() - began


@pytest.mark.parametrize("most", [1, 5, 20])
def test_nothing_is_ever_refused_by_a_far_side_with_the_same_limit(most: int) -> None:
    far_side = FarSide(most)
    send_all(Pace(most, WINDOW), far_side, 4 * most)
    assert far_side.refused == 0
    assert len(far_side.taken) == 4 * most


def test_a_full_window_goes_at_once_and_the_rest_as_soon_as_there_is_room() -> None:
    far_side = FarSide(20, window_seconds=0.5, slowness=0.005)
    seconds = send_all(Pace(20, 0.5), far_side, 60)
    assert far_side.taken[19] - far_side.taken[0] < 0.4
    assert 1.0 <= seconds < 1.4  # the floor is two windows


def test_a_place_is_held_while_its_call_is_under_way() -> None:
    pace = Pace(2, 0.05)
    with pace.turn(FOREVER), pace.turn(FOREVER), pytest.raises(NoTimeLeftError), pace.turn(time.monotonic() + 0.2):
        pass


def test_a_place_is_free_a_window_after_the_answer_and_not_after_the_question() -> None:
    pace = Pace(1, WINDOW)
    with pace.turn(FOREVER):
        time.sleep(0.1)
    answered = time.monotonic()
    with pace.turn(FOREVER):
        assert time.monotonic() - answered >= WINDOW * 0.99


def test_a_call_that_failed_may_have_counted() -> None:
    pace = Pace(1, WINDOW)
    began = time.monotonic()
    with pytest.raises(OSError, match="cut"), pace.turn(FOREVER):
        raise OSError("cut")
    with pace.turn(FOREVER):
        assert time.monotonic() - began >= WINDOW


def test_nobody_waits_for_a_place_that_comes_too_late() -> None:
    pace = Pace(1, 30)
    with pace.turn(FOREVER):
        pass
    began = time.monotonic()
    with pytest.raises(NoTimeLeftError), pace.turn(began + 5):
        pass
    assert time.monotonic() - began < 1


def test_a_time_that_is_over_takes_no_place_that_is_not_free_now() -> None:
    pace = Pace(1, 30)
    with pace.turn(0):
        pass
    with pytest.raises(NoTimeLeftError), pace.turn(0):
        pass


def test_a_refusal_makes_all_wait_for_as_long_as_the_far_side_says() -> None:
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


def test_a_refusal_that_says_nothing_makes_the_waits_grow() -> None:
    pace = Pace(10, 0.01)
    begun = []
    for _ in range(3):
        with pace.turn(FOREVER) as turn:
            begun.append(time.monotonic())
            turn.refuse(0)
    first, second = (later - earlier for earlier, later in pairwise(begun))
    assert 0.9 < first < 1.5
    assert 1.9 < second < 2.5


def test_those_that_were_under_way_when_one_was_refused_do_not_add_to_the_wait() -> None:
    pace = Pace(10, 0.01)
    with pace.turn(FOREVER) as one, pace.turn(FOREVER) as other:
        one.refuse(0)
        other.refuse(0)
    began = time.monotonic()
    with pace.turn(FOREVER):
        assert time.monotonic() - began < 1.5


def test_after_a_refusal_one_call_tries_the_far_side_before_the_others() -> None:
    pace = Pace(10, 0.01)
    with pace.turn(FOREVER) as turn:
        turn.refuse(0.05)
    with pace.turn(FOREVER):
        began = time.monotonic()
        with pytest.raises(NoTimeLeftError), pace.turn(began + 0.3):
            pass
    with pace.turn(FOREVER), pace.turn(time.monotonic() + 0.1):
        pass


def test_a_far_side_with_less_room_than_we_knew_is_soon_asked_for_no_more_than_it_has() -> None:
    far_side = FarSide(5)
    seconds = send_all(Pace(40, WINDOW), far_side, 60)
    assert len(far_side.taken) == 60
    assert far_side.refused < 60
    assert seconds < 3 * WINDOW * 60 / 5


def test_a_far_side_that_has_room_again_is_asked_for_more() -> None:
    pace, narrow = Pace(40, WINDOW), FarSide(4)
    send_all(pace, narrow, 12)
    wide = FarSide(40)
    began = time.monotonic()
    send_all(pace, wide, 160)
    assert time.monotonic() - began < WINDOW * 160 / 4 / 2  # at the narrow pace it would be twice as long at least
