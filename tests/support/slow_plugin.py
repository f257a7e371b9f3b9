"""The pytest plugin that lists tests over 3 s without a reason, at the end of a run of the full tier.

It doesn't fail them: on a shared machine, any test may take longer.
"""

from typing import Final

import pytest

from tests.support.tiers import FULL

LIMIT_SECONDS: Final = 3.0


class SlowTests:
    """The tests over the time limit without the marker `slow`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store a test's own time, without that of its fixtures."""
        if report.when == "call" and report.duration > LIMIT_SECONDS and "slow" not in report.keywords:
            self.seconds[report.nodeid] = report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the list, slowest first."""
        if not self.seconds:
            return
        terminalreporter.section(f"tests over {LIMIT_SECONDS:g} s without the marker slow(reason)")
        for test, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{seconds:6.1f} s  {test}")


def register(config: pytest.Config, *, full: bool = FULL) -> None:
    """Watch the tests of the full tier. With xdist, the process that collects the reports does."""
    if full and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SlowTests(), "slow-tests")
