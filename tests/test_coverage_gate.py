"""The coverage gate: which modules are pure, and which reports it refuses."""

from typing import Any

import pytest

from tests.coverage_gate import is_pure, problems, pure_modules

COVERED: dict[str, Any] = {"missing_lines": [], "missing_branches": []}


def report(percent: float = 95.0, **modules: dict[str, Any]) -> dict[str, Any]:
    return {"files": modules, "totals": {"percent_covered": percent}}


@pytest.mark.parametrize(
    ("docstring", "pure"),
    [("What it is. Pure.", True), ("Pure: text in, text out.", True), ("What is purely read.", False), ("", False)],
)
def test_module_is_pure_if_its_docstring_contains_pure(docstring: str, *, pure: bool) -> None:
    assert is_pure(f'"""{docstring}"""\n') is pure


def test_module_without_docstring_is_not_pure() -> None:
    assert not is_pure('NAME = "Pure."\n')


def test_plan_and_quoting_are_pure_and_services_are_not() -> None:
    pure = pure_modules()
    assert {"backend/rotation/planning/plan.py", "backend/text/quoting.py"} <= pure
    assert "backend/services.py" not in pure


def test_covered_modules_pass() -> None:
    assert problems(report(a=COVERED, b={"missing_lines": [3], "missing_branches": []}), {"a"}) == []


@pytest.mark.parametrize(("lines", "branches", "what"), [([3, 4], [], "3, 4"), ([], [[5, 7], [5, -1]], "5->7, 5->-1")])
def test_missing_line_or_branch_of_pure_module_is_a_problem(lines: object, branches: object, what: str) -> None:
    (problem,) = problems(report(a={"missing_lines": lines, "missing_branches": branches}), {"a"})
    assert problem == f"a is pure, but these lines and branches did not run: {what}."


def test_pure_module_that_was_never_imported_is_a_problem() -> None:
    assert problems(report(b=COVERED), {"a"}) == ["a is pure, but no test imported it."]


def test_low_sum_is_a_problem() -> None:
    assert problems(report(94.9, a=COVERED), {"a"}) == ["Only 94.9 % of all lines and branches ran. It must be 95 %."]
