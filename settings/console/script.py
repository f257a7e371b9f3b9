"""The console's script: its modules, joined to one in the order in which they import each other. Pure.

Modules import each other by relative names, and the browser would fetch each with a request of its own. Joined, they
are one request. A module becomes a function that returns its exports, so names stay apart, and the file of a library
is imported as it is.
"""

import re
from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Final

IMPORT: Final = re.compile(
    r'^import (?:(?:\{(?P<names>[^{}]*)\}|\* as (?P<whole>[\w$]+)) from )?"(?P<source>\.\.?/[^"]+)";$', re.MULTILINE
)
EXPORT: Final = re.compile(r"^export (?P<kind>const|function|async function|class) (?P<name>[\w$]+)", re.MULTILINE)
COMMENT: Final = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
UNKNOWN: Final = re.compile(r"^(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta\b.*", re.MULTILINE)
NAMES: Final = re.compile(r"([\w$]+)(?: as ([\w$]+))?")


class ModuleError(Exception):
    """A module of the console has a form that can't be joined. The text names it."""


def joined(modules: Mapping[str, str], first: str, libraries: Mapping[str, str]) -> str:
    """Return the script of `first` and all that it imports.

    `modules` has the text of each by its path. `libraries` has the addresses of the files that stay separate, by path.

    Raises:
        ModuleError: A module does not exist, imports itself through others, or has another form of import or export.
    """
    order = list(dict.fromkeys(_in_order(modules, first, libraries, ())))
    imported = {path for name in order for path, _ in _imports(name, modules[name]) if path in libraries}
    head = [f'import * as {_variable(path)} from "{libraries[path]}";' for path in sorted(imported)]
    return "\n".join([*head, *(_as_function(name, modules[name]) for name in order), ""])


def _in_order(
    modules: Mapping[str, str], name: str, libraries: Mapping[str, str], importers: tuple[str, ...]
) -> Iterator[str]:
    """Yield what a module imports, and then the module."""
    if name in importers:
        raise ModuleError(f"{' -> '.join([*importers, name])}: modules must not import each other in a circle.")
    if name not in modules:
        raise ModuleError(f"{name} does not exist, but {importers[-1] if importers else 'the page'} imports it.")
    for path, _ in _imports(name, modules[name]):
        if path not in libraries:
            yield from _in_order(modules, path, libraries, (*importers, name))
    yield name


def _imports(name: str, text: str) -> list[tuple[str, re.Match[str]]]:
    return [(normpath(join(dirname(name), found["source"])), found) for found in IMPORT.finditer(text)]


def _as_function(name: str, text: str) -> str:
    """Return a module as a function that runs immediately and returns the exports."""
    exports = [found["name"] for found in EXPORT.finditer(text)]
    body = EXPORT.sub(lambda found: f"{found['kind']} {found['name']}", text)
    for path, found in _imports(name, text):
        body = body.replace(found[0], _constants(path, found), 1)
    if left := UNKNOWN.search(COMMENT.sub("", body)):
        raise ModuleError(f"{name}: this form of import or export can't be joined: {left[0][:80]}")
    return (
        f"// {name}\nconst {_variable(name)} = (() => {{\n{body.rstrip()}\nreturn {{ {', '.join(exports)} }};\n}})();"
    )


def _constants(path: str, found: re.Match[str]) -> str:
    """Return an import as constants."""
    if found["whole"]:
        return f"const {found['whole']} = {_variable(path)};"
    names = [f"{name}: {alias}" if alias else name for name, alias in NAMES.findall(found["names"] or "")]
    return f"const {{ {', '.join(names)} }} = {_variable(path)};" if names else ""


def _variable(path: str) -> str:
    return f"${re.sub(r'[^0-9A-Za-z]', '_', path)}"
