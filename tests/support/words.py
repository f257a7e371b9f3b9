"""The glossary of docs/style.md as patterns, and where a Python file breaks it.

    python -m tests.support.words PATH ...    lists what is found

It reads docstrings, comments, messages (texts of three words or more) and the names of tests. It also lists the names
of tests that have too many words, and the variables, parameters and functions whose name does not name a thing.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

MESSAGE_WORDS: Final = 3
TEST_NAME_WORDS: Final = 12
RIDDLES: Final = frozenset({"told", "said", "asked"})  # they state that something happened, and not what it is

# What is not written, and what is written instead. The table of docs/style.md has the same rows.
GLOSSARY: Final = {
    r"answers?|answered|answering|unanswered": "return, respond, response, result",
    r"asks?(?! (?:an?|your) )|asked|asking": "request, call, query, check",
    r"tells?|told|telling|untold": "return, report, log, state, show",
    r"says?|said|saying": "return, report, log, state, show",
    r"lets? in|turned away|turns away": "allow, deny",
    r"believe[sd]?|believing": "trust",
    r"silent|silently|silence|out of reach": "timed out, unreachable",
    r"an act|acts|acted": "write operation",
    r"(?<!DNS )(?<!TXT )(?<!CNAME )the record": "audit log",
    r"mistakes?": "internal error, bug",
    r"its end|near (?:its|their) ends?": "expiry, expires within 45 days",
    r"dead|alive": "revoked or expired, valid",
    r"heal(?:s|ed|ing)?|mend(?:s|ed|ing)?": "repair, recover",
    r"prove[sn]?|proved|proving|proofs?|unproven": "verified, sign-in check",
    r"hold(?:s|ing)? the lock|held the lock|lock (?:is|was) held": "acquired, owned",
    r"anew|once more|all the same": "again, still, or nothing",
    r"at once": "concurrently, or immediately",
    r"ours|theirs|someone else'?s?|somebody|nobody|none of us": "created by this app, created by others",
    r"app that answers": "this app",
    r"front door": "API, entry point",
    r"whatever (?:its|their) case": "case-insensitive",
    r"is no|is (?-i:none)|are no|are (?-i:none)|was no|were no": "is not, has no",
    r"we|(?-i:us)|our": "the app, CIPP Backend",
}
PATTERN: Final = re.compile(rf"\b(?:{'|'.join(GLOSSARY)})\b", re.IGNORECASE)
CODE: Final = re.compile(r"`[^`]*`")  # public names stay as they are
FRONT_DOOR: Final = "Front Door"  # Azure's product
OWN_FILES: Final = frozenset({"words.py", "test_words.py", "test_prose.py"})  # they list the words


class Find(NamedTuple):
    """A word of the glossary's left column, and the text in which it stands."""

    path: str
    line: int
    word: str
    text: str


def words_in(text: str) -> list[str]:
    """Return the words of a text that the glossary replaces."""
    plain = CODE.sub("", text)
    return [found.group().lower() for found in PATTERN.finditer(plain) if found.group() != FRONT_DOOR]


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield each docstring, message, name of a test and comment, with its line."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield from _message(node.lineno, "".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield from _message(node.lineno, node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _message(line: int, text: str) -> Iterator[tuple[int, str]]:
    if len(text.split()) >= MESSAGE_WORDS:
        yield line, text


def finds(path: Path, name: str = "") -> list[Find]:
    """Return every word in a file that the glossary replaces."""
    found = [
        Find(name or str(path), line, word, " ".join(text.split())[:110])
        for line, text in texts(path.read_text(encoding="utf-8"))
        for word in words_in(text)
    ]
    return sorted(found, key=lambda one: one.line)


def long_test_names(source: str) -> list[str]:
    """Return the names of tests that have more than 12 words after `test_`."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and node.name.count("_") > TEST_NAME_WORDS
    ]


def riddles(source: str) -> list[str]:
    """Return the variables, parameters, functions and classes that are named by a participle of `RIDDLES`."""
    return [
        name for node in ast.walk(ast.parse(source)) if (name := _defined(node)) and name.strip("_").lower() in RIDDLES
    ]


def _defined(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.id if isinstance(node, ast.Name) else node.attr
    return ""


def files(paths: Sequence[Path]) -> list[Path]:
    """Return the Python files of these files and folders."""
    within = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return [file for file in within if file.name not in OWN_FILES and "node_modules" not in file.parts]


def main(arguments: Sequence[str]) -> int:
    """Print what is found, and return 1 if it is anything."""
    read = files([Path(argument) for argument in arguments])
    words = [one for file in read for one in finds(file)]
    for one in words:
        sys.stdout.write(f"{one.path}:{one.line}: '{one.word}' in: {one.text}\n")
    sources = [(file, file.read_text(encoding="utf-8")) for file in read]
    names = [(file, name) for file, source in sources for name in (*long_test_names(source), *riddles(source))]
    for file, name in names:
        sys.stdout.write(f"{file}: rename {name}\n")
    sys.stdout.write(f"{len(words)} words, {len(names)} names\n")
    return 1 if words or names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
