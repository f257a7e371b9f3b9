"""The shape of CIPP is chosen in one place, and `Hosting` hides all differences between shapes."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.azure.clients import Clients
from backend.azure.sdk_json import listed
from backend.hosting.functions import hosting as functions
from backend.installation.shape import Shape
from backend.services import Services
from sandbox import names
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

ROOT = Path(__file__).parents[2]
PRODUCT = [ROOT / "function_app.py", *(path for top in ("backend", "settings") for path in (ROOT / top).rglob("*.py"))]
FUNCTIONS = "backend.hosting.functions"
SHAPES = (FUNCTIONS, "backend.hosting.container", "backend.hosting.unknown")  # the package of each shape
VALUES = {"functions", "container"}
LOADED = """
import json, sys
from backend.hosting.functions.hosting import hosting
from backend.services import Services
getattr(hosting(Services({})), sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield each module that is imported anywhere, and each name that is imported from one, with its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def choices_by_shape(tree: ast.AST, within: str = "") -> Iterator[str]:
    """Yield for each comparison, match or lookup by a shape the class and function that it is in."""
    for node in ast.iter_child_nodes(tree):
        here = within
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            here = f"{within}.{node.name}".lstrip(".")
        if isinstance(node, ast.Compare):
            parts: list[ast.AST] = [node]
        elif isinstance(node, ast.Match):
            parts = [node.subject, *(case.pattern for case in node.cases)]
        else:
            parts = [node.slice] if isinstance(node, ast.Subscript) else []
        if any(is_a_shape(part) for whole in parts for part in ast.walk(whole)):
            yield here
        yield from choices_by_shape(node, here)


def is_a_shape(node: ast.AST) -> bool:
    """Return whether an expression is the type `Shape`, a name or attribute `shape`, or the text of a shape."""
    if isinstance(node, ast.Constant):
        return node.value in VALUES
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lower() == "shape"


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_services_imports_the_implementation_of_a_shape(path: Path) -> None:
    for shape in SHAPES:
        found = {name for name in imports(ast.parse(path.read_text("utf-8"))) if f"{name}.".startswith(f"{shape}.")}
        is_inside = path.is_relative_to(ROOT / shape.replace(".", "/"))
        assert not found or is_inside or path == ROOT / "backend/services.py"


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_shape_is_chosen_in_one_place(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name != "backend/installation/shape.py":
        assert set(choices_by_shape(ast.parse(path.read_text("utf-8")))) == set()


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("def f(hosting): return hosting.shape == Shape.FUNCTIONS", ["f"]),
        ("class C:\n def f(self): return 1 if self.shape is not other else 2", ["C.f"]),
        ("def f(site): return site in (Shape.FUNCTIONS,)", ["f"]),
        ("def f(it): return it != 'container'", ["f"]),
        ("def f(it):\n match it.shape:\n  case _: pass", ["f"]),
        ("def f(it):\n match it:\n  case Shape.FUNCTIONS: pass", ["f"]),
        ("def f(it):\n match it:\n  case 'functions': pass", ["f"]),
        ("def f(it): return {1: 2}[it.hosting.shape]", ["f"]),
        ("def f(it): return it.shape", []),
        ("class C:\n shape = Shape.FUNCTIONS", []),
        ("def f(it): return it.reshape == 'functional'", []),
    ],
)
def test_choice_by_shape_is_recognized(code: str, where: list[str]) -> None:
    assert list(dict.fromkeys(choices_by_shape(ast.parse(code)))) == where


@pytest.mark.parametrize(
    ("code", "is_import"),
    [
        ("from backend.hosting.functions.apps import FunctionApps", True),
        ("from backend.hosting import functions", True),
        ("if TYPE_CHECKING:\n import backend.hosting.functions.apps", True),
        ("def f():\n from backend.hosting.functions import apps", True),
        ("from backend.hosting.results import FunctionApp", False),
    ],
)
def test_import_of_a_shape_is_recognized(code: str, *, is_import: bool) -> None:
    assert any(f"{name}.".startswith(f"{FUNCTIONS}.") for name in imports(ast.parse(code))) is is_import


@pytest.mark.parametrize(
    ("capability", "modules"),
    [
        ("apps", {"apps"}),
        ("settings", {"apps", "app_settings"}),
        ("frontend", {"static_web_app", "static_web_app.site"}),
        (
            "domains",
            {"static_web_app", *(f"static_web_app.{name}" for name in ("site", "domains"))},
        ),
        ("processes", {"apps", "uptime", "processes"}),
    ],
)
def test_capability_loads_what_it_needs_and_nothing_else(capability: str, modules: set[str]) -> None:
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-W", "error", "-c", LOADED, capability],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = {
        name.removeprefix(f"{FUNCTIONS}.") for name in json.loads(done.stdout) if name.startswith(f"{FUNCTIONS}.")
    }
    assert loaded == {"hosting"} | modules


def test_capabilities_are_made_once() -> None:
    hosting = functions.hosting(Services({}))
    assert hosting.shape is Shape.FUNCTIONS
    assert hosting.apps is hosting.apps
    assert hosting.probes is hosting.probes


@pytest.mark.parametrize("kind", ["app,linux,container", "app", "functionapp,linux,container", "", None, 7])
def test_unusual_kind_of_the_main_app_is_ignored(azure: Sandbox, kind: object) -> None:
    endpoints = ("ListFunctionApps", "ListFunctionAppSettings", "ListStaticWebApp", "ListBackendRights")
    before = [_without_kinds(Api().get(name).results) for name in endpoints]
    path = f"/providers/Microsoft.Web/sites(/{names.MAIN_SITE})?$"
    azure.faults([{"path": path, "times": 0, "edit": [["value.*.kind", kind], ["kind", kind]]}])
    clients = Clients(azure.env)
    sites = listed(clients.web(names.SUBSCRIPTION_ID).web_apps.list_by_resource_group, names.RESOURCE_GROUP)
    assert [site["kind"] for site in sites] == [kind] * len(sites)
    assert [_without_kinds(Api().get(name).results) for name in endpoints] == before


def _without_kinds(results: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return results without the member that shows the kind itself."""
    if isinstance(results, list):
        return [_without_kinds(entry) for entry in results]
    return {name: value for name, value in results.items() if name != "Kind"} if isinstance(results, dict) else results
