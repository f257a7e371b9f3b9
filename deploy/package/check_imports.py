"""Import everything that a package's own modules import: `python -I -S check_imports.py ROOT`.

Only the package and the standard library are on the path. Every import statement counts, at any depth and also those
for type checkers, and so does every string of a constant named NEEDED. Prints JSON: the number of names, and the names
that can't be imported, with the reason.
"""

import ast
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

SITE_PACKAGES = ".python_packages/lib/site-packages"
BY_NAME = ("import_module", "__import__")


def main() -> int:
    """Import everything, and return 1 if something failed."""
    root = Path(sys.argv[1]).resolve()
    sys.path[:0] = [str(root), str(root / SITE_PACKAGES)]
    paths = [
        root / "function_app.py",
        *(path for top in ("backend", "settings") for path in (root / top).rglob("*.py")),
    ]
    wanted = {name for path in paths for name in names_of(path, root)}
    failed = {name: reason for name in sorted(wanted) if (reason := reason_against(name))}
    sys.stdout.write(json.dumps({"names": len(wanted), "failed": failed}))
    return 1 if failed else 0


def names_of(path: Path, root: Path) -> Iterator[str]:
    """Yield the name of a module and those that it imports. A colon separates a module from one of its names."""
    yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    needed = list(needed_by_name(tree))
    yield from needed
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME and not needed:
            yield f"{path.name} imports by a name that is not in a constant named NEEDED"


def needed_by_name(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of the constant NEEDED."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "NEEDED" for target in targets):
            yield from (
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def reason_against(name: str) -> str:
    """Return why a name can't be imported, "" if it can."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        if attribute and not hasattr(found, attribute):
            importlib.import_module(f"{module}.{attribute}")
    except Exception as error:  # noqa: BLE001 - whatever a module raises while it is loaded
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
