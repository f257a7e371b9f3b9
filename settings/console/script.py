"""The console's script: its modules, joined to one in the order in which they import each other. Pure.

Modules import each other by relative names, and the browser would fetch each with a request of its own. Joined, they
are one request. A module becomes a function that returns its exports, so names stay apart, and the file of a library
is imported as it is. A module that is imported when it is needed (`await import("./keys.js")`) is in the script, too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Final

IMPORT: Final = re.compile(
    r'^import (?:(?:\{(?P<names>[^{}]*)\}|\* as (?P<whole>[\w$]+)) from )?"(?P<source>\.\.?/[^"]+)";$', re.MULTILINE
)
EXPORT: Final = re.compile(r"^export (?P<kind>const|function|async function|class) (?P<name>[\w$]+)", re.MULTILINE)
# The types in a comment may name modules that don't exist in the browser.
LATER: Final = re.compile(r'(?P<comment>(?<![^\s(,={])/\*.*?\*/)|\bimport\("(?P<source>\.\.?/[^"]+)"\)', re.DOTALL)
COMMENT: Final = re.compile(r"(?<![^\s(,={])/\*.*?\*/|^[ \t]*//[^\n]*", re.DOTALL | re.MULTILINE)
UNKNOWN: Final = re.compile(r"^(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta\b.*", re.MULTILINE)
NAMES: Final = re.compile(r"([\w$]+)(?: as ([\w$]+))?")


class ModuleError(Exception):
    """A module of the console has a form that can't be joined. The text names it."""


@dataclass(frozen=True)
class _Module:
    name: str
    text: str
    imports: tuple[str, ...]
    later: tuple[str, ...]


def joined(modules: Mapping[str, str], first: str, libraries: Mapping[str, str]) -> str:
    """Return the script of `first` and all that it imports.

    `modules` has the text of each by its path. `libraries` has the addresses of the files that stay separate, by path.

    Raises:
        ModuleError: A module does not exist, imports itself through others, or has another form of import or export.
    """
    parsed = {name: _parsed(name, text) for name, text in modules.items()}
    order: dict[str, _Module] = {}
    for root in [*_later_roots(parsed, first, libraries), first]:
        for module in _in_order(parsed, root, libraries, ()):
            order.setdefault(module.name, module)
    imported = {path for module in order.values() for path in module.imports if path in libraries}
    head = [f'import * as {_variable(path)} from "{libraries[path]}";' for path in sorted(imported)]
    return "\n".join([*head, *map(_as_function, order.values()), ""])


def _parsed(name: str, text: str) -> _Module:
    imports = tuple(_path(name, found["source"]) for found in IMPORT.finditer(text))
    later = tuple(_path(name, found["source"]) for found in LATER.finditer(text) if found["source"])
    return _Module(name, text, imports, later)


def _later_roots(parsed: Mapping[str, _Module], first: str, libraries: Mapping[str, str]) -> list[str]:
    """Return the modules that some module imports when it is needed. They come before `first`, which starts all."""
    roots: list[str] = []
    waiting = [first]
    while waiting:
        for module in _in_order(parsed, waiting.pop(), libraries, ()):
            for name in module.later:
                if name not in parsed:
                    raise ModuleError(f"{name} does not exist, but {module.name} imports it.")
                if name not in roots:
                    roots.append(name)
                    waiting.append(name)
    return roots


def _in_order(
    parsed: Mapping[str, _Module], name: str, libraries: Mapping[str, str], importers: tuple[str, ...]
) -> Iterator[_Module]:
    """Yield what a module imports, and then the module. What several modules import comes several times."""
    if name in importers:
        raise ModuleError(f"{' -> '.join([*importers, name])}: modules must not import each other in a circle.")
    if name not in parsed:
        raise ModuleError(f"{name} does not exist, but {importers[-1] if importers else 'the page'} imports it.")
    for path in parsed[name].imports:
        if path not in libraries:
            yield from _in_order(parsed, path, libraries, (*importers, name))
    yield parsed[name]


def _path(name: str, source: str) -> str:
    return normpath(join(dirname(name), source))


def _as_function(module: _Module) -> str:
    """Return a module as a function that runs immediately and returns the exports."""

    def later(found: re.Match[str]) -> str:
        return found["comment"] or f"Promise.resolve({_variable(_path(module.name, found['source']))})"

    exports = ", ".join(found["name"] for found in EXPORT.finditer(module.text))
    body = EXPORT.sub(lambda found: f"{found['kind']} {found['name']}", module.text)
    body = IMPORT.sub(lambda found: _constants(_path(module.name, found["source"]), found), body)
    body = LATER.sub(later, body)
    if left := UNKNOWN.search(COMMENT.sub("", body)):
        raise ModuleError(f"{module.name}: this form of import or export can't be joined: {left[0][:80]}")
    head = f"// {module.name}\nconst {_variable(module.name)} = (() => {{"
    return f"{head}\n{body.rstrip()}\nreturn {{ {exports} }};\n}})();"


def _constants(path: str, found: re.Match[str]) -> str:
    """Return an import as constants."""
    if found["whole"]:
        return f"const {found['whole']} = {_variable(path)};"
    names = [f"{name}: {alias}" if alias else name for name, alias in NAMES.findall(found["names"] or "")]
    return f"const {{ {', '.join(names)} }} = {_variable(path)};" if names else ""


def _variable(path: str) -> str:
    return f"${re.sub(r'[^0-9A-Za-z]', '_', path)}"
