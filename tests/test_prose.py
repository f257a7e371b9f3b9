"""How the prose of a page is read: its sentences without code, and what breaks a rule."""

from pathlib import Path

import pytest

from tests.support.prose import LONGEST, problems, sentences

PAGE = Path("page.md")


def lengths(markdown: str) -> list[int]:
    return [sentence.length for sentence in sentences(markdown)]


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("One two. Three four five.", [2, 3]),
        ("One two\nthree. Four.", [3, 1]),
        ("It takes 0.5 s.", [4]),
        ("Call `ListBackend` first. `Force` does it.", [3, 3]),
        ("`a`, `b`, `c` and `d`", [1]),
        ("# A heading", [2]),
        ("| one | two three |\n| --- | --- |\n| four | five six |", [1, 2, 1, 2]),
        ("See [the page](https://example.org/a.b).", [3]),
        ("```sh\nmake run; make test\n```", []),
        ("<!-- a comment -->", []),
    ],
)
def test_sentences_of_a_page_are_counted_without_code(markdown: str, words: list[int]) -> None:
    assert lengths(markdown) == words


@pytest.mark.parametrize(
    ("markdown", "problem"),
    [
        ("word " * (LONGEST + 1), "27 words"),
        ("One; two.", "a semicolon"),
        ("It tells you.", "'tells'"),
    ],
)
def test_page_that_breaks_a_rule_has_a_problem(markdown: str, problem: str) -> None:
    (found,) = problems(PAGE, markdown)
    assert found.startswith("page.md:1: ")
    assert problem in found


def test_page_within_the_rules_has_no_problem() -> None:
    assert problems(PAGE, "word " * LONGEST + "\n\nUse `a; b`.\n") == []
