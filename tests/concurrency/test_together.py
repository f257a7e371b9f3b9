"""Together with real threads: concurrent callers share a call that began after each of their requests."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.concurrency.fresh_call import Together


class Question:
    """A slow call that returns how often it was called so far."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0
        self.begun: list[float] = []
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.calls += 1
            number = self.calls
            self.begun.append(time.monotonic())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        with self._lock:
            self.at_once -= 1
        return number


def test_together_calls_again_for_each_single_caller() -> None:
    question = Question(0)
    together = Together(question)
    assert [together() for _ in range(3)] == [1, 2, 3]


def test_together_needs_two_calls_at_most_for_concurrent_callers() -> None:
    question = Question()
    together = Together(question)
    start = threading.Barrier(32)

    def ask(_: int) -> int:
        start.wait()
        return together()

    with ThreadPoolExecutor(32) as workers:
        answers = set(workers.map(ask, range(32)))
    assert question.calls <= 2
    assert answers <= {1, 2}


def test_together_calls_begin_after_the_request_and_never_overlap() -> None:
    question = Question(0.002)
    together = Together(question)

    def ask(_: int) -> bool:
        requested = time.monotonic()
        number = together()
        return question.begun[number - 1] >= requested

    with ThreadPoolExecutor(16) as workers:
        assert all(workers.map(ask, range(400)))
    assert question.most_at_once == 1
    assert question.calls < 200


def test_together_returns_the_next_call_while_one_is_in_progress() -> None:
    question = Question(0.2)
    together = Together(question)
    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(together)
        while not question.calls:
            time.sleep(0.001)
        second = workers.submit(together)
        assert (first.result(), second.result()) == (1, 2)


def test_together_raises_a_failure_in_waiting_callers_only() -> None:
    failures = 0
    is_broken = True

    def ask() -> str:
        nonlocal failures
        time.sleep(0.02)
        if is_broken:
            failures += 1
            raise OSError("down")
        return "up"

    together = Together(ask)

    def outcome(_: int) -> str:
        try:
            return together()
        except OSError as error:
            return str(error)

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(outcome, range(8))) == {"down"}
    assert failures <= 3
    is_broken = False
    assert together() == "up"


def test_together_returns_none_as_a_result() -> None:
    assert Together(lambda: None)() is None


@pytest.mark.parametrize("threads", [2, 8])
def test_together_leaves_no_caller_waiting(threads: int) -> None:
    together = Together(Question(0.001))
    ended = threading.Event()

    def ask() -> None:
        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(lambda _: together(), range(200)))
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert ended.wait(20)
