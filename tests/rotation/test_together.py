"""Together with real threads: one call for all who ask at once, and nobody gets an answer older than his question."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.together import Together


class Question:
    """A question that takes a while; its answer is how often it was asked so far."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.begun: list[float] = []
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.asked += 1
            number = self.asked
            self.begun.append(time.monotonic())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        with self._lock:
            self.at_once -= 1
        return number


def test_one_who_asks_alone_gets_an_answer_of_his_own_each_time() -> None:
    question = Question(0)
    together = Together(question)
    assert [together() for _ in range(3)] == [1, 2, 3]


def test_many_who_ask_at_once_need_two_calls_at_most() -> None:
    question = Question()
    together = Together(question)
    start = threading.Barrier(32)

    def ask(_: int) -> int:
        start.wait()
        return together()

    with ThreadPoolExecutor(32) as workers:
        answers = set(workers.map(ask, range(32)))
    assert question.asked <= 2
    assert answers <= {1, 2}


def test_no_answer_was_asked_for_before_its_question_and_no_two_calls_overlap() -> None:
    question = Question(0.002)
    together = Together(question)

    def ask(_: int) -> bool:
        asked = time.monotonic()
        number = together()
        return question.begun[number - 1] >= asked

    with ThreadPoolExecutor(16) as workers:
        assert all(workers.map(ask, range(400)))
    assert question.most_at_once == 1
    assert question.asked < 200


def test_whoever_asks_while_a_call_is_under_way_gets_the_next_one() -> None:
    question = Question(0.2)
    together = Together(question)
    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(together)
        while not question.asked:
            time.sleep(0.001)
        second = workers.submit(together)
        assert (first.result(), second.result()) == (1, 2)


def test_a_failure_is_told_to_all_who_waited_and_to_nobody_after_them() -> None:
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


def test_none_is_an_answer() -> None:
    assert Together(lambda: None)() is None


@pytest.mark.parametrize("threads", [2, 8])
def test_nobody_is_left_waiting(threads: int) -> None:
    together = Together(Question(0.001))
    ended = threading.Event()

    def ask() -> None:
        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(lambda _: together(), range(200)))
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert ended.wait(20)
