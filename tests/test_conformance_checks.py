"""A program of conformance prints each check's result, and a failed one does not end it."""

import pytest

from tests.conformance.checks import passes


def test_check_that_passes_is_printed_with_its_effort(capsys: pytest.CaptureFixture[str]) -> None:
    assert passes("account", lambda: None, lambda: "3 commands, ")
    assert capsys.readouterr().out == "ok     account: 3 commands, 0 s\n"


def test_exception_of_a_check_is_printed_and_counts_as_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def check() -> None:
        raise OSError(7, "gone")

    assert not passes("account", check)
    shown = capsys.readouterr().out
    assert shown.startswith("FAILED account\n")
    assert "gone" in shown
