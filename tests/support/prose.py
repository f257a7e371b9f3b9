"""The prose of a Markdown page: its sentences, and where they break the rules of docs/style.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.words import words_in

LONGEST: Final = 26  # words of a sentence
CODE: Final = "CODE"  # stands for what is in backquotes
_PARSER: Final = MarkdownIt("commonmark").enable("table")
_END: Final = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]?[A-Z0-9`])|(?<=[:])\s*\n")
_ABBREVIATIONS: Final = re.compile(r"\b(e\.g|i\.e|etc|vs)\.")


class Sentence(NamedTuple):
    """A sentence, a cell of a table or a heading, and the line where its paragraph begins."""

    line: int
    text: str

    @property
    def length(self) -> int:
        """The number of words. What is in backquotes does not count if it is most of the sentence, as in a list."""
        words = [word for word in self.text.split() if any(map(str.isalnum, word))]
        plain = [word for word in words if CODE not in word]
        return len(words) if len(plain) * 2 > len(words) else len(plain)


def sentences(markdown: str) -> Iterator[Sentence]:
    """Yield each sentence of a page's prose, in order. Code, HTML and front matter are left out."""
    for token in _PARSER.parse(markdown):
        if token.type == "inline" and token.map is not None:
            for text in _END.split(_ABBREVIATIONS.sub(r"\1", _plain(token))):
                if text.strip():
                    yield Sentence(token.map[0] + 1, " ".join(text.split()))


def _plain(inline: Token) -> str:
    parts = []
    for part in inline.children or []:
        if part.type == "text":
            parts.append(part.content)
        elif part.type == "code_inline":
            parts.append(CODE)
        elif part.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
    return "".join(parts)


GLOSSARY: Final = "## Glossary"  # the page that lists the words is not searched for them from there on


def problems(path: Path, markdown: str) -> list[str]:
    """Return what is wrong with a page: sentences that are too long, semicolons, words that the glossary replaces."""
    found = []
    for sentence in sentences(markdown.partition(f"\n{GLOSSARY}\n")[0]):
        where = f"{path}:{sentence.line}"
        start = shorten(sentence.text, 75)
        if sentence.length > LONGEST:
            found.append(f"{where}: {sentence.length} words, at most {LONGEST}: {start}")
        if ";" in sentence.text:
            found.append(f"{where}: a semicolon: {start}")
        found += [f"{where}: '{word}' is not in the glossary: {start}" for word in words_in(sentence.text)]
    return found
