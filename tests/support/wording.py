"""Where a test compares the wording of a message, and not what the message carries.

A text is wording if two words in small letters follow each other. Commands that begin with `az` are not. The text is
found in a comparison, in an argument of `startswith` and the like, in `match=`, and in what these read: a value of a
parametrized test, a variable, the values of a loop, and what a function of the same file is called with.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

WORDING: Final = re.compile(r"(?<![\w/.@$:'-])[a-z]{2,}(?:'[a-z]+)? [a-z]{2,}(?![\w/.@-])")
COMMAND: Final = re.compile(r"\baz [a-z].*", re.DOTALL)
READS_TEXT: Final = frozenset(
    {"startswith", "endswith", "count", "index", "find", "partition", "rpartition", "split", "removeprefix"}
    | {"removesuffix", "search", "match", "fullmatch", "findall", "finditer", "sub"}
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Text = ast.Constant | ast.JoinedStr


class Wording(NamedTuple):
    """A compared text, with its line."""

    line: int
    text: str


def wordings(source: str) -> list[Wording]:
    """Return the compared texts of a test's file that are wording, each once."""
    tree = ast.parse(source)
    values = _values_of_names(tree)
    found = {(text.lineno, text.col_offset): text for operand in _operands(tree) for text in _texts(operand, values)}
    return [Wording(line, shown) for (line, _), text in sorted(found.items()) if is_wording(shown := shown_text(text))]


def is_wording(text: str) -> bool:
    """Return whether two words in small letters follow each other, outside a command."""
    return WORDING.search(COMMAND.sub("", text)) is not None


def shown_text(text: Text) -> str:
    """Return a literal's text. A value in an f-string is `{}`."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values)


def _operands(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what is compared with another value, or looked for in a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from _compared(node)
        elif isinstance(node, ast.Call):
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "match")
            if isinstance(node.func, ast.Attribute) and node.func.attr in READS_TEXT:
                yield from node.args


def _compared(node: ast.Compare) -> Iterator[ast.expr]:
    """Yield the operands. A variable after `in` is where the test looks, and not what it expects."""
    yield node.left
    for operator, operand in zip(node.ops, node.comparators, strict=True):
        if not (isinstance(operator, ast.In | ast.NotIn) and isinstance(operand, ast.Name)):
            yield operand


def _texts(node: ast.AST, values: Mapping[str, list[ast.expr]]) -> Iterator[Text]:
    """Yield the literals of an operand, and those that its variables can be."""
    for part in _parts(node):
        if isinstance(part, ast.Name):
            for value in values.get(part.id, ()):
                if not isinstance(value, ast.Dict):  # its keys are names, and its values are rarely compared
                    yield from (one for one in _parts(value) if not isinstance(one, ast.Name))
        else:
            yield part


def _parts(node: ast.AST) -> Iterator[Text | ast.Name]:
    """Yield the literals and variables of an expression, without the arguments of calls."""
    if isinstance(node, ast.JoinedStr):
        yield node
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _parts(part.value)
    elif isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield from _parts(node.func.value)
    elif not isinstance(node, ast.Attribute | ast.comprehension | ast.Subscript):
        for child in ast.iter_child_nodes(node):
            yield from _parts(child)


def _values_of_names(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """Return the expressions that a variable, a loop's variable or a parameter can be."""
    values: dict[str, list[ast.expr]] = {}
    helpers = {node.name: [one.arg for one in node.args.args] for node in ast.walk(tree) if isinstance(node, Function)}
    for node in ast.walk(tree):
        for name, value in (*_bound(node), *_passed(node, helpers)):
            values.setdefault(name, []).append(value)
    return values


def _passed(node: ast.AST, helpers: Mapping[str, list[str]]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the arguments of a call to a function of the file."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in helpers:
        yield from zip(helpers[node.func.id], node.args, strict=False)
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target.id, node.value
    elif isinstance(node, ast.For | ast.comprehension):
        yield from _columns(_names(node.target), node.iter)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parametrize":
        yield from _columns(_arguments(node.args[0]), node.args[1])


def _names(target: ast.expr) -> list[str]:
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return [part.id if isinstance(part, ast.Name) else "" for part in parts]


def _arguments(argument: ast.expr) -> list[str]:
    parts = argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]
    return [str(part.value) for part in parts if isinstance(part, ast.Constant)]


def _columns(columns: list[str], rows: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the values of each column in a table of literals."""
    for row in rows.elts if isinstance(rows, ast.Tuple | ast.List | ast.Set) else []:
        cells: Iterable[ast.expr] = [row]
        if len(columns) > 1:
            cells = row.elts if isinstance(row, ast.Tuple | ast.List) else row.args if isinstance(row, ast.Call) else []
        yield from zip(columns, cells, strict=False)
