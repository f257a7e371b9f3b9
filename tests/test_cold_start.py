"""The first call of a process: several threads import modules concurrently without blocking each other."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sandbox_client import Sandbox

CALL = """
import sys
from tests.support.api import Api
response = Api().get(sys.argv[1])
print(response.status, response.text if response.status != 200 else "")
"""
TIMES = 4
ROOT = Path(__file__).parent.parent
SDKS = frozenset(
    [
        "azure",
        "msal",
        "msgraph",
        "msgraph_core",
        "kiota_abstractions",
        "kiota_http",
        "httpx",
        "requests",
        "cryptography",
    ]
)
# Modules that import only what is already loaded, with the reason.
LOADED_BEFORE = {
    "clients.py": "a client is created under the lock",
    "lock_row.py": "the client of the table has loaded it",
    "installation_memory.py": "the same",
    "row_writes.py": "the same",
    "own_restarts.py": "the same",
    "starts.py": "the same",
    "graph.py": "a call loads everything before it starts",
    "registration.py": "the same",
    "operations.py": "the client of the table has loaded it",
    "table_copies.py": "the same",
}


@pytest.mark.parametrize("endpoint", ["ListKeyRotations", "ListBackend", "ListBackendRights", "ListStaticWebAppUsers"])
def test_first_call_of_a_process_succeeds(azure: Sandbox, endpoint: str) -> None:
    environ = {**azure.env, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    command = [sys.executable, "-c", CALL, endpoint]
    for _ in range(TIMES):
        done = subprocess.run(  # noqa: S603 - this interpreter
            command, env=environ, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stdout.startswith("200"), done.stdout + done.stderr


def lazy_imports(tree: ast.AST, *, guarded: bool = False) -> Iterator[str]:
    """Yield the SDK modules that a function imports without the lock of `backend.concurrency.loading`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and not guarded:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (name for name in names if name.partition(".")[0] in SDKS)
        is_lock = isinstance(node, ast.With) and any("LOADING" in ast.unparse(item) for item in node.items)
        yield from lazy_imports(node, guarded=guarded or is_lock)


@pytest.mark.parametrize("path", sorted((ROOT / "backend").rglob("*.py")), ids=lambda path: str(path.name))
def test_lazy_imports_of_sdks_are_under_the_lock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {name for function in inside for name in lazy_imports(function)}
    assert not found or path.name in LOADED_BEFORE


LOADED = """
import sys
import function_app
print("\\n".join(sorted(name for name in sys.modules if name.startswith("backend."))))
"""
# What only a call needs: services, what they call, and the shapes of CIPP.
FOR_CALLS = (
    "backend.azure",
    "backend.cipp.tables",
    "backend.hosting.container",
    "backend.hosting.functions",
    "backend.rotation.planning",
    "backend.rotation.reporting",
    "backend.rotation.running",
)


def test_host_loads_no_service_when_it_reads_the_functions() -> None:
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.check_output(command, cwd=ROOT, text=True, timeout=60).split()  # noqa: S603 - this interpreter
    assert "backend.services" in loaded
    assert [name for name in loaded if name.endswith(".service") or name.startswith(FOR_CALLS)] == []


DATACLASSES = """
import sys
import function_app
for name, module in sorted(sys.modules.items()):
    if name.startswith(("backend.", "settings.")):
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == name and "__dataclass_fields__" in vars(value):
                print(f"{name}.{value.__qualname__}")
"""


def test_host_loads_no_dataclass_when_it_reads_the_functions() -> None:
    command = [sys.executable, "-c", DATACLASSES]
    found = subprocess.check_output(command, cwd=ROOT, text=True, timeout=60).split()  # noqa: S603 - this interpreter
    assert found == [], "Use msgspec.Struct: a dataclass takes more than ten times as long to define."
