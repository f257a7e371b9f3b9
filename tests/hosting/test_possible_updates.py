"""Whether a start may be an update, which consent it needs, and what CIPP's health shows."""

import json

import pytest

from backend.azure.public_web import WebResponse
from backend.hosting.container.health import Health, health_of
from backend.hosting.container.updates.possible import UNKNOWN, Versions, possible_update, refusal_of

IMAGE = "ghcr.io/cyberdrain/cipp:latest"


@pytest.mark.parametrize(
    ("versions", "consent"),
    [
        (Versions(IMAGE, "10.8.5", "10.8.5"), None),
        (Versions(IMAGE, "10.8.5", "10.8.6"), "10.8.6"),
        (Versions(IMAGE, "10.8.6", "10.8.5"), "10.8.5"),  # a tag can also move back
        (Versions(IMAGE, "", "10.8.6"), "10.8.6"),
        (Versions(IMAGE, "10.8.5", ""), IMAGE),
        (Versions("", "10.8.5", ""), UNKNOWN),
        (Versions(), UNKNOWN),
    ],
)
def test_start_is_an_update_unless_both_versions_are_equal(versions: Versions, consent: str | None) -> None:
    possible = possible_update(versions)
    assert (possible.consent if possible else None) == consent


@pytest.mark.parametrize(
    ("update", "is_refused"),
    [("10.8.6", False), (" 10.8.6 ", False), (None, True), ("", True), ("10.8.5", True), (IMAGE, True)],
)
def test_consent_must_name_the_version(update: str | None, *, is_refused: bool) -> None:
    refusal = refusal_of(possible_update(Versions(IMAGE, "10.8.5", "10.8.6")), update, "restart 'cipp'")
    assert (refusal is not None) is is_refused
    if refusal:
        assert 'Update: "10.8.6"' in refusal.advice


def test_start_without_an_update_needs_no_consent() -> None:
    assert refusal_of(None, "10.8.4", "restart 'cipp'") is None


def response(status: int, body: object, kind: str = "application/json; charset=utf-8") -> WebResponse:
    return WebResponse(status, {"content-type": kind}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("shown", "health"),
    [
        (
            response(200, {"phase": "Ready", "new": {}, "startup": {"httpReadyMs": 9, "bgReadyMs": 0, "mode": "x"}}),
            Health(is_up=True, phase="Ready", startup={"httpReadyMs": 9}),
        ),
        (response(200, {"phase": "HttpReady"}), Health(is_up=True, phase="HttpReady")),
        (response(200, {"phase": "Warming"}), Health(is_up=True, phase="Warming")),
        *((response(status, {}), Health(is_up=False, is_shut=True)) for status in (502, 503, 504)),
    ],
)
def test_health_is_read(shown: WebResponse, health: Health) -> None:
    assert health_of(shown) == health


@pytest.mark.parametrize(
    "shown",
    [
        response(200, {}),
        response(200, {"phase": "<b>"}),
        response(200, {"phase": "Ready"}, "text/html"),
        response(302, {"phase": "Ready"}),
        response(403, {}),
        WebResponse(200, {"content-type": "application/json"}, b"[" * 100_000),
    ],
)
def test_other_response_leaves_the_health_unknown(shown: WebResponse) -> None:
    health = health_of(shown)
    assert (health.is_up, health.phase) == (None, None)
    assert str(shown.status) in str(health)
