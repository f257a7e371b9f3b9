"""The cost of `import function_app` (time, memory and modules), compared with `import azure.functions`."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median
from typing import Any, Final

from packaging.utils import canonicalize_name

from tests.bench.line import Line
from tests.bench.pairs import pairs, ratio

ROOT: Final = Path(__file__).parents[2]
CHILD: Final = Path(__file__).with_name("child.py")
TIMES: Final = 11


def imports(env: Mapping[str, str]) -> list[Line]:
    """Import each module in fresh interpreters, alternately."""
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
    """Run `child.py` in a new interpreter and return its measurements. Compiled code is kept, as in Azure."""
    done = subprocess.run(  # noqa: S603 - a fixed script
        [sys.executable, "-P", str(CHILD), *arguments],
        env={
            **env,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "",
            "NOT_IN_AZURE": " ".join(sorted(packages_for_development())),
        },
        capture_output=True,
        check=True,
        timeout=most_seconds,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@cache
def packages_for_development() -> frozenset[str]:
    """Return the packages that only the tests install: httpx, for one, loads rich if it finds it."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    in_azure = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    return frozenset(
        package
        for package, distributions in packages_distributions().items()
        if in_azure.isdisjoint(canonicalize_name(distribution) for distribution in distributions)
    )
