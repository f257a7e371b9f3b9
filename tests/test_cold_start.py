"""The first call of a process: what it needs is imported by several threads at once, and none stops another."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox_client import Sandbox

CALL = """
import sys
from tests.api import Api
answer = Api().get(sys.argv[1])
print(answer.status, answer.text if answer.status != 200 else "")
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
# What these import is loaded already when they do, and the reason.
LOADED_BEFORE = {
    "clients.py": "a client is made under the lock",
    "row_lock.py": "the client of the table has loaded it",
    "own_restarts.py": "the same",
    "graph.py": "a call loads all before it begins",
    "app_registration.py": "the same",
}


@pytest.mark.parametrize("endpoint", ["ListKeyRotations", "ListBackend", "ListBackendRights", "ListStaticWebAppUsers"])
def test_the_first_call_of_a_process_answers(azure: Sandbox, endpoint: str) -> None:
    environ = {**azure.env, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    command = [sys.executable, "-c", CALL, endpoint]
    for _ in range(TIMES):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - ours
        assert done.stdout.startswith("200"), done.stdout + done.stderr


def lazy_imports(tree: ast.AST, *, guarded: bool = False) -> Iterator[str]:
    """The SDKs' modules that are imported inside a function and not under the lock of `backend.loading`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and not guarded:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (name for name in names if name.partition(".")[0] in SDKS)
        is_lock = isinstance(node, ast.With) and any("LOADING" in ast.unparse(item) for item in node.items)
        yield from lazy_imports(node, guarded=guarded or is_lock)


@pytest.mark.parametrize("path", sorted((ROOT / "backend").rglob("*.py")), ids=lambda path: str(path.name))
def test_what_is_loaded_on_first_use_is_loaded_by_one_thread_at_a_time(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {name for function in inside for name in lazy_imports(function)}
    assert not found or path.name in LOADED_BEFORE
