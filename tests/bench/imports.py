"""The cost of `import function_app` (time, memory and modules), compared with `import azure.functions`."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from statistics import median
from typing import Any, Final

from packaging.requirements import Requirement
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
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    seen, in_azure = set[str](), set[str]()
    while wanted:
        requirement = wanted.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        in_azure.add(canonicalize_name(requirement.name))
        wanted += _requirements_of(requirement)
    return frozenset(
        package
        for package, distributions in packages_distributions().items()
        if in_azure.isdisjoint(canonicalize_name(distribution) for distribution in distributions)
    )


def _requirements_of(requirement: Requirement) -> list[Requirement]:
    try:
        found = [Requirement(line) for line in requires(requirement.name) or []]
    except PackageNotFoundError:  # for another system or version of Python
        return []
    extras = ["", *requirement.extras]
    return [each for each in found if not each.marker or any(each.marker.evaluate({"extra": name}) for name in extras)]
