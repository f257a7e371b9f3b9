"""The pytest plugin that fails a test, or the end of a session, if an output shows a planted value.

The run then has an exit status of its own, so that no repetition excuses it.
"""

import logging
from collections.abc import Generator, Iterable, Iterator
from typing import Final

import pytest

from tests.support.planted import FINDS, Finds, in_files

SHOWN: Final = 9  # the exit status. Pytest's own end at 5.
_SENTENCE: Final = "An output shows a planted value."
_shown: list[str] = []


def fail_if_any(found: Iterable[str]) -> None:
    """Fail the test, or the end of the session, if an output shows a planted value."""
    if found := list(found):
        pytest.fail(f"{_SENTENCE}\n" + "\n".join(found), pytrace=False)


@pytest.fixture(autouse=True)
def planted_values_stay() -> Iterator[None]:
    """Fail a test if a response of the API or a log entry shows a planted value."""
    FINDS.taken()
    yield
    fail_if_any(FINDS.taken())


@pytest.fixture(autouse=True, scope="session")
def planted_values_stay_out_of_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search the session's files after all its processes have stopped. With xdist, each worker searches its own."""
    root = logging.getLogger()
    root.addHandler(FINDS)
    logging.getLogger("cipp").setLevel(logging.INFO)  # as under the Functions host
    yield
    root.removeHandler(FINDS)
    fail_if_any(in_files(tmp_path_factory.getbasetemp()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that prints a planted value."""
    report = yield
    found = Finds()
    for name, text in report.sections:
        found.look(text, name)
    if report.passed and report.when == "teardown" and (printed := found.taken()):
        report.outcome, report.longrepr = "failed", f"{_SENTENCE}\n" + "\n".join(printed)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember a find. With xdist, the process that collects the reports does, too."""
    if report.failed and _SENTENCE in report.longreprtext:
        _shown.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give a run with a find its exit status."""
    if _shown:
        session.exitstatus = SHOWN
