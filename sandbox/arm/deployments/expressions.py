"""The expressions of a template, such as `[concat(parameters('a'), variables('b')[0].c)]`, as trees."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sandbox.arm.deployments.errors import ExpressionError

_TOKEN: Final = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<word>[A-Za-z_][\w]*)|(?P<sign>.))")


@dataclass(frozen=True)
class Literal:
    """A text or a number."""

    value: str | int


@dataclass(frozen=True)
class FunctionCall:
    """A function with its arguments. The name is in lower case, and `written` is as in the template."""

    name: str
    arguments: tuple["Node", ...]
    written: str


@dataclass(frozen=True)
class Member:
    """A member of an object, or an element of a list."""

    target: "Node"
    key: "Node"


Node = Literal | FunctionCall | Member


def is_expression(value: object) -> bool:
    """Return whether a value of a template is an expression, not a plain text."""
    return isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[[")


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Return the tree of an expression with its brackets.

    Raises:
        ExpressionError: The expression is not valid.
    """
    return _Parser(text).whole()


def calls(node: Node) -> list[FunctionCall]:
    """Return all function calls in a tree."""
    if isinstance(node, Literal):
        return []
    if isinstance(node, Member):
        return [*calls(node.target), *calls(node.key)]
    return [node, *(inner for argument in node.arguments for inner in calls(argument))]


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        inside = text[1:-1].strip()
        self._tokens = [match for match in _TOKEN.finditer(inside) if match.lastgroup]
        self._at = 0

    def whole(self) -> Node:
        node = self._node()
        if self._at < len(self._tokens):
            raise self._unexpected("EndOfData")
        return node

    def _node(self) -> Node:
        node = self._primary()
        while (sign := self._sign()) in (".", "["):
            self._at += 1
            if sign == ".":
                node = Member(node, Literal(self._take("word", "Identifier")))
            else:
                node = Member(node, self._node())
                self._expect("]", "RightSquareBracket")
        return node

    def _primary(self) -> Node:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token["text"]:
                self._at += 1
                return Literal(token["text"][1:-1].replace("''", "'"))
            if token["number"]:
                self._at += 1
                return Literal(int(token["number"]))
        word = self._take("word", "LiteralString")
        name = word
        while self._sign() == ".":  # a user-defined function has a namespace
            self._at += 1
            name = f"{name}.{self._take('word', 'Identifier')}"
        self._expect("(", "LeftParenthesis")
        arguments: list[Node] = []
        while self._sign() != ")":
            if arguments:
                self._expect(",", "RightParenthesis")
            arguments.append(self._node())
        self._at += 1
        return FunctionCall(name.lower(), tuple(arguments), name)

    def _sign(self) -> str | None:
        return self._tokens[self._at]["sign"] if self._at < len(self._tokens) else None

    def _take(self, kind: str, expected: str) -> str:
        if self._at >= len(self._tokens) or not self._tokens[self._at][kind]:
            raise self._unexpected(expected)
        self._at += 1
        return str(self._tokens[self._at - 1][kind])

    def _expect(self, sign: str, expected: str) -> None:
        if self._sign() != sign:
            raise self._unexpected(expected)
        self._at += 1

    def _unexpected(self, expected: str) -> ExpressionError:
        actual = self._tokens[self._at][0].strip() if self._at < len(self._tokens) else "EndOfData"
        return ExpressionError(
            f"Unable to parse language expression '{self._text[1:-1]}': expected token '{expected}' and actual "
            f"'{actual}'."
        )
