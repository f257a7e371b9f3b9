"""Work in other threads: its order, its failures, and the correlation ID that goes along."""

import ast
import threading
import time
from pathlib import Path

import pytest

from backend.concurrency import background, correlation
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError, ConflictError
from tests.support import phrases

ROOT = Path(__file__).parents[2]


def test_started_work_has_the_callers_correlation_id() -> None:
    with correlation.under("mine"):
        future = background.start(correlation.current, name="test")
    assert future.result(5) == "mine"


def test_started_work_is_waited_for_until_the_deadline() -> None:
    end = threading.Event()
    future = background.start(lambda: end.wait(10), name="test")
    with pytest.raises(AzureUnreachableError, match=f"Couldn't look {phrases.IN_TIME}"):
        background.by(Deadline.after(0.1), future, what="look")
    end.set()
    assert background.by(Deadline.after(5), future, what="look") is True


def test_timeout_that_work_raises_is_not_taken_for_the_deadline() -> None:
    def fail() -> None:
        raise TimeoutError("Its own.")

    with pytest.raises(TimeoutError, match="Its own"):
        background.by(Deadline.after(5), background.start(fail, name="test"), what="look")


def test_results_keep_the_order_of_items_and_the_callers_correlation_id() -> None:
    def work(number: int) -> tuple[int, str]:
        time.sleep(0.05 / (number + 1))  # the last one ends first
        return number, correlation.current()

    with correlation.under("mine"):
        results = background.each(work, range(20), threads=20, name="test")
    assert results == [(number, "mine") for number in range(20)]


def test_work_uses_no_more_threads_than_requested() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(_number: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    background.each(work, range(30), threads=3, name="test")
    assert most == 3


@pytest.mark.parametrize("waits", [True, False], ids=["waits", "does not wait"])
def test_failure_stops_new_work_and_waits_for_started_work_if_requested(waits: bool) -> None:
    begun: list[int] = []
    ended: list[int] = []
    is_begun = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            assert is_begun.wait(5)
            raise ConflictError("Taken.")
        is_begun.set()
        time.sleep(0.5)
        ended.append(number)

    began = time.monotonic()
    with pytest.raises(ConflictError, match="Taken"):
        background.each(work, range(50), threads=2, name="test", waits_after_failure=waits)
    assert (time.monotonic() - began >= 0.4) is waits
    assert bool(ended) is waits
    assert len(begun) <= 4


def uses_of_threads(path: Path) -> set[str]:
    """Return the ways of starting threads that a module names itself."""
    named = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    forbidden = ("ThreadPoolExecutor", "threading.Thread", "threading.Timer", "correlation.inherited")
    return {name for name in named | imported if name.endswith(forbidden)}


def test_threads_are_started_in_one_place() -> None:
    modules = [*ROOT.glob("backend/**/*.py"), *ROOT.glob("settings/**/*.py"), ROOT / "function_app.py"]
    others = [path for path in modules if path.parent != ROOT / "backend/concurrency"]
    assert {str(path.relative_to(ROOT)): uses for path in others if (uses := uses_of_threads(path))} == {}
    assert uses_of_threads(ROOT / "backend/concurrency/background.py") == {
        "ThreadPoolExecutor",
        "concurrent.futures.ThreadPoolExecutor",
        "correlation.inherited",
        "threading.Thread",
    }
