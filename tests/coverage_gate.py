"""The last step of `make test-full` and `make coverage`: fail if the tests don't cover enough of the product.

    python -m tests.coverage_gate [COVERAGE_FILE]

The tests must cover all lines and branches of a module with "Pure" in its docstring, and 95 % of the product.
"""

import ast
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import coverage

ROOT: Final = Path(__file__).parent.parent
PURE: Final = re.compile(r"\bPure\b")  # as a sentence, or as the first word of one
LEAST_PERCENT: Final = 95.0


def is_pure(source: str) -> bool:
    """Return whether a module's docstring contains "Pure"."""
    return PURE.search(ast.get_docstring(ast.parse(source)) or "") is not None


def pure_modules() -> set[str]:
    """Return the paths of the product's pure modules, relative to the project."""
    files = [file for folder in ("backend", "settings") for file in (ROOT / folder).rglob("*.py")]
    return {file.relative_to(ROOT).as_posix() for file in files if is_pure(file.read_text(encoding="utf-8"))}


def problems(report: dict[str, Any], pure: set[str]) -> list[str]:
    """Return the problems in coverage's JSON report: pure modules with gaps, and a total that is too low."""
    found = [f"{name} is pure, but no test imported it." for name in sorted(pure - report["files"].keys())]
    for name in sorted(pure & report["files"].keys()):
        module = report["files"][name]
        lines = [str(line) for line in module["missing_lines"]]
        branches = [f"{start}->{end}" for start, end in module["missing_branches"]]
        if lines or branches:
            found.append(f"{name} is pure, but these lines and branches did not run: {', '.join(lines + branches)}.")
    percent = report["totals"]["percent_covered"]
    if percent < LEAST_PERCENT:
        found.append(f"Only {percent:.1f} % of all lines and branches ran. It must be {LEAST_PERCENT:g} %.")
    return found


def report_of(recorded: Path) -> dict[str, Any]:
    """Return coverage's JSON report of a data file."""
    measured = coverage.Coverage(data_file=str(recorded), config_file=str(ROOT / "pyproject.toml"))
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        measured.json_report(outfile=str(file), include=[f"{ROOT}/*"])  # some tests write modules of their own
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return report


def main(arguments: Sequence[str]) -> int:
    """Print the problems and the total. Return 1 if there are problems."""
    report, pure = report_of(Path(arguments[0]) if arguments else ROOT / ".coverage"), pure_modules()
    found = problems(report, pure)
    summary = (
        f"{report['totals']['percent_covered']:.1f} % of all lines and branches ran. {len(pure)} modules are pure."
    )
    print("\n".join([*found, summary]))  # noqa: T201 - output of a program
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
