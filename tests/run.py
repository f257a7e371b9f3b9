"""Run the tests in steps: those of the reduced tier, what only the full tier has, those that compare times.

    python -m tests.run --workers 4 [--coverage] [ARGUMENT OF PYTEST ...]

All steps always run, so that one run shows all failures. The tests that compare times run last, among themselves: they
mostly wait, so the machine is not busy. With --coverage, the first step records which lines and branches ran, and the
gate (`tests.coverage_gate`) compares that with what must run. The other steps don't measure it: that slows them down,
and disturbs what compares times.

If only a few tests failed, these run again, one at a time: the product's time limits are those that users meet, and
several processes that share a machine can exceed them. What passes then is listed, and doesn't fail the run. Arguments
of pytest leave this and the gate out.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.tiers import FULL, STEP, Step

TESTS_FAILED: Final = 1  # pytest's exit statuses
NONE_COLLECTED: Final = 5
QUIET_WORKERS: Final = 6  # these tests wait for six sevenths of their time
MORE_FOR_SWEEPS: Final = 1  # a worker: what hangs in a sweep waits for a limit
AGAIN_AT_MOST: Final = 10  # of about 11,000 tests. More have another cause.
LAST_FAILED: Final = Path(".pytest_cache/v/cache/lastfailed")


def command(workers: int, *options: str, coverage: bool = False) -> list[str]:
    """Return the command of one step."""
    parallel = ["-n", str(workers), "--dist", "worksteal"]
    covered = ["--cov", "--cov-report="] if coverage else []
    return [sys.executable, "-m", "pytest", *parallel, *covered, *options]


def files_with(marker: str, folder: Path = Path("tests")) -> list[str]:
    """Return the files whose tests can have a marker. Collecting all of them takes longer than most steps' tests."""
    files = sorted(folder.rglob("test_*.py"))
    return [str(file) for file in files if "node_modules" not in file.parts and marker in file.read_text("utf-8")]


def worst(codes: Sequence[int]) -> int:
    """Return the exit status of the first step that failed. A single step without tests is not a failure."""
    failed = [code for code in codes if code not in (0, NONE_COLLECTED)]
    return failed[0] if failed else min(codes)


def failed_tests(file: Path = LAST_FAILED) -> list[str]:
    """Return the tests that failed since the cache was cleared."""
    return sorted(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []


def may_run_again(code: int, failed: Sequence[str]) -> bool:
    """Return whether tests failed, and nothing else went wrong, and they are few."""
    return code == TESTS_FAILED and 0 < len(failed) <= AGAIN_AT_MOST


def main(arguments: Sequence[str]) -> int:
    """Run the steps and return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=__doc__, allow_abbrev=False)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--coverage", action="store_true")
    options, chosen = parser.parse_known_args(arguments)
    gate = options.coverage and not chosen
    codes = []
    for step in Step:
        if step is Step.COMBINATIONS and not FULL:
            continue
        first = step is Step.REDUCED
        cleared = ["--cache-clear"] if first and not chosen else []
        last = step is Step.COMPARES_TIMES
        only = files_with(step.name.lower()) if last and not chosen else []
        workers = QUIET_WORKERS if last else options.workers + (0 if first else MORE_FOR_SWEEPS)
        run = command(workers, *cleared, *chosen, *only, coverage=options.coverage and first)
        codes.append(_run(f"Tests that {step.value}", run, {STEP: step.name}))
    code = worst(codes)
    failed = [] if chosen else failed_tests()
    if may_run_again(code, failed):
        code = _run("The tests that failed, again, one at a time", command(1, "--last-failed"), {})
        sys.stdout.write("Failed beside other tests:\n" + "".join(f"  {test}\n" for test in failed))
    if gate:
        code = code or _run("Coverage of the first step", [sys.executable, "-m", "tests.coverage_gate"], {})
    return code


def _run(title: str, run: Sequence[str], variables: dict[str, str]) -> int:
    sys.stdout.write(f"{title}:\n")
    sys.stdout.flush()
    return subprocess.run(run, env={**os.environ, **variables}, check=False).returncode  # noqa: S603 - pytest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
