"""The modules of msgraph.generated that the package keeps, and those that a process has loaded."""

import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deploy.package.keep_list import GENERATED, keep_list
from deploy.package.source import app_files

_SDK: Final = "msgraph"


@cache
def kept() -> frozenset[str]:
    """Return the keep-list, computed from this app's modules and the installed msgraph-sdk."""
    own = [content.decode() for name, content in app_files() if name.endswith(".py")]
    return keep_list(own, installed_source)


def installed_source(module: str) -> str | None:
    """Return the source of an installed module of msgraph, None if it isn't a module, such as a folder."""
    base = _folder().joinpath(*module.split(".")[1:])
    found = next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
    return found.read_text(encoding="utf-8") if found else None


def loaded() -> frozenset[str]:
    """Return the modules of msgraph.generated that this process has loaded, without folders."""
    return modules_among(name for name, module in sys.modules.items() if module is not None)


def modules_among(names: Iterable[str]) -> frozenset[str]:
    """Return those of the names that are modules of msgraph.generated."""
    return frozenset(name for name in names if name.startswith(GENERATED) and installed_source(name) is not None)


@cache
def _folder() -> Path:
    spec = find_spec(_SDK)
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
