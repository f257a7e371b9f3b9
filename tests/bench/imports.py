"""The cost of `import function_app`: time, memory and modules, beside `import azure.functions`."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.line import Line
from tests.bench.pairs import pairs, ratio

ROOT: Final = Path(__file__).parents[2]
CHILD: Final = Path(__file__).with_name("child.py")
TIMES: Final = 11


def imports(env: Mapping[str, str]) -> list[Line]:
    """Import each in fresh interpreters, in turn."""
    theirs: list[dict[str, Any]] = []
    ours: list[dict[str, Any]] = []

    def seconds(module: str, kept: list[dict[str, Any]]) -> float:
        kept.append(fresh(env, "import", module))
        return float(kept[-1]["seconds"])

    measured = pairs(lambda: seconds("azure.functions", theirs), lambda: seconds("function_app", ours), TIMES)
    added = median(our["megabytes"] - their["megabytes"] for our, their in zip(ours, theirs, strict=True))
    return [
        Line("import function_app / import azure.functions, time", ratio(measured), "x", at_most=1.6),
        Line("import function_app, memory added to azure.functions", added, "MB", at_most=8),
        Line("import function_app, modules of Azure SDKs loaded", len(ours[-1]["modules"]), "", at_most=0),
    ]


def fresh(env: Mapping[str, str], *arguments: str, most_seconds: float = 60) -> dict[str, Any]:
    """Run `child.py` in a new interpreter and answer what it measured; compiled code is kept, as in Azure."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-P", str(CHILD), *arguments],
        env={**env, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        check=True,
        timeout=most_seconds,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
