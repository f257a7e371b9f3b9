"""Run the tests in two steps: first those that don't compare times, then the others, on an idle machine.

    python -m tests.run --workers 4 [--coverage] [ARGUMENT OF PYTEST ...]

Both steps always run, so that one run shows all failures.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from tests.support.tiers import STEP, Step

NONE_COLLECTED: Final = 5  # pytest's exit status
QUIET_WORKERS: Final = 1


def command(step: Step, workers: int, *, coverage: bool, arguments: Sequence[str]) -> list[str]:
    """Return the command of one step. The second adds its coverage to that of the first."""
    appended = ["--cov", "--cov-report=", *(["--cov-append"] if step is Step.COMPARES_TIMES else [])]
    parallel = ["-n", str(workers), "--dist", "worksteal"]
    return [sys.executable, "-m", "pytest", *parallel, *(appended if coverage else []), *arguments]


def worst(codes: Sequence[int]) -> int:
    """Return the exit status of the first step that failed. A single step without tests is not a failure."""
    failed = [code for code in codes if code not in (0, NONE_COLLECTED)]
    return failed[0] if failed else min(codes)


def main(arguments: Sequence[str]) -> int:
    """Run both steps and return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=__doc__, allow_abbrev=False)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--coverage", action="store_true")
    options, rest = parser.parse_known_args(arguments)
    codes = []
    for step, workers in ((Step.OTHERS, options.workers), (Step.COMPARES_TIMES, QUIET_WORKERS)):
        sys.stdout.write(f"Tests that {step.value}:\n")
        sys.stdout.flush()
        run = command(step, workers, coverage=options.coverage, arguments=rest)
        codes.append(subprocess.run(run, env={**os.environ, STEP: step.name}, check=False).returncode)  # noqa: S603 - pytest
    return worst(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
