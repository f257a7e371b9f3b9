"""Tests compare what a message carries, and not its wording: rule 10 of docs/style.md.

The words that a test needs to recognize a message stand in `tests/support/phrases.py`.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.support import phrases
from tests.support.wording import shown_text, wordings

ROOT: Final = Path(__file__).parent.parent
# Folders and files whose texts are not messages of the product, and why.
OTHERS: Final = {
    "tests/browser": "what a person reads on the page, by which the test finds it",
    "tests/console/test_script.py": "scripts that the test gives, and messages about them",
    "tests/sandbox": "the sandbox repeats the sentences of Azure and of its SDKs, which the product reads",
    "tests/conformance": "commands and messages of the Azure CLI",
    "tests/deploy": "queries in Kusto",
    "tests/host": "messages of the local host, which are those of the Functions host",
    "tests/package": "messages of this project's own tool",
    "tests/test_coverage_gate.py": "messages of this project's own tool",
    "tests/test_documented_calls.py": "messages of this project's own check",
    "tests/test_planted.py": "messages of this project's own plugin",
    "tests/test_slow_plugin.py": "messages of this project's own plugin",
    "tests/test_soak.py": "messages of this project's own tool",
    "tests/test_tiers.py": "messages of this project's own plugin",
    "tests/test_words.py": "it lists words",
    "tests/text/test_redaction.py": "texts that the test gives, as they are after redaction",
    "tests/azure/test_unreachable.py": "the only test of `reason_of`, whose result is a phrase",
    "tests/azure/test_unreachable_reason.py": "the only test of `reason_of`, whose result is a phrase",
}
SENT: Final = "the test sends this text"
CASE: Final = "the name of a case"
KEY: Final = "the ID of a credential that the test gives"
# Single texts that are not the product's wording, and why.
ALLOWED: Final = {
    ("tests/access/test_access_matrix.py", "custom role, {}"): CASE,
    ("tests/access/test_access_matrix.py", "editor with a custom role"): CASE,
    ("tests/audit/test_log_lines.py", "The vault does not exist."): SENT,
    (
        "tests/automation/test_release.py",
        "### Access\n\n- A line with a page, two\n  words and [the web](https://example.org/a).\n",
    ): SENT,
    ("tests/azure/test_errors.py", "Couldn't open the box: "): SENT,
    ("tests/azure/test_errors.py", "An error has occurred"): SENT,
    ("tests/azure/test_errors.py", "This request is not authorized & logged."): SENT,
    (
        "tests/azure/test_errors.py",
        "No configuration. Token request error: (invalid_scope) 400, Wrong sig=PLANTED at https://u:PLANTED@h.example/x",
    ): SENT,
    ("tests/azure/test_errors.py", "Resource group 'X' could not be found."): SENT,
    ("tests/azure/test_identity_endpoint.py", "403: No identity is assigned."): SENT,
    ("tests/azure/test_refusal_causes.py", "<html><body>Nothing to see</body></html>"): SENT,
    ("tests/azure/test_refusal_causes.py", "'In the text'"): SENT,
    ("tests/cipp/test_backend_log.py", "Denied: your address is {}."): SENT,
    ("tests/cipp/test_backend_log.py", "Denied: your address is [address hidden]."): SENT,
    ("tests/cipp/test_key_reads.py", "the app"): SENT,
    ("tests/cipp/test_lock.py", "a dry run"): CASE,
    ("tests/key_vault/test_key_vault.py", "Missing: secrets list"): "the name of a right, as its command has it",
    ("tests/rotation/test_certificate_mode.py", "The table timed out."): SENT,
    ("tests/rotation/test_overview.py", "<img src=x onerror=alert(1)>"): SENT,
    **{("tests/rotation/test_certificate_mode.py", f"key of {one}"): KEY for one in ("nothing", "b")},
    ("tests/rotation/test_laws_of_plan.py", "key of a"): KEY,
    **{("tests/rotation/test_plan_chores.py", f"key of {one}"): KEY for one in ("a", "b", "v2", "v3", "nothing", "{}")},
    ("tests/rotation/test_client_secret.py", "text/plain; client secret"): "a content type in the vault",
    ("tests/rotation/test_client_secret.py", "The admin's own"): CASE,
    ("tests/rotation/test_laws_of_chores.py", "no certificate"): SENT,
    ("tests/rotation/test_laws_of_few_credentials.py", "near its expiry"): CASE,
    ("tests/rotation/test_reduced_sweep.py", "failed here"): CASE,
    ("tests/rotation/test_reduced_sweep.py", "recovered by a retry"): CASE,
    ("tests/rotation/test_refresh_tokens.py", "text/plain; refresh token"): "a content type in the vault",
    ("tests/rotation/test_years.py", "function apps"): CASE,
    ("tests/rotation/test_years.py", "holds ApplicationSecret, which does not sign in"): "a message of tests/support",
    ("tests/rotation/test_years.py", "live passwordCredentials of the product"): "a message of tests/support",
    ("tests/support/odd_responses.py", "left out"): CASE,
    ("tests/support/odd_responses.py", "empty text"): CASE,
    ("tests/support/odd_responses.py", "unknown field"): CASE,
    ("tests/support/planted_plugin.py", "An output shows a planted value."): "a message of tests/support",
    ("tests/support/rotation/cases.py", "429, 429 with Retry-After and 500, one after another"): CASE,
    ("tests/support/sandbox/arm.py", "that of the managed identity"): CASE,
}


@cache
def compared() -> frozenset[tuple[str, str]]:
    """Return the wordings that tests compare, with their files, without those that other programs write."""
    files = [file.relative_to(ROOT) for file in (ROOT / "tests").rglob("*.py") if "node_modules" not in file.parts]
    return frozenset(
        (file.as_posix(), one.text)
        for file in files
        if not is_of_others(file.as_posix())
        for one in wordings((ROOT / file).read_text(encoding="utf-8"))
    )


def is_of_others(file: str) -> bool:
    return any(file == other or file.startswith(f"{other}/") for other in OTHERS)


def product_texts() -> Iterator[str]:
    """Yield the texts of the product without docstrings."""
    folders = [*(ROOT / "backend").rglob("*.py"), *(ROOT / "settings").rglob("*.py")]
    for file in folders:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.JoinedStr) or (
                isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
            if is_text and id(node) not in docstrings:
                yield shown_text(node)  # type: ignore[arg-type] # one of both types, by the line above


PHRASES: Final = {name: value for name, value in vars(phrases).items() if name.isupper()}


def test_tests_compare_no_wording() -> None:
    assert sorted(compared() - set(ALLOWED)) == []


def test_each_exception_is_needed_and_has_a_reason() -> None:
    assert set(ALLOWED) - compared() == set()
    assert all((*ALLOWED.values(), *OTHERS.values()))
    assert [path for path in OTHERS if not (ROOT / path).exists()] == []


def test_product_has_each_phrase() -> None:
    """A test that looks for the absence of a phrase could not fail otherwise."""
    text = "\n".join(product_texts()).lower()
    assert [name for name, value in PHRASES.items() if value.lower() not in text] == []


def test_each_phrase_is_used() -> None:
    files = [file for file in (ROOT / "tests").rglob("*.py") if "node_modules" not in file.parts]
    used = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert [name for name in PHRASES if f"phrases.{name}" not in used] == []


@pytest.mark.parametrize(
    "source",
    [
        'assert "isn\'t valid" in text',
        'assert text == f"{name} is not valid"',
        'assert [one for one in texts if "was not found" in one]',
        'assert text.startswith("Couldn\'t read the table")',
        'with raises(Error, match="not found"): ...',
        'assert re.search(r"was .* by another run", text)',
        'WORDS = "not found"\nassert WORDS in text',
        'for words in ("not found", "x"):\n    assert words in text',
        'def f(words):\n    assert words in text\nf("not found")',
        'def f(words):\n    assert words in text\nf(words="not found")',
        '@mark.parametrize("words", ["not found"])\ndef test(words):\n    assert words in text',
        '@mark.parametrize(("n", "words"), [(1, "not found")])\ndef test(n, words):\n    assert f"{n} {words}" in text',
        '@mark.parametrize(("n", "words"), [param(1, "not found")])\ndef test(n, words):\n    assert words in text',
    ],
)
def test_compared_wording_is_found(source: str) -> None:
    assert len(wordings(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'assert "KEY_ROTATION_SCHEDULE" in text',
        'assert f"az role assignment create --assignee {name}" in text',
        'assert "CIPP.SuperAdmin.ReadWrite" in text',
        'assert ": admin, superadmin." in text',
        'assert text == send("a body of words")',
        "assert phrases.NOT_FOUND in text",
        '@mark.parametrize("text", ["hide this secret"])\ndef test(text):\n    assert "x" not in text',
        'def test():\n    """Return what is not valid."""',
    ],
)
def test_content_of_a_message_is_not_wording(source: str) -> None:
    assert wordings(source) == []
