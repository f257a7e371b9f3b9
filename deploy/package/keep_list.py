"""Which modules of msgraph.generated this app can load. Pure.

msgraph-sdk has 16,737 generated modules, and this app loads 26 of them. It has no import by a computed name, so its
syntax trees show which module loads which:

- Every import that runs when a module is loaded is followed.
- Of a class, what its constructor and the serialization call is followed.
- Of a request builder, also the functions in a chain of calls that begins at a `GraphServiceClient` in this app's code.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

GENERATED: Final = "msgraph.generated."
_CLIENT: Final = ("msgraph.graph_service_client", "GraphServiceClient")
_NAME: Final = re.compile(r"msgraph(\.\w+)+")
_ALWAYS: Final = ("__init__", "create_from_discriminator_value", "get_field_deserializers", "serialize")
_BUILDER: Final = "RequestBuilder"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class KeepListError(Exception):
    """This app uses the client of Microsoft Graph in a way in which the modules that it loads can't be found."""


def keep_list(own: Iterable[str], source_of: Callable[[str], str | None]) -> frozenset[str]:
    """Return the names of the modules of msgraph.generated that this app can load.

    Args:
        own: The source of each of this app's modules.
        source_of: Returns the source of a module of msgraph by its name, None if that is not a module.

    Raises:
        KeepListError: A chain of calls can't be followed.
    """
    walk = _Walk(source_of)
    for source in own:
        if "msgraph" in source or "GraphServiceClient" in source:
            _follow(ast.parse(source), walk)
    return frozenset(name for name in walk.modules if name.startswith(GENERATED))


def _follow(tree: ast.Module, walk: "_Walk") -> None:
    """Follow everything of msgraph that one of this app's modules names."""
    for node in ast.walk(tree):
        for name in _imported(node, ""):
            walk.load(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
            walk.load(node.value)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for function in (node for node in ast.walk(tree) if isinstance(node, _Function)):
        clients = _clients_of(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in clients:
                walk.call(_chain(node, parents), node.lineno)


def _clients_of(function: _Function) -> set[str]:
    """Return the names of a function's arguments and variables that are clients."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    names = {one.arg for one in arguments if one.annotation and _is_client(one.annotation)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_client(node.value.func):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _is_client(node: ast.expr) -> bool:
    text = node.value if isinstance(node, ast.Constant) else ast.unparse(node)
    return isinstance(text, str) and text.rpartition(".")[2] == _CLIENT[1]


def _chain(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> list[str]:
    """Return the attributes that are read, one after another, from an expression and the results of its calls."""
    names = []
    while True:
        parent = parents[node]
        if isinstance(parent, ast.Attribute):
            names.append(parent.attr)
        elif not (isinstance(parent, ast.Call) and parent.func is node):
            return names
        node = parent


@dataclass(frozen=True)
class _Class:
    """A class of msgraph, and the module that defines it."""

    module: str
    node: ast.ClassDef

    def function(self, name: str) -> _Function | None:
        return next((node for node in self.node.body if isinstance(node, _Function) and node.name == name), None)


class _Walk:
    """The modules of msgraph that are loaded, and what they load in turn."""

    def __init__(self, source_of: Callable[[str], str | None]) -> None:
        self.modules: set[str] = set()
        self._source_of = source_of
        self._trees: dict[str, ast.Module] = {}
        self._followed: set[tuple[str, str, str]] = set()

    def load(self, name: str) -> None:
        """Follow what runs when a module is loaded. A name that is not a module of msgraph is ignored."""
        tree = self._tree(name)
        if tree is None or name in self.modules:
            return
        self.modules.add(name)
        for node in _at_load(tree.body):
            for imported in _imported(node, name):
                self.load(imported)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                for function in _ALWAYS:
                    self._run(_Class(name, node), function)

    def call(self, chain: Sequence[str], line: int) -> None:
        """Follow a chain of attributes that begins at the client.

        Raises:
            KeepListError: The chain ends at a request builder, or names something that does not exist.
        """
        at: _Class | None = self._class(*_CLIENT)
        for name in chain:
            if at is None:
                return
            at = self._result(at, name, line)
        if chain and at is not None:
            raise KeepListError(
                f"Line {line}: {'.'.join(chain)} is a request builder that is not called in the same expression. "
                f"Write the whole call in one expression."
            )

    def _result(self, of: _Class, name: str, line: int) -> _Class | None:
        """Follow one function of a request builder. Return the request builder that it returns, None for others."""
        owner, is_whole = self._owner(of, name)
        if owner is None:
            if is_whole:
                raise KeepListError(f"Line {line}: {of.node.name} does not have {name}.")
            return None
        self._run(owner, name)
        function = owner.function(name)
        if function is None or function.returns is None:
            return None
        returned = ast.unparse(function.returns)
        if not returned.endswith(_BUILDER):
            return None
        (module,) = {module for module, found in self._names(owner, function) if found == returned} or {owner.module}
        return self._class(module, returned)

    def _owner(self, of: _Class, name: str) -> tuple[_Class | None, bool]:
        """Return the class that defines a function, and whether all of the bases are msgraph's own."""
        if of.function(name):
            return of, True
        is_whole = True
        for base in of.node.bases:
            known = {found: module for module, found in self._names(of, None)}
            text = ast.unparse(base)
            if text not in known or self._tree(known[text]) is None:
                is_whole = False
                continue
            owner, base_is_whole = self._owner(self._class(known[text], text), name)
            if owner:
                return owner, True
            is_whole = is_whole and base_is_whole
        return None, is_whole

    def _run(self, of: _Class, name: str) -> None:
        """Follow the imports of one function, and the functions of its own class that it uses."""
        function, key = of.function(name), (of.module, of.node.name, name)
        if function is None or key in self._followed:
            return
        self._followed.add(key)
        for node in ast.walk(function):
            for imported in _imported(node, of.module):
                self.load(imported)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                self._run(of, node.attr)

    def _names(self, of: _Class, function: _Function | None) -> Iterator[tuple[str, str]]:
        """Yield the module and the name of everything that a class, and one of its functions, can name."""
        places: list[ast.AST] = [*self._nodes(of.module), *(ast.walk(function) if function else ())]
        for node in places:
            if isinstance(node, ast.ImportFrom):
                yield from ((_origin(node, of.module), alias.asname or alias.name) for alias in node.names)

    def _nodes(self, module: str) -> Iterator[ast.AST]:
        tree = self._tree(module)
        for node in tree.body if tree else ():
            yield from ast.walk(node) if isinstance(node, ast.If) else (node,)

    def _class(self, module: str, name: str) -> _Class:
        tree = self._tree(module)
        for node in tree.body if tree else ():
            if isinstance(node, ast.ClassDef) and node.name == name:
                self.load(module)
                return _Class(module, node)
        raise KeepListError(f"{module} does not have the class {name}.")

    def _tree(self, name: str) -> ast.Module | None:
        if name not in self._trees:
            source = self._source_of(name) if name.partition(".")[0] == "msgraph" else None
            if source is None:
                return None
            self._trees[name] = ast.parse(source)
        return self._trees[name]


def _at_load(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is loaded, without those for type checkers."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from _at_load(node.body)
            yield from _at_load(node.orelse)
        elif isinstance(node, ast.Try):
            yield from _at_load([*node.body, *node.orelse, *node.finalbody])
            yield from (inner for handler in node.handlers for inner in _at_load(handler.body))
        elif isinstance(node, ast.ClassDef):
            yield from _at_load(node.body)


def _imported(node: ast.AST, module: str) -> Iterator[str]:
    """Yield the names that an import statement may load: its module, and that module's parts."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = _origin(node, module)
        yield origin
        yield from (f"{origin}.{alias.name}" for alias in node.names)


def _origin(node: ast.ImportFrom, module: str) -> str:
    """Return the full name of the module from which a statement imports."""
    above = module.split(".")[: -node.level] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])
