"""The words of the code: what docs/style.md replaces does not stand in docstrings, messages, comments or test names."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.words import GLOSSARY, files, finds, long_test_names, riddles, words_in

ROOT: Final = Path(__file__).parent.parent
# Where a word of the left column is right, and why.
ALLOWED: Final[dict[tuple[str, str], str]] = {
    ("sandbox/alteration.py", "answer"): "a public field of the control address",
    ("sandbox/faults.py", "answer"): "a public field of the control address",
    ("sandbox/planted_response.py", "answer"): "a public field of the control address",
    ("sandbox/arm/authentication.py", "is no"): "Azure's own sentence",
    ("sandbox/entra/errors.py", "are no"): "Azure's own sentence",
    ("sandbox/refusals.py", "us"): "Azure's own page, charset=us-ascii",
}


@pytest.mark.parametrize("folder", ["backend", "settings", "sandbox", "tests", "function_app.py"])
def test_text_of_the_code_has_no_word_that_the_glossary_replaces(folder: str) -> None:
    found = [
        f"{one.path}:{one.line}: '{one.word}' in: {one.text}"
        for file in files([ROOT / folder])
        for one in finds(file, file.relative_to(ROOT).as_posix())
        if (one.path, one.word) not in ALLOWED
    ]
    assert found == []


def test_each_exception_is_needed_and_has_a_reason() -> None:
    used = {
        (one.path, one.word)
        for file in files([ROOT / folder for folder in ("backend", "settings", "sandbox", "tests")])
        for one in finds(file, file.relative_to(ROOT).as_posix())
    }
    assert set(ALLOWED) - used == set()
    assert all(ALLOWED.values())


def test_name_of_a_test_has_at_most_12_words() -> None:
    names = [
        (file.relative_to(ROOT).as_posix(), name)
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in long_test_names(file.read_text(encoding="utf-8"))
    ]
    assert names == []


@pytest.mark.parametrize(
    ("name", "is_long"),
    [
        ("test_lock_expires", False),
        ("test_a_b_c_d_e_f_g_h_i_j_k_l", False),
        ("test_a_b_c_d_e_f_g_h_i_j_k_l_m", True),
        ("make_a_b_c_d_e_f_g_h_i_j_k_l_m", False),
    ],
)
@pytest.mark.parametrize("form", ["def {}():\n    pass\n", "class Tests:\n    async def {}(self):\n        pass\n"])
def test_long_name_of_a_test_is_found(name: str, form: str, *, is_long: bool) -> None:
    assert long_test_names(form.format(name)) == [name] * is_long


@pytest.mark.parametrize("folder", ["backend", "settings", "sandbox", "tests", "function_app.py"])
def test_names_of_the_code_name_a_thing(folder: str) -> None:
    sources = {file: file.read_text(encoding="utf-8") for file in files([ROOT / folder])}
    assert {str(file): names for file, source in sources.items() if (names := riddles(source))} == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("told = 1", ["told"]),
        ("class Told:\n    pass", ["Told"]),
        ("for said in ():\n    pass", ["said"]),
        ("def send(asked):\n    self._asked = asked", ["asked", "_asked"]),
        ("async def told():\n    pass", ["told"]),
        ("untold = message.said", []),
    ],
)
def test_name_that_is_a_riddle_is_found(source: str, names: list[str]) -> None:
    assert sorted(riddles(source)) == sorted(names)


def test_glossary_of_the_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "style.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", page[page.index("| not |") :], re.MULTILINE)[2:]
    assert [right.strip() for _, right in rows] == list(GLOSSARY.values())
    assert [left for left, _ in rows if not all(map(words_in, re.split(r", ", left.strip())))] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Answer the client.", ["answer"]),
        ("A name that is no name of a secret.", ["is no"]),
        ("The request failed.", []),
        ("Azure Front Door adds a header.", []),
        ("the app's front door", ["front door"]),
        ("Ask a CIPP superadmin for it.", []),
    ],
)
def test_words_are_found_as_whole_words(text: str, words: list[str]) -> None:
    assert words_in(text) == words
