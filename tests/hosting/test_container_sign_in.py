"""The sign-in of CIPP as a container: its setting, its secret, its setup and its callbacks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.hosting.container.sign_in.problems import (
    CALLBACK,
    ReferenceState,
    SignInApp,
    StoredSecret,
    callback_problems,
    reference_problems,
    secret_problems,
    setup_problems,
    sign_in_app,
    uses_secret,
)
from backend.sam_app.client_secret import UNKNOWN_END, ClientSecret
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.planted import MARKER
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

NOW = datetime(2026, 9, 16, 12, tzinfo=UTC)
STORED = StoredSecret("V2", NOW, "abc")
HOSTS = ["cippabc12.azurewebsites.net", "CIPP.contosomsp.com"]
ALL = frozenset(host.lower() for host in HOSTS)


def secret(days: float, hint: str | None = "abc", *, made: float = -400) -> ClientSecret:
    """Return a secret that expires in so many days."""
    return ClientSecret(
        f"{days}{hint}", "CIPP-SSO-Secret", hint, NOW + timedelta(days=made), NOW + timedelta(days=days)
    )


UNKNOWN = ClientSecret("unknown", "", "abc", NOW - timedelta(days=1), UNKNOWN_END)


@pytest.mark.parametrize(
    ("stored", "secrets", "problem", "note"),
    [
        (STORED, [secret(400)], "", "2027-10-21"),
        (STORED, [secret(30)], "on 2026-10-16", ""),
        (STORED, [secret(31)], "", "2026-10-17"),
        (STORED, [secret(0)], "expired on 2026-09-16", ""),
        (STORED, [secret(-1), secret(400, "xyz")], "expired on 2026-09-15", ""),  # a newer one is not in the vault
        (STORED, [secret(400), secret(-1, "xyz")], "", "2027-10-21"),
        (STORED, [secret(400), secret(10, made=1)], "", "2027-10-21"),  # made after it was stored
        (STORED, [secret(400), secret(10)], "2026-09-26 at the earliest", ""),  # with the same hint
        (STORED, [secret(400, "xyz")], "AADSTS7000215", ""),
        (STORED, [], "AADSTS7000215", ""),
        (STORED, [UNKNOWN], "", "unknown"),
        (None, [secret(400), secret(10, "xyz")], "2026-09-26 at the earliest", ""),
        (None, [secret(-5), secret(-1, "xyz")], "expired on 2026-09-15", ""),
        (None, [secret(400, None)], "", "2027-10-21"),
        (None, [], "", ""),
    ],
)
def test_expiry_is_that_of_the_secret_in_the_vault(
    stored: StoredSecret | None, secrets: Sequence[ClientSecret], problem: str, note: str
) -> None:
    for found, text in zip(secret_problems(stored, secrets, NOW), (problem, note), strict=True):
        assert len(found) == (1 if text else 0)
        assert all(text in one for one in found)


@pytest.mark.parametrize("days", [-1, 10, 400])
def test_expiry_names_how_the_secret_is_renewed(days: float) -> None:
    (text,) = [*secret_problems(STORED, [secret(days)], NOW)[0], *secret_problems(STORED, [secret(days)], NOW)[1]]
    assert {-1: "ExecBackendSignInRepair", 10: "ExecKeyRotation", 400: "ENABLE_ROTATION"}[int(days)] in text


def test_hosts_without_a_callback_are_a_problem() -> None:
    assert callback_problems(SignInApp(ALL, ()), HOSTS) == ([], [])
    (problem,), notes = callback_problems(SignInApp(frozenset(["cippabc12.azurewebsites.net"]), ()), HOSTS)
    assert "cipp.contosomsp.com" in problem
    assert notes == []


@pytest.mark.parametrize(
    ("reference", "problems", "notes"),
    [
        ({"status": "Resolved"}, 0, 0),
        ({"status": "resolved", "activeVersion": "v2"}, 0, 0),
        ({"status": "Resolved", "activeVersion": "v1"}, 0, 1),  # an update that App Service has not read yet
        ({"status": "Initialized"}, 0, 0),
        ({}, 0, 0),
        ({"status": "SecretNotFound", "activeVersion": "v1"}, 1, 0),
    ],
)
def test_reference_is_resolved_and_of_the_newest_version(reference: dict[str, str], problems: int, notes: int) -> None:
    state = ReferenceState.of(reference)
    assert [len(found) for found in reference_problems(state, STORED)] == [problems, notes]
    assert [len(found) for found in reference_problems(state, None)] == [problems, 0]


CLIENT = names.SSO_APP_ID
ROW = {"AppId": CLIENT.upper(), "Status": "complete", "LastError": ""}


@pytest.mark.parametrize(
    ("row", "problem", "note"),
    [
        (ROW, "", ""),
        ({}, "", ""),
        ({**ROW, "Status": "error"}, "failed", ""),
        ({**ROW, "LastError": "AADSTS90013"}, "AADSTS90013", ""),
        ({**ROW, "Status": "secrets_stored"}, "", "secrets_stored"),
        ({**ROW, "Status": 7}, "", ""),
        ({**ROW, "AppId": "another", "Status": "error"}, "", ""),
    ],
)
def test_setup_row_counts_only_for_the_app_that_signs_in(row: dict[str, object], problem: str, note: str) -> None:
    for found, text in zip(setup_problems(row, CLIENT), (problem, note), strict=True):
        assert len(found) == (1 if text else 0)
        assert all(text in one for one in found)


@pytest.mark.parametrize(("name", "uses"), [("AUTH_SECRET", True), ("", False), (None, False)])
def test_sign_in_without_a_setting_uses_no_secret(name: str | None, *, uses: bool) -> None:
    registration = {"clientSecretSettingName": name}
    assert uses_secret({"identityProviders": {"azureActiveDirectory": {"registration": registration}}}) is uses


def test_callbacks_are_those_of_app_service() -> None:
    uris = [
        f"https://CIPP.contosomsp.com{CALLBACK}",
        f"http://plain.contosomsp.com{CALLBACK}",
        "https://other.contosomsp.com/other",
        "not an address",
        7,
    ]
    found: dict[str, Any] = {"web": {"redirectUris": uris}, "passwordCredentials": [{"endDateTime": "x"}, 7]}
    app = sign_in_app(found)
    assert app.callback_hosts == frozenset(["cipp.contosomsp.com"])
    assert [secret.ends for secret in app.secrets] == [UNKNOWN_END]
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
    assert phrases.EXPIRES_ON in sign_in_card["Notes"][0]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_app_of_the_sign_in_that_cannot_be_read(container: Sandbox, status: int) -> None:
    path = f"/applications\\(appId='{names.SSO_APP_ID}'\\)"
    container.faults([{"host": "graph.microsoft.com", "path": path, "mode": "refuse", "status": status, "times": 0}])
    sign_in_card = card(Api())
    missing = any("Deleted" in text for text in sign_in_card["Problems"])
    unknown = any("unknown" in text for text in sign_in_card["Notes"])
    assert (missing, unknown) == (status == 404, status != 404)


def test_secret_in_the_vault_but_not_on_the_app_is_a_problem(container: Sandbox) -> None:
    Others(container).store("SSOAppSecret", "~~~ not of the app")
    assert [problem for problem in card(Api())["Problems"] if "AADSTS7000215" in problem]


@pytest.mark.parametrize("status", [403, 503])
def test_secret_that_cannot_be_read_is_unknown(container: Sandbox, status: int) -> None:
    path = "/secrets/SSOAppSecret"
    container.faults([{"host": "*.vault.azure.net", "path": path, "mode": "refuse", "status": status, "times": 0}])
    shown = card(Api())
    assert shown["Problems"] == []
    assert [note for note in shown["Notes"] if f"SSOAppSecret {phrases.CANT_BE_READ}" in note]


def setup_row(azure: Sandbox, **columns: str) -> None:
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        table = tables.get_table_client("SSOMigration")
        table.upsert_entity({"PartitionKey": "SSO", "RowKey": "MigrationConfig", **columns})


def test_failed_setup_of_the_sign_in_is_a_problem_without_secrets(container: Sandbox) -> None:
    setup_row(container, AppId=names.SSO_APP_ID, Status="error", LastError=f"client_secret={MARKER} is refused")
    shown = card(Api())
    assert [problem for problem in shown["Problems"] if phrases.SSO_PAGE in problem]
    assert MARKER not in str(shown)


def test_setup_of_the_sign_in_that_cannot_be_read_is_unknown(container: Sandbox) -> None:
    container.faults([{"host": "127.0.0.1", "path": "SSOMigration", "mode": "refuse", "status": 403, "times": 0}])
    shown = card(Api())
    container.faults([])
    assert shown["Problems"] == []
    assert [note for note in shown["Notes"] if phrases.SIGN_IN_SETUP_UNKNOWN in note]


def test_reference_that_cannot_be_read_is_unknown(container: Sandbox) -> None:
    container.faults(
        [{"path": "/configreferences/appsettings/AUTH_SECRET", "mode": "refuse", "status": 403, "times": 0}]
    )
    sign_in_card = card(Api())
    assert sign_in_card["Problems"] == []
    assert [note for note in sign_in_card["Notes"] if f"AUTH_SECRET {phrases.IS_UNKNOWN}" in note]


AUTH = "/config/authsettingsV2"


def edit_sign_in(azure: Sandbox, *edit: list[object]) -> None:
    azure.faults([{"method": "GET", "path": f"/sites/{names.MAIN_SITE}{AUTH}", "edit": list(edit), "times": 0}])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("properties.platform.enabled", False),
        ("properties.identityProviders.azureActiveDirectory.registration.clientId", ""),
        ("properties.identityProviders", None),
    ],
)
def test_sign_in_that_is_off_is_critical_and_comes_first(container: Sandbox, place: str, value: object) -> None:
    edit_sign_in(container, [place, value])
    first, *others = Api().get("ListBackend").results["Cards"]
    assert (first["Kind"], first["State"]) == ("SignIn", "Critical")
    assert "access-restriction" in first["Problems"][0]
    assert not [card for card in others if "access-restriction" in str(card["Problems"])]


def test_sign_in_that_is_off_is_critical_while_the_vault_hangs(container: Sandbox) -> None:
    hang = {"host": "*.vault.azure.net", "path": "/secrets/SSOAppId", "mode": "hang", "times": 0}
    edit = {"method": "GET", "path": AUTH, "edit": [["properties.platform.enabled", False]], "times": 0}
    container.faults([hang, edit])
    first, *others = Api().get("ListBackend").results["Cards"]
    container.faults([])
    assert (first["Kind"], first["State"]) == ("SignIn", "Critical")
    (app,) = [card for card in others if card["Kind"] == "WebApp"]
    assert [note for note in app["Notes"] if "migration" in note]


def test_sign_in_that_azure_does_not_show_is_unknown(container: Sandbox) -> None:
    edit_sign_in(container, ["properties", {}])
    shown = card(Api())
    assert (shown["State"], len(shown["Problems"])) == ("Unknown", 1)


@pytest.mark.parametrize("status", [403, 503])
def test_sign_in_that_can_not_be_read_is_unknown(container: Sandbox, status: int) -> None:
    container.faults([{"method": "GET", "path": AUTH, "mode": "refuse", "status": status, "times": 0}])
    shown = card(Api())
    assert shown["State"] == "Unknown"
    assert shown["Problems"]


def test_client_id_that_is_not_a_guid_is_a_problem(container: Sandbox) -> None:
    edit_sign_in(container, ["properties.identityProviders.azureActiveDirectory.registration.clientId", "cipp-sso"])
    shown = card(Api())
    assert shown["State"] == "Problem"
    assert [problem for problem in shown["Problems"] if "GUID" in problem]
