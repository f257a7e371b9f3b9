"""Which of a caller's texts a message repeats: names that people give, and nothing that may be a key."""

import base64
import secrets
import string

import pytest

from backend.configuration.kinds import is_address
from backend.text.quoting import WITHHELD, is_like_a_key, is_like_a_name, is_surely_a_key, quoted, shown, without
from sandbox import names

ALPHABET = string.ascii_letters + string.digits
NAMES = [
    *("", "Name", "Naem", "x", "RefreshToken", "SAMCertificate", "cippabc12", "cippabc12-proc", "rg_cipp.prod-01"),
    *("WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "AzureWebJobs.Sync.Disabled", "KEY_ROTATION_SECRET_LIFETIME_DAYS"),
    *("ExecFunctionAppDeploymentSync", "openapi.json", "swagger-ui-bundle.js", names.TENANT_ID, names.SUBSCRIPTION_ID),
]
KEYS = [
    "abc8Q~3fKq.PLANTED_-secret~ofanapp0123456",
    "0.AXoA-PLANTED-refresh-token",
    "1.AVwA4XuLkW0",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
    "M.C107_BAY.0.U.-PLANTED",
    "ghp_PLANTEDtoken",
    "github_pat_PLANTED",
    "glpat-PLANTEDtoken",
    "xoxb-PLANTED",
    f"{base64.b64encode(bytes(range(64))).decode()}",
    "sv=2022-11-02&ss=t&sig=abcDEF123abcDEF123abcDEF%3D",
    "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_people_give_is_repeated(name: str) -> None:
    assert is_like_a_name(name)
    assert not is_like_a_key(name)
    assert (shown(name), quoted(name)) == (name, f"'{name}'")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_or_token_is_withheld(key: str) -> None:
    assert is_like_a_key(key) or not key.startswith(tuple(ALPHABET)) or "=" in key
    assert not is_like_a_name(key)
    assert (shown(key), quoted(key)) == (WITHHELD, "'***'")


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("appinsights2024cippabc12x", False),
        ("abcdefg1abcdefg2abcdefg3abc", True),
        ("a1b2c3d4e", False),
        ("QUJDREVGR0hJSktMTU5P=", True),
    ],
)
def test_digits_between_letters_or_padding_make_a_key_of_a_word(text: str, is_key: bool) -> None:
    assert is_like_a_key(text) is is_key


@pytest.mark.parametrize(
    "text",
    [
        *("PLANTED secret!", "a b", "a\n", "\n", "a/b", "a:b", "a=b", "a~b", "é", "\ud800", "-a", "1abc2", "x" * 65),
        *("Tr0ub4dor3", "correct.h0rse", "AbCdEfGhIjKlMnOpQrStUvWxYz", "0123456789", "name12345"),
    ],
)
def test_text_that_does_not_look_like_a_name_is_withheld(text: str) -> None:
    assert shown(text) == WITHHELD


@pytest.mark.parametrize(
    "make", [secrets.token_urlsafe, secrets.token_hex, lambda size: secrets.token_bytes(size).hex()]
)
def test_hardly_a_random_key_is_taken_for_a_name(make: object) -> None:
    assert callable(make)
    # Of 10,000 tokens about 4 read like names: more than 20 come by chance once in a hundred million runs.
    assert sum(is_like_a_name(make(32)) for _ in range(10_000)) <= 20


@pytest.mark.parametrize("name", ["cippbackendk7m2q4x3hjr5a", "kv2contoso3cipp4prod5x", "rg2prod3cipp4west5eu6main"])
def test_a_generated_name_has_no_sure_sign_of_a_key(name: str) -> None:
    assert is_like_a_key(name)
    assert not is_surely_a_key(name)
    assert is_address(f"https://{name}.table.core.windows.net")


@pytest.mark.parametrize("key", KEYS[:10])
def test_a_known_beginning_or_padded_base64_is_a_sure_sign(key: str) -> None:
    assert is_surely_a_key(key)


def test_names_are_left_out_of_a_foreign_text_in_any_case() -> None:
    text = without("Alpha.x and ALPHA of 'beta' (alphaXx)", ["alpha.x", "", "BETA"])
    assert text == f"{WITHHELD} and ALPHA of '{WITHHELD}' (alphaXx)"
