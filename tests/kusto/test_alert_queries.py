"""The alerts' queries in the template, by Microsoft's own parser of the Kusto Query Language.

It reads each query with the columns of Application Insights' tables, and finds misspelled operators, functions and
columns. It runs no query.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.markdown import ROOT
from tests.support.tiers import require

FOLDER: Final = ROOT / "tests" / "kusto"
# The columns that the queries may read, as Microsoft's documentation has them. `success` has another type in the
# tables of the workspace than in those of the resource, so the queries must work with both.
TABLES: Final = {
    "traces": "(timestamp: datetime, message: string, severityLevel: int, customDimensions: dynamic)",
    "requests": "(timestamp: datetime, name: string, success: {success}, resultCode: string, duration: real)",
    "availabilityResults": "(timestamp: datetime, name: string, location: string, success: {success}, message: string)",
}
TEMPLATE: Final = json.loads((ROOT / "deploy" / "azuredeploy.json").read_text(encoding="utf-8"))
QUERIES: Final = {alert["name"]: alert["query"] for alert in TEMPLATE["variables"]["alerts"]}


@dataclass(frozen=True)
class Parsed:
    """What the parser reports of a query, and the types of the columns of its result."""

    diagnostics: list[str]
    columns: dict[str, str]


def parse(queries: dict[str, str], success: str) -> dict[str, Parsed]:
    installed = (FOLDER / "node_modules" / "@kusto").is_dir()
    require("npm", "" if installed else "The parser of Kusto is missing. Run `make test` to install it from npm.")
    node = shutil.which("node", path=f"{ROOT / '.venv' / 'bin'}") or shutil.which("node")
    require("Node", "" if node else "Node is missing. Run `make test` to install it from PyPI.")
    given: dict[str, Any] = {"queries": queries}
    given["tables"] = {name: schema.format(success=success) for name, schema in TABLES.items()}
    done = subprocess.run(  # noqa: S603 - Node, with a program of this project
        [str(node), "parse.cjs"], cwd=FOLDER, input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return {name: Parsed(**one) for name, one in json.loads(done.stdout).items()}


@pytest.mark.slow("it loads a parser of 16 MB")
@pytest.mark.parametrize("success", ["string", "bool"])
def test_queries_of_alerts_are_valid_with_the_columns_of_their_tables(success: str) -> None:
    parsed = parse(QUERIES, success)
    assert {name: one.diagnostics for name, one in parsed.items()} == {name: [] for name in QUERIES}
    assert all(one.columns for one in parsed.values())
    assert parsed["sign-in-ends"].columns == {
        "known": "long",
        "unknown": "long",
        "dated": "datetime",
        "daysLeft": "real",
    }
    assert parsed["works-until"].columns == {"known": "long", "dated": "datetime", "days": "real"}


WRONG: Final = {
    "column": ("traces | where mesage has 'x'", "KS142"),
    "table": ("trace | where message has 'x'", "KS204"),
    "operator": ("traces | wher message has 'x'", "KS176"),
    "function": ("traces | extend line = parse_jsn(message)", "KS211"),
    "type": ("requests | where timestamp > 26", "KS"),
}


@pytest.mark.slow("it loads a parser of 16 MB")
def test_parser_finds_misspellings() -> None:
    parsed = parse({name: query for name, (query, _) in WRONG.items()}, "string")
    for name, (_, code) in WRONG.items():
        assert any(one.startswith(code) for one in parsed[name].diagnostics), (name, parsed[name])


def test_parser_is_pinned_with_its_integrity() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert locked.pop("")["dependencies"] == wanted
    assert {name: one["version"] for name, one in locked.items()} == {f"node_modules/{n}": v for n, v in wanted.items()}
    assert all(one["integrity"].startswith("sha512-") for one in locked.values())
    assert not any("hasInstallScript" in one for one in locked.values())
