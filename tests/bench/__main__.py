"""`make bench`: print the performance table. The exit code is 1 if a target is missed.

    python -m tests.bench [MEASURE ...]

Names such as `console` choose measures, by default all. A new measurement is a function from the environment
(configured for a sandbox) to lines, in its own file.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.azure_calls import azure_calls
from tests.bench.console import console
from tests.bench.imports import imports
from tests.bench.line import Line, table
from tests.bench.links import first_links, warm_links
from tests.bench.overview import overview
from tests.bench.package import packages
from tests.bench.rotation import first_rotation, past_runs, quiet_catch_up, rotation, short_runs
from tests.bench.year import year
from tests.support.api import AMBIENT, QUICK
from tests.support.sandbox_client import Sandbox

MEASURES: Final[tuple[Callable[[Mapping[str, str]], list[Line]], ...]] = (
    imports,
    packages,
    warm_links,
    first_links,
    first_rotation,
    past_runs,  # before those with many keys: the history of each key is read, too
    rotation,
    short_runs,
    quiet_catch_up,
    overview,
    console,
    azure_calls,
    year,
)


BY_NAME: Final = {measure.__name__: measure for measure in MEASURES}


def main(arguments: Sequence[str]) -> int:
    """Measure what is named, by default everything, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", allow_abbrev=False)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(BY_NAME))
    names = parser.parse_args(arguments).measures
    if unknown := [name for name in names if name not in BY_NAME]:
        parser.error(f"unknown: {', '.join(unknown)}. Measures: {', '.join(BY_NAME)}")
    measures = [BY_NAME[name] for name in names] or MEASURES
    for name in [name for name in os.environ if name.startswith(AMBIENT)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        os.environ.update({**sandbox.env, **QUICK, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
        lines = [line for measure in measures for line in measure(os.environ)]
    sys.stdout.write(f"{table(lines)}\n")
    missed = [line.what for line in lines if line.missed]
    if missed:
        sys.stderr.write(f"Missed: {'; '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
