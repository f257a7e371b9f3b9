"""The variables of the environment that the code reads."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backend.configuration.timeouts import Limits

ROOT: Final = Path(__file__).parents[2]
# How a variable of the environment is named here. The storage's variable is named by the platform.
VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(__\w+)?|AzureWebJobsStorage")


def variables_read() -> set[str]:
    """Return the variables that the code reads: texts that look like one, in the files that read the environment."""
    found = {name.upper() for name in Limits.__struct_fields__}
    for folder in ("backend", "settings"):
        for path in (ROOT / folder).rglob("*.py"):
            if "environ" in path.read_text(encoding="utf-8"):
                found |= {text for text in _text_constants(path) if VARIABLE.fullmatch(text)}
    return found


def _text_constants(path: Path) -> Iterator[str]:
    """Yield every text in a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
