"""The tiers and steps of the tests: the effect of a missing program, and `make test` with CI=true."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from tests.run import (
    AGAIN_AT_MOST,
    LAST_FAILED,
    NONE_COLLECTED,
    TESTS_FAILED,
    command,
    failed_tests,
    files_with,
    may_run_again,
    worst,
)
from tests.support.planted_plugin import SHOWN
from tests.support.tiers import Step, left_out, longest_first, of_another_step, require, with_each_value

ROOT = Path(__file__).parent.parent


def dry_run(target: str, **variables: str) -> str:
    """Return the commands that make would run."""
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "--dry-run", "--no-print-directory", target]
    return subprocess.check_output(command, cwd=ROOT, env={**environ, **variables}, text=True)  # noqa: S603 - a make target


def test_missing_program_skips_the_test() -> None:
    with pytest.raises(pytest.skip.Exception, match="browser is missing"):
        require("Chromium", "The browser is missing.", {})


def test_missing_program_fails_the_test_with_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Chromium is required with CI=true. The browser is missing."):
        require("Chromium", "The browser is missing.", {"CI": "true"})


def test_installed_program_neither_skips_nor_fails() -> None:
    require("Chromium", "", {"CI": "true"})


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (3, 2), (2, 3, 4), (5, 1, 2)])
def test_reduced_combinations_include_each_value(sizes: tuple[int, ...]) -> None:
    names = [f"argument {number}" for number in range(len(sizes))]
    combinations = [dict(zip(names, values, strict=True)) for values in product(*map(range, sizes))]
    kept = [combinations[place] for place in with_each_value(combinations)]
    assert {pair for one in kept for pair in one.items()} == {pair for one in combinations for pair in one.items()}
    assert len(kept) == max(sizes)


def test_arguments_that_vary_together_are_all_kept() -> None:
    together = [{"name": number, "value": number} for number in range(4)]
    assert with_each_value(together) == [0, 1, 2, 3]


class Item:
    def __init__(self, *markers: str) -> None:
        self.markers = markers

    def get_closest_marker(self, name: str) -> object:
        return name in self.markers or None


def test_tests_of_the_full_tier_are_left_out() -> None:
    ordinary, full = Item("slow"), Item("full_tier")
    assert left_out([ordinary, full]) == {full}  # type: ignore[list-item, comparison-overlap] # has what the function reads


CASES = """
import pytest
@pytest.fixture
def sandbox(): pass
@pytest.mark.parametrize("a", range(5))
def test_pure(a): pass
@pytest.mark.parametrize("a", range(5))
def test_calls(sandbox, a): pass
@pytest.mark.each_value
@pytest.mark.parametrize("a", range(2))
@pytest.mark.parametrize("b", range(3))
def test_values(sandbox, a, b): pass
@pytest.mark.every_case("a sweep")
@pytest.mark.parametrize("a", range(5))
def test_sweep(sandbox, a): pass
@pytest.mark.full_tier("reason")
@pytest.mark.parametrize("a", range(5))
def test_full(sandbox, a): pass
@pytest.mark.larger_in_full_tier
@pytest.mark.parametrize("a", range(5))
def test_larger(sandbox, a): pass
def test_single(sandbox): pass
"""


REDUCED = """
from tests.support.tiers import FULL, left_out, of_another_step
def pytest_collection_modifyitems(items):
    left = {*of_another_step(items), *(() if FULL else left_out(items))}
    items[:] = [item for item in items if item not in left]
"""


def counts_of_cases(folder: Path, **variables: str) -> Counter[str]:
    """Return how many cases of each test in `CASES` a run makes."""
    (folder / "test_cases.py").write_text(CASES)
    (folder / "conftest.py").write_text(REDUCED)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", os.devnull, "--rootdir", str(folder)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TEST_"))}
    environ |= {"PYTHONPATH": str(ROOT), **variables}
    shown = subprocess.check_output([*command, str(folder)], cwd=folder, env=environ, text=True)  # noqa: S603 - as above
    return Counter(re.findall(r"test_cases.py::(\w+)", shown))


ONCE: Final = {"test_pure": 5, "test_calls": 1, "test_values": 3, "test_sweep": 5, "test_single": 1}


def test_reduced_tier_keeps_one_case_of_a_test_that_calls_the_sandbox(tmp_path: Path) -> None:
    assert counts_of_cases(tmp_path) == {**ONCE, "test_larger": 1}


def test_full_tier_has_each_case_in_one_step(tmp_path: Path) -> None:
    steps = {
        step: counts_of_cases(tmp_path, TEST_TIER="full", TEST_STEP=step.name)
        for step in (Step.REDUCED, Step.COMBINATIONS)
    }
    assert steps[Step.REDUCED] == ONCE
    assert steps[Step.COMBINATIONS] == {"test_calls": 4, "test_values": 3, "test_full": 5, "test_larger": 5}


def test_each_file_that_is_larger_in_the_full_tier_has_the_marker() -> None:
    names = re.compile(r"import .*\bFULL\b|\bof_this_tier\(|\bchosen\(\w+=")
    sources = {file.name: file.read_text(encoding="utf-8") for file in sorted((ROOT / "tests").rglob("test_*.py"))}
    larger = [name for name, source in sources.items() if names.search(source) and name != Path(__file__).name]
    assert "test_years.py" in larger
    assert [name for name in larger if "pytest.mark.larger_in_full_tier" not in sources[name]] == []


def test_tests_with_the_longest_limits_run_first_and_others_keep_their_order() -> None:
    class Limited(Item):
        def __init__(self, seconds: float | None) -> None:
            super().__init__()
            self.seconds = seconds

        def get_closest_marker(self, name: str) -> object:
            return pytest.Mark(name, (self.seconds,), {}, _ispytest=True) if self.seconds else None

    items: list[Any] = [Limited(None), Limited(600), Limited(10), Limited(1800), Limited(600)]
    assert longest_first(items) == [items[place] for place in (3, 1, 4, 0, 2)]


def test_each_test_belongs_to_one_step() -> None:
    items: list[Any] = [Item("slow"), Item("full_tier"), Item("compares_times"), Item("compares_times", "full_tier")]
    assert of_another_step(items, None) == []
    own = {step: [item for item in items if item not in of_another_step(items, step.name)] for step in Step}
    assert own == {Step.REDUCED: items[:1], Step.COMBINATIONS: items[1:2], Step.COMPARES_TIMES: items[2:]}


def test_only_a_step_with_coverage_measures_it() -> None:
    assert command(2, "-k", "links") == [
        part for part in command(2, "-k", "links", coverage=True) if "--cov" not in part
    ]
    assert any("--cov" in part for part in command(2, coverage=True))


@pytest.mark.parametrize(
    ("code", "number", "again"),
    [
        (TESTS_FAILED, 1, True),
        (TESTS_FAILED, AGAIN_AT_MOST, True),
        (TESTS_FAILED, AGAIN_AT_MOST + 1, False),
        (TESTS_FAILED, 0, False),
        (0, 1, False),
        (2, 1, False),
        (SHOWN, 1, False),
    ],
)
def test_only_a_few_failed_tests_run_again(code: int, number: int, again: bool) -> None:
    assert may_run_again(code, ["a test"] * number) is again


def test_last_step_collects_the_files_of_its_tests_alone() -> None:
    files = files_with(Step.COMPARES_TIMES.name.lower(), ROOT / "tests")
    assert str(ROOT / "tests" / "rotation" / "test_run_limits.py") in files
    assert all("compares_times" in Path(file).read_text(encoding="utf-8") for file in files)
    assert len(files) < 100


def test_failed_tests_are_those_of_pytests_cache(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text("def test_good(): pass\ndef test_bad(): assert False")
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)  # noqa: S603 - tests of this file
    assert failed_tests(tmp_path / LAST_FAILED) == ["test_two.py::test_bad"]
    assert failed_tests(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((0, 0), 0),
        ((0, NONE_COLLECTED), 0),
        ((NONE_COLLECTED, 0), 0),
        ((NONE_COLLECTED, NONE_COLLECTED), NONE_COLLECTED),
        ((1, 0), 1),
        ((0, 2), 2),
        ((1, NONE_COLLECTED), 1),
        ((NONE_COLLECTED, 1), 1),
    ],
)
def test_run_fails_if_a_step_failed_or_no_step_has_a_test(codes: tuple[int, int], code: int) -> None:
    assert worst(codes) == code


def elapsed(node: ast.AST) -> bool:
    """Return whether the node is `time.monotonic() - something`."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and "monotonic" in ast.dump(node.left)


def bounded(node: ast.AST) -> bool:
    """Return whether the node compares an elapsed time with an upper bound."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(
        elapsed(side) and isinstance(sign, (ast.Lt, ast.LtE)) for side, sign in zip(sides, node.ops, strict=False)
    )


def test_each_test_that_bounds_a_time_runs_by_itself() -> None:
    unmarked = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        if "node_modules" in file.parts or (source := file.read_text(encoding="utf-8")).count("monotonic") == 0:
            continue
        for test in ast.parse(source).body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                marked = "pytestmark = pytest.mark.compares_times" in source or any(
                    "compares_times" in ast.dump(decorator) for decorator in test.decorator_list
                )
                if not marked and any(map(bounded, ast.walk(test))):
                    unmarked.append(f"{file.name}::{test.name}")
    assert unmarked == []


def test_make_test_runs_the_full_tier_with_ci() -> None:
    commands = dry_run("test", CI="true").splitlines()
    assert commands[-1] == dry_run("test-full").splitlines()[-1]
    assert "TEST_TIER=full" in commands[-1]


@pytest.mark.parametrize("target", ["coverage", "test-full"])
def test_make_targets_with_the_gate(target: str) -> None:
    assert "--coverage" in dry_run(target).splitlines()[-1]


def test_make_test_runs_the_reduced_tier() -> None:
    commands = dry_run("test").splitlines()
    assert "-m tests.run" in commands[-1]
    assert "TEST_TIER" not in commands[-1]


def test_ci_script_sets_ci() -> None:
    assert "\nexport CI=true" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
