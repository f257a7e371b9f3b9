"""The second half of `make soak`: the rotation's tests, with the sandbox's clock at each odd start time.

    python -m tests.soak [START ...] [-- pytest's arguments]

START replaces the table of times in `tests/support/start_times.py`. The sweeps and the state machines
are left out: they vary the call at which a run is disturbed, not the time, and one start would take ten times as long.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.support.start_times import STARTS, VARIABLE

LEFT_OUT: Final = "not sweep and not state_machine and not two_actors"


def main(arguments: Sequence[str]) -> int:
    """Run pytest once per start, print a line for each, and return 1 if any failed."""
    own, rest = _split(arguments)
    starts = {start: start for start in own} or STARTS
    failed = [name for name, start in starts.items() if not _passes(name, start, rest)]
    print(f"{len(starts) - len(failed)} of {len(starts)} start times passed.", flush=True)  # noqa: T201 - a program's output
    return 1 if failed else 0


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def _passes(name: str, start: str, arguments: Sequence[str]) -> bool:
    """Run the tests from one start time, and print pytest's output if they fail."""
    began = time.monotonic()
    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "pytest", "tests/rotation", "-k", LEFT_OUT, "--tb=short", *arguments],
        env={**os.environ, VARIABLE: start},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    is_passed = run.returncode == 0
    seconds = time.monotonic() - began
    print(f"{'passed' if is_passed else 'FAILED'}  {start}  {name} ({seconds:.0f} s)", flush=True)  # noqa: T201 - the same
    if not is_passed:
        print(run.stdout, flush=True)  # noqa: T201 - the same
    return is_passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
