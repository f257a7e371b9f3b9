"""The layers of docs/architecture.md: imports, also those of types, go to a lower layer or stay in their folder."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
# From the lowest to the highest.
LAYERS: Final = (
    "backend.errors",
    "backend.values",
    "backend.readings",
    "backend.formats",
    "backend.running_code",
    "backend.text",
    "backend.internal_errors",
    "backend.concurrency",
    "backend.configuration",
    "backend.azure.errors",
    "backend.azure",
    "backend.cipp",
    "backend.operations",
    "backend.sam_app",
    "backend.installation",
    "backend.key_vault",
    "backend.credentials",
    "backend.credentials.sign_in_again",
    "backend.access",
    "backend.hosting.results",
    "backend.hosting.domains",
    "backend.hosting.functions.static_web_app",
    "backend.hosting",
    "backend.rotation.results",
    "backend.rotation.planning",
    "backend.rotation.running",
    "backend.rotation.reporting",
    "backend.rotation",
    "backend.health",
    "backend.services",
    "settings.access",
    "settings.audit",
    "settings.http",
    "settings.openapi",
    "settings.console",
    "settings.pages",
    "function_app",
)
SDKS: Final = ("azure", "msgraph", "msgraph_core", "msal", "kiota_abstractions", "kiota_http", "httpx", "requests")
# The folders that call Azure.
CALLERS: Final = (
    "backend.azure",
    "backend.cipp",
    "backend.operations",
    "backend.sam_app",
    "backend.key_vault",
    "backend.hosting",
    "backend.rotation.reporting",
)
MOST_MODULES: Final = 15


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES: Final = {
    name_of(path): path for folder in ("backend", "settings") for path in sorted((ROOT / folder).rglob("*.py"))
} | {"function_app": ROOT / "function_app.py"}


def imports_of(module: str) -> Iterator[str]:
    """Yield the names of all modules and packages that a module imports, at any place in it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (part if part in MODULES else str(node.module) for part in parts)


def layer_of(module: str) -> int:
    inside = [layer for layer in LAYERS if f"{module}.".startswith(f"{layer}.")]
    assert inside, f"{module} is in no layer"
    return LAYERS.index(max(inside, key=len))


def is_in(module: str, folders: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{folder}.") for folder in folders)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_or_stay_in_their_folder(module: str) -> None:
    if module in ("backend", "settings"):
        assert list(imports_of(module)) == []
        return
    own = [name for name in imports_of(module) if name.partition(".")[0] in ("backend", "settings", "function_app")]
    assert [name for name in own if layer_of(name) > layer_of(module)] == []
    for name in imports_of(module):
        package = name.partition(".")[0]
        assert package not in ("sandbox", "tests")
        if name.startswith("azure.functions"):
            assert is_in(module, ("settings.http",))
        elif package in SDKS:
            assert is_in(module, CALLERS), f"{module} imports {name}"


def test_module_imports_have_no_cycle() -> None:
    graph = {module: {name for name in imports_of(module) if name in MODULES} for module in MODULES}
    while ends := [module for module, names in graph.items() if not names & graph.keys()]:
        for module in ends:
            del graph[module]
    assert sorted(graph) == []


def test_folder_has_at_most_15_modules() -> None:
    folders: dict[Path, int] = {}
    for path in MODULES.values():
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    assert {folder.name: count for folder, count in folders.items() if count > MOST_MODULES} == {}
