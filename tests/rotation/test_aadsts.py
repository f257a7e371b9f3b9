"""The catalogue of Entra's refusals: each with its cause, who can mend it and how, and what it says of the key."""

import re

import pytest

from backend.aadsts import MEANINGS, Verdict, code_of, is_of_the_app, meaning_of
from tests.rotation.scene import TOKEN, Scene, refused

NAMED = (
    *(7000215, 7000222, 7000112, 700016, 700027, 700082, 700084, 70008, 70043, 50173, 50034, 50055, 50057),
    *(50074, 50076, 50078, 50079, 50158, 53000, 53001, 53002, 53003, 53004, 530032, 65001, 90002, 500011),
    *(50089, 50132, 50133, 700081, 500341),
)
DEAD = {7000215, 7000222, 700027, 700081, 700082, 700084, 70000, 9002313, 70008, 70043, 50173, 50089, 50132, 50133}
HERE = {50005, 50053, 50097, 50131, 50158, 53000, 53001, 53002, 53003, 53004, 53009, 530032, 530034}
WHO = re.compile(r"\b(admin|owner|account|rotation|Restart this app|Check)\b")
TOLD = (
    "AADSTS{code}: Words of Entra.\r\nTrace ID: 2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01\r\n"
    "Correlation ID: 6f1c2d3e-0000-4a1d-9f1e-0c3a5e7b9d01\r\nTimestamp: 2026-08-01 00:00:00Z"
)


@pytest.mark.parametrize("code", NAMED)
def test_every_code_that_cipp_meets_is_known(code: int) -> None:
    meaning = meaning_of(TOLD.format(code=code))
    assert meaning is MEANINGS[code]
    assert "Words of Entra" not in meaning.cause


@pytest.mark.parametrize("code", MEANINGS)
def test_every_meaning_has_a_cause_and_who_does_what_about_it(code: int) -> None:
    meaning = MEANINGS[code]
    assert re.fullmatch(r"[A-Z].+\.", meaning.cause)
    assert re.fullmatch(r"[A-Z].+\.", meaning.advice)
    assert WHO.search(meaning.advice)


@pytest.mark.parametrize("code", MEANINGS)
def test_what_a_code_says_of_the_key(code: int) -> None:
    wanted = Verdict.DEAD if code in DEAD else Verdict.REFUSED_HERE if code in HERE else Verdict.UNPROVEN
    assert MEANINGS[code].verdict is wanted


def test_unknown_code_keeps_its_trace_id_and_not_its_text() -> None:
    meaning = meaning_of(TOLD.format(code=123456))
    assert meaning.cause == (
        "The app does not know Entra's code AADSTS123456 (trace id 2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01)."
    )
    assert meaning.verdict is Verdict.UNPROVEN
    assert "trace id" in meaning.advice


@pytest.mark.parametrize(
    ("description", "code"),
    [
        (TOLD.format(code=50076), 50076),
        ("AADSTS50076", 50076),
        ("x AADSTS700082: y", 700082),
        ("", None),
        ("temporarily_unavailable", None),
    ],
)
def test_the_code_is_found_in_entras_description(description: str, code: int | None) -> None:
    assert code_of(description) == code


@pytest.mark.parametrize("description", ["", "  ", "invalid_grant"])
def test_a_refusal_without_a_code_has_a_meaning_all_the_same(description: str) -> None:
    meaning = meaning_of(description)
    assert meaning.cause
    assert meaning.verdict is Verdict.UNPROVEN


def test_which_refusals_are_of_the_apps_own_credential() -> None:
    assert {code for code in MEANINGS if is_of_the_app(f"AADSTS{code}")} == {7000215, 7000222, 700027}


def test_the_catalogue_names_its_sources() -> None:
    import backend.aadsts  # noqa: PLC0415 - its docstring is what is looked at

    assert "learn.microsoft.com/entra/identity-platform/reference-error-codes" in str(backend.aadsts.__doc__)


def test_an_unknown_code_reaches_the_admin_with_its_trace_id(scene: Scene) -> None:
    scene.azure.faults([refused(123456)])
    key = scene.report(TOKEN)
    trace = re.search(r"trace id ([0-9a-f-]{36})", key["Reason"])
    assert trace
    (call,) = scene.calls("login.microsoftonline.com", body="grant_type=refresh_token")
    assert trace[1] in call["response_body"]
    assert "Trace" not in key["Reason"].partition("trace id")[0]  # Entra's words alone, not its whole paragraph
    assert "https://login.microsoftonline.com/error" in key["Advice"]
