"""The list of tests over 3 s without the marker `slow`."""

from typing import Any, Literal

import pytest

from tests.support.slow_plugin import SlowTests, register


class Terminal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def report(name: str, seconds: float, *markers: str, when: Any = "call") -> pytest.TestReport:  # noqa: ANN401 - a literal
    keywords: dict[str, Literal[1]] = dict.fromkeys(markers, 1)
    return pytest.TestReport(name, ("", 0, ""), keywords, "passed", None, when, duration=seconds)


def summary(*reports: pytest.TestReport) -> list[str]:
    slow, terminal = SlowTests(), Terminal()
    for one in reports:
        slow.pytest_runtest_logreport(one)
    slow.pytest_terminal_summary(terminal)  # type: ignore[arg-type] # has what the plugin uses
    return terminal.lines


def test_slow_tests_without_marker_are_listed_with_the_slowest_first() -> None:
    lines = summary(report("a", 3.1), report("b", 12.0), report("c", 2.9))
    assert lines == ["tests over 3 s without the marker slow(reason)", "  12.0 s  b", "   3.1 s  a"]


def test_marked_tests_and_fixtures_are_not_listed() -> None:
    assert summary(report("a", 9.0, "slow"), report("b", 9.0, when="setup")) == []


@pytest.mark.parametrize("full", [True, False])
def test_list_is_made_only_in_the_full_tier(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, *, full: bool
) -> None:
    registered: list[str] = []
    monkeypatch.setattr(pytestconfig.pluginmanager, "register", lambda _, name: registered.append(name))
    monkeypatch.delattr(pytestconfig, "workerinput", raising=False)
    register(pytestconfig, full=full)
    assert registered == (["slow-tests"] if full else [])
