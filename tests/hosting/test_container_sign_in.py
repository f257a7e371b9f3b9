"""The sign-in of CIPP as a container: its setting, the end of its secret and its callbacks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.hosting.container.sign_in import CALLBACK, SignInApp, app_problems, reference_problems, sign_in_app
from sandbox import names
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

NOW = datetime(2026, 9, 16, 12, tzinfo=UTC)
HOSTS = ["cippabc12.azurewebsites.net", "CIPP.contosomsp.com"]


def in_days(*days: float) -> tuple[datetime, ...]:
    return tuple(NOW + timedelta(days=number) for number in days)


ALL = frozenset(host.lower() for host in HOSTS)


@pytest.mark.parametrize(
    ("app", "problems", "notes"),
    [
        (SignInApp(ALL, in_days(400)), [], ["2027-10-21"]),
        (SignInApp(ALL, in_days(-1, 400)), [], ["2027-10-21"]),
        (SignInApp(ALL, in_days(-5, -1)), ["expired on 2026-09-15"], []),
        (SignInApp(ALL, in_days(0)), ["expired on 2026-09-16"], []),
        (SignInApp(ALL, in_days(30)), ["expires on 2026-10-16"], []),
        (SignInApp(ALL, in_days(31)), [], ["2026-10-17"]),
        (SignInApp(ALL, ()), [], []),
        (SignInApp(frozenset(["cippabc12.azurewebsites.net"]), ()), ["cipp.contosomsp.com"], []),
        (SignInApp(frozenset(), in_days(-1)), ["expired", "cippabc12.azurewebsites.net"], []),
    ],
)
def test_end_of_the_secret_and_missing_callbacks_are_problems(
    app: SignInApp, problems: Sequence[str], notes: Sequence[str]
) -> None:
    found = app_problems(app, HOSTS, NOW)
    for lines, texts in zip(found, (problems, notes), strict=True):
        assert len(lines) == len(texts)
        assert all(text in one for text, one in zip(texts, lines, strict=True))


@pytest.mark.parametrize(
    ("status", "is_problem"),
    [("Resolved", False), ("resolved", False), ("Initialized", False), ("", False), ("SecretNotFound", True)],
)
def test_reference_that_is_not_resolved_is_a_problem(status: str, *, is_problem: bool) -> None:
    assert bool(reference_problems({"status": status})) is is_problem


def test_callbacks_are_those_of_app_service() -> None:
    uris = [
        f"https://CIPP.contosomsp.com{CALLBACK}",
        f"http://plain.contosomsp.com{CALLBACK}",
        "https://other.contosomsp.com/other",
        "not an address",
        7,
    ]
    found: dict[str, Any] = {"web": {"redirectUris": uris}, "passwordCredentials": [{"endDateTime": "x"}, {}]}
    assert sign_in_app(found) == SignInApp(frozenset(["cipp.contosomsp.com"]), ())
    assert sign_in_app({"web": None, "passwordCredentials": None}) == SignInApp(frozenset(), ())


def card(api: Api) -> dict[str, Any]:
    (found,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "SignIn"]
    return dict(found)


@pytest.fixture
def container(azure: Sandbox) -> Sandbox:
    azure.reset(propagation_seconds=0, shape="container")
    return azure


def test_card_of_a_working_sign_in_has_the_end_of_its_secret(container: Sandbox) -> None:
    del container
    sign_in_card = card(Api())
    assert (sign_in_card["State"], sign_in_card["Problems"]) == ("On", [])
    assert "expires on" in sign_in_card["Notes"][0]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_app_of_the_sign_in_that_cannot_be_read(container: Sandbox, status: int) -> None:
    path = f"/applications\\(appId='{names.SSO_APP_ID}'\\)"
    container.faults([{"host": "graph.microsoft.com", "path": path, "mode": "refuse", "status": status, "times": 0}])
    sign_in_card = card(Api())
    missing = any("Deleted" in text for text in sign_in_card["Problems"])
    unknown = any("unknown" in text for text in sign_in_card["Notes"])
    assert (missing, unknown) == (status == 404, status != 404)


def test_reference_that_cannot_be_read_is_unknown(container: Sandbox) -> None:
    container.faults(
        [{"path": "/configreferences/appsettings/AUTH_SECRET", "mode": "refuse", "status": 403, "times": 0}]
    )
    sign_in_card = card(Api())
    assert sign_in_card["Problems"] == []
    assert [note for note in sign_in_card["Notes"] if "AUTH_SECRET is unknown" in note]
