"""The catalog of Entra's refusals: each with its cause, advice, and verdict about the key."""

import re

import pytest

from backend.azure.errors.entra_error_table import ROWS
from backend.azure.errors.entra_errors import MEANINGS, Verdict, code_of, description_of, is_of_the_app, meaning_of
from sandbox import names
from tests.support import phrases
from tests.support.rotation.scene import ENTRA, SECRET, TOKEN, Scene, refused

NAMED = (
    *(7000215, 7000222, 7000112, 700016, 700027, 700082, 700084, 70008, 70043, 50173, 50034, 50055, 50057),
    *(50074, 50076, 50078, 50079, 50158, 53000, 53001, 53002, 53003, 53004, 530032, 65001, 90002, 500011),
    *(50089, 50132, 50133, 700081, 500341, 50177, 530003, 700003),
)
# Of Microsoft's page, what a token request with a client secret, a certificate or a refresh token can return.
OF_THE_PAGE = (
    *(50000, 50001, 50002, 500021, 500022, 50003, 50006, 50012, 50013, 50014, 50017, 50027, 50033, 50048, 50049, 50059),
    *(50072, 50085, 50105, 50128, 50129, 50135, 50139, 50144, 50155, 50178, 50187, 50194, 50196, 500212, 500213, 51004),
    *(53010, 53011, 530034, 530035, 65004, 65005, 650052, 650056, 650057, 70001, 700011, 70002, 700025, 70003, 700030),
    *(70011, 700020, 700022, 700023, 7000218, 700229, 90004, 90006, 90012, 90014, 900144, 90019, 90023, 90024, 90033),
    *(90036, 90038, 900382, 900432, 90055, 90072, 90090, 90093, 90094, 90099, 90100, 9001023, 135011, 1000031, 1000104),
)
DEAD = {7000215, 7000222, 700027, 700081, 700082, 700084, 70000, 9002313, 70008, 70043, 50173, 50089, 50132, 50133}
HERE = {50005, 50053, 50097, 50131, 50158, 53000, 53001, 53002, 53003, 53004, 53009, 530032, 530034, 530036} | {
    *(530002, 530003, 530021, 530035, 50127, 53010, 53011, 50135, 50129, 50155, 50187, 135011, 700003, 50177, 50178),
    *(50002, 500021, 500022),
}
WHO = re.compile(r"\b(admin|owner|account|rotation|Restart this app|Check)\b")
DESCRIPTION = (
    "AADSTS{code}: Words of Entra.\r\nTrace ID: 2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01\r\n"
    "Correlation ID: 6f1c2d3e-0000-4a1d-9f1e-0c3a5e7b9d01\r\nTimestamp: 2026-08-01 00:00:00Z"
)


@pytest.mark.parametrize("code", [*NAMED, *OF_THE_PAGE])
def test_every_code_that_cipp_meets_is_known(code: int) -> None:
    meaning = meaning_of(DESCRIPTION.format(code=code))
    assert meaning is MEANINGS[code]
    assert "Words of Entra" not in meaning.cause


@pytest.mark.parametrize("code", MEANINGS)
def test_every_meaning_has_a_cause_and_names_who_repairs_it(code: int) -> None:
    meaning = MEANINGS[code]
    assert re.fullmatch(r"[A-Z].+\.", meaning.cause)
    assert re.fullmatch(r"[A-Z].+\.", meaning.advice)
    assert WHO.search(meaning.advice)


@pytest.mark.parametrize("code", MEANINGS)
def test_entra_code_has_its_verdict_about_the_key(code: int) -> None:
    wanted = Verdict.DEAD if code in DEAD else Verdict.REFUSED_HERE if code in HERE else Verdict.UNPROVEN
    assert MEANINGS[code].verdict is wanted


def test_unknown_code_keeps_its_trace_id_and_not_its_text() -> None:
    meaning = meaning_of(DESCRIPTION.format(code=123456))
    assert meaning.cause.endswith(f"AADSTS123456 ({phrases.TRACE_ID} 2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01).")
    assert meaning.verdict is Verdict.UNPROVEN
    assert phrases.TRACE_ID in meaning.advice


@pytest.mark.parametrize(
    ("description", "code"),
    [
        (DESCRIPTION.format(code=50076), 50076),
        ("AADSTS50076", 50076),
        ("x AADSTS700082: y", 700082),
        ("", None),
        ("temporarily_unavailable", None),
    ],
)
def test_the_code_is_found_in_entras_description(description: str, code: int | None) -> None:
    assert code_of(description) == code


@pytest.mark.parametrize("description", ["", "  ", "invalid_grant"])
def test_refusal_without_a_code_has_a_meaning(description: str) -> None:
    meaning = meaning_of(description)
    assert meaning.cause
    assert meaning.verdict is Verdict.UNPROVEN


def test_no_code_has_two_rows_of_the_table() -> None:
    codes = [row[0] for row in ROWS]
    assert sorted(set(codes)) == sorted(codes)


def test_unknown_code_keeps_correlation_id_and_timestamp_in_its_advice() -> None:
    advice = meaning_of(DESCRIPTION.format(code=123456)).advice
    assert "6f1c2d3e-0000-4a1d-9f1e-0c3a5e7b9d01" in advice
    assert "timestamp 2026-08-01 00:00:00Z" in advice


@pytest.mark.parametrize(
    ("codes", "code", "verdict"),
    [
        ((70002, 50173), 50173, Verdict.DEAD),  # a wrapper, and the cause behind it
        ((70002, 50012), 50012, Verdict.UNPROVEN),
        ((50173, 53003), 53003, Verdict.REFUSED_HERE),  # in doubt nothing is final
        ((53003, 50173), 53003, Verdict.REFUSED_HERE),
        ((50173, 50133), 50173, Verdict.DEAD),
        ((50173, 123456), 50173, Verdict.UNPROVEN),
        ((123456, 7000215), 7000215, Verdict.UNPROVEN),
        ((123456, 654321), 123456, Verdict.UNPROVEN),
        ((70002,), 70002, Verdict.UNPROVEN),
    ],
)
def test_code_that_counts_of_several(codes: tuple[int, ...], code: int, verdict: Verdict) -> None:
    in_words = " ".join(f"AADSTS{one}: Words." for one in codes)
    listed = description_of({"error_description": "Words.", "error_codes": list(codes)})
    for description in (in_words, listed):
        assert (code_of(description), meaning_of(description).verdict) == (code, verdict)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error_codes": [50173]}, 50173),
        ({"error_codes": ["50173"], "error_description": None}, 50173),
        ({"error_codes": 50173, "error_description": ["AADSTS1"]}, 50173),
        ({"error_codes": [True, None, {}, "x", 50173.5]}, None),
        ({"error_description": "Refused (aadsts50173).", "error_codes": []}, 50173),
        ({"error_description": "Refused.", "error_uri": "https://login.microsoftonline.com/error?code=50173"}, 50173),
        ({"error_description": "AADSTS12345678901: too long"}, None),
        ({}, None),
    ],
)
def test_code_is_read_wherever_entra_puts_it(body: dict[str, object], code: int | None) -> None:
    assert code_of(description_of(body)) == code


def test_ids_beside_the_description_are_kept() -> None:
    beside = {
        "trace_id": "2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01",
        "correlation_id": "x y",
        "timestamp": "2026-08-01 00:00Z",
    }
    meaning = meaning_of(description_of({"error_codes": [123456], **beside}))
    assert f"({phrases.TRACE_ID} 2c0b8a51-5c1a-4a1d-9f1e-0c3a5e7b9d01)" in meaning.cause
    assert "(timestamp 2026-08-01 00:00Z)" in meaning.advice


def test_which_refusals_are_of_the_apps_own_credential() -> None:
    assert {code for code in MEANINGS if is_of_the_app(f"AADSTS{code}")} == {7000215, 7000222, 700027}


def test_the_catalogue_names_its_sources() -> None:
    import backend.azure.errors.entra_errors  # noqa: PLC0415 - its docstring is what is looked at

    assert "learn.microsoft.com/entra/identity-platform/reference-error-codes" in str(
        backend.azure.errors.entra_errors.__doc__
    )


def answered(status: int = 400, **body: object) -> dict[str, object]:
    """Return a fault: Entra responds to redemptions of the partner with exactly this body."""
    one = {"host": ENTRA, "path": f"/{names.TENANT_ID}/", "body": "grant_type=refresh_token", "times": 0}
    return {**one, "answer": {"status": status, "body": {"error": "invalid_grant", **body}}}


def test_revoked_session_in_error_codes_alone_is_reported_as_revoked(scene: Scene) -> None:
    scene.azure.faults([answered(error_description="Refused.", error_codes=[50133])])
    key = scene.report(TOKEN)
    assert "AADSTS50133" in key["Reason"]
    assert phrases.SESSION_REVOKED in key["Reason"]


def test_token_refused_on_a_device_is_left_alone(scene: Scene) -> None:
    before = scene.versions(TOKEN)
    scene.azure.faults([refused(700003)])
    key = scene.report(TOKEN)
    assert "AADSTS700003" in key["Reason"]
    assert phrases.KEY_MIGHT_BE_VALID in key["Reason"]
    assert scene.versions(TOKEN) == before


def test_code_of_a_token_does_not_revoke_the_client_secret(scene: Scene) -> None:
    before = scene.versions(SECRET)
    malformed = {"host": ENTRA, "body": "client_credentials", "mode": "refuse", "status": 400, "aadsts": 9002313}
    scene.azure.faults([{**malformed, "times": 0}])
    key = scene.report(SECRET)
    assert "AADSTS9002313" in key["Reason"]
    assert phrases.KEY_MIGHT_BE_VALID in key["Reason"]
    assert scene.versions(SECRET) == before


def test_an_unknown_code_reaches_the_admin_with_its_trace_id(scene: Scene) -> None:
    scene.azure.faults([refused(123456)])
    key = scene.report(TOKEN)
    trace = re.search(rf"{phrases.TRACE_ID} ([0-9a-f-]{{36}})", key["Reason"])
    assert trace
    (call,) = scene.calls("login.microsoftonline.com", body="grant_type=refresh_token")
    assert trace[1] in call["response_body"]
    assert "Trace" not in key["Reason"].partition(phrases.TRACE_ID)[0]  # Entra's words alone, not its whole paragraph
    assert "https://learn.microsoft.com/entra/identity-platform/reference-error-codes" in key["Advice"]
