"""What a page of the documentation holds: tables, headings, links, names in backquotes, and examples."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# In which page the tables stand, by the heading of their first column.
PAGE_OF: Final = {
    "name": "docs/api.md",
    "timer": "docs/api.md",
    "kind": "docs/api.md",
    "permission": "docs/access.md",
    "setting": "docs/settings.md",
    "variable": "docs/settings.md",
    "command": "CONTRIBUTING.md",
}
_NOT_THE_PROJECT: Final = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".sandbox",
    ".schemathesis",
    ".venv",
    "__pycache__",
    "node_modules",
    "package",
}
_FENCED: Final = re.compile(r"^( *)(```+)([\w-]*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK: Final = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?: +\"[^\"]*\")?\)")
_ANCHOR: Final = re.compile(r"<a +(?:id|name)=\"([^\"]+)\"")


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, and the page and line at which it begins."""

    page: str
    line: int
    language: str
    text: str


@cache
def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def files() -> tuple[str, ...]:
    """Return every file of the project, without what is installed, cached or made by a run."""
    found = []
    for folder, folders, here in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_THE_PROJECT]
        found += [Path(folder, name).relative_to(ROOT).as_posix() for name in here]
    return tuple(sorted(found))


def pages() -> list[str]:
    """Return every page of the documentation."""
    return [name for name in files() if name.endswith(".md")]


def table(first: str, page: str = "") -> list[list[str]]:
    """Return the rows of all tables of a page whose first column has that heading, without those of the heading."""
    text = read(page or PAGE_OF[first])
    rows: list[list[str]] = []
    for match in re.finditer(rf"^\| {re.escape(first)} \|.*\n((?:\|.*\n?)*)", text, re.MULTILINE):
        rows += [cells(line) for line in match[1].splitlines()[1:]]
    return rows


def cells(line: str) -> list[str]:
    """Return the cells of a table's row."""
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def names(cell: str) -> list[str]:
    """Return what a cell has in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def fences(page: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a page, without their indentation."""
    text = read(page)
    for match in _FENCED.finditer(text):
        inner = re.sub(rf"^{match[1]}", "", match[4], flags=re.MULTILINE)
        yield Fence(page, text.count("\n", 0, match.start()) + 1, match[3], inner)


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCED.sub("", read(page))


def anchors(page: str) -> set[str]:
    """Return what a link into a page may name after `#`, as GitHub makes it from the headings."""
    seen: Counter[str] = Counter()
    found = set(_ANCHOR.findall(prose(page)))
    for heading in _HEADING.findall(prose(page)):
        slug = slug_of(heading)
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def slug_of(heading: str) -> str:
    """Return the anchor of a heading: lower case, spaces as hyphens, no other punctuation."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"(\*\*|`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w))", "", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def links(page: str) -> list[str]:
    """Return the targets of all links of a page that stay in the project."""
    text = re.sub(r"`[^`\n]+`", "", prose(page))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z][a-z+.-]*:", link)]


def quoted(page: str) -> list[str]:
    """Return everything that a page has in backquotes, outside its fenced blocks."""
    return [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", prose(page))]
