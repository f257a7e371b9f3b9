import json

import pytest

from tests.support.sandbox.sign_in import sam
from tests.support.sandbox_client import Sandbox

SECRET_FIELDS = {"version", "value", "enabled", "created", "updated", "expires", "tags", "contentType"}


def test_state_shows_one_plausible_cipp(sandbox: Sandbox) -> None:
    state = sandbox.reset()
    parts = {"now", "vaults", "applications", "sites", "staticSites", "registry", "cipp", "certificates"}
    assert set(state) == parts | {"resources", "locks", "deployments"}
    vault = state["vaults"]["cippabc12"]
    assert vault["deleted"] == {}
    assert {"ApplicationID", "ApplicationSecret", "TenantID", "RefreshToken"} < set(vault["secrets"])
    assert len(vault["secrets"]) == 7
    assert all(set(version) == SECRET_FIELDS for (version,) in vault["secrets"].values())
    (app,) = state["applications"].values()
    assert set(app) == {"id", "displayName", "passwordCredentials", "keyCredentials"}
    (password,) = app["passwordCredentials"]
    assert password["secretText"] == vault["secrets"]["ApplicationSecret"][0]["value"]
    assert set(state["sites"]) == {"cippabc12", "cippabc12-proc", "cippabc12-backend"}
    assert set(state["staticSites"]) == {"cipp-swa-abc12"}


def test_reset_returns_the_new_state_and_clears_calls_faults_and_clock(sandbox: Sandbox) -> None:
    sandbox.faults([{"mode": "refuse", "status": 500, "times": 0}])
    sandbox.web().get("https://graph.microsoft.com/v1.0/x")
    sandbox.advance(1000)
    state = sandbox.reset(direct_tenants=5)
    assert len(state["vaults"]["cippabc12"]["secrets"]) == 4 + 5
    assert sandbox.calls() == []
    assert sandbox.web().get("https://graph.microsoft.com/v1.0/x").status_code == 501
    assert len(sandbox.reset(direct_tenants=0)["vaults"]["cippabc12"]["secrets"]) == 4


def test_credentials_of_a_restored_state_can_sign_in(sandbox: Sandbox) -> None:
    options = {"direct_tenants": 1, "propagation_seconds": 0}
    app = sam(sandbox, **options)
    (tenant,) = app.direct
    app.graph("POST", f"/v1.0/applications/{app.object_id}/addPassword", {})
    shown = sandbox.state()
    assert sandbox.reset(now=shown["now"], **options) != shown
    assert not app.sign_in().ok
    parts = {part: shown[part] for part in ("vaults", "applications")}
    restored = sandbox.control("POST", "state", parts)
    assert {part: restored[part] for part in parts} == parts
    assert app.sign_in().ok
    assert app.refresh(app.refresh_token).ok
    assert app.refresh(app.direct[tenant], tenant).ok
    assert not app.refresh(app.refresh_token, tenant).ok


def test_refused_state_changes_nothing(sandbox: Sandbox) -> None:
    state = sandbox.reset()
    parts = {part: state[part] for part in ("vaults", "applications")}
    parts["applications"] = {"no-such-app": next(iter(state["applications"].values()))}
    parts["vaults"]["cippabc12"]["secrets"] = {}
    status, text = sandbox.refused("state", json.dumps(parts).encode())
    assert (status, "no-such-app" in text) == (400, True)
    assert len(sandbox.state()["vaults"]["cippabc12"]["secrets"]) == 7


@pytest.mark.parametrize(
    ("name", "body", "word"),
    [
        ("state", {}, "applications"),
        ("state", {"vaults": {"cippabc12": {"secrets": {}, "deleted": {"X": []}}}, "applications": {}}, "deleted"),
        ("reset", {"tenants": 3}, "tenants"),
        ("reset", {"direct_tenants": "3"}, "direct_tenants"),
        ("reset", {"direct_tenants": -1}, "direct_tenants"),
        ("reset", {"latency_seconds": 3}, "latency_seconds"),
        ("reset", {"latency_seconds": {"vault": "x"}}, "latency_seconds"),
        ("reset", [], "object"),
        ("faults", {}, "list"),
        ("faults", ["x"], "object"),
        ("faults", [{"mode": "explode"}], "mode"),
        ("faults", [{"mode": "refuse"}], "status"),
        ("faults", [{"mode": "hang", "verb": "GET"}], "verb"),
        ("faults", [{"mode": "hang", "path": "("}], "path"),
        ("faults", [{"mode": "hang", "nth": "1"}], "nth"),
        ("faults", [{"mode": "hang"}, {"mode": "hang", "times": -1}], "Fault 2"),
        ("clock", {}, "advance_seconds"),
        ("clock", {"advance_seconds": -1}, "advance_seconds"),
        ("clock", {"advance_seconds": 1e300}, "advance_seconds"),
    ],
)
def test_error_of_the_control_address_names_the_invalid_field(
    sandbox: Sandbox, name: str, body: object, word: str
) -> None:
    status, text = sandbox.refused(name, json.dumps(body).encode())
    assert status == 400
    assert word in json.loads(text)["error"]


def test_invalid_json_returns_400(sandbox: Sandbox) -> None:
    assert sandbox.refused("reset", b"{")[0] == 400


def test_spare_app_can_sign_in_and_is_in_no_vault(sandbox: Sandbox) -> None:
    state = sandbox.reset(spare_apps=1, propagation_seconds=0)
    secrets = state["vaults"]["cippabc12"]["secrets"]
    (app_id,) = state["applications"].keys() - {secrets["ApplicationID"][0]["value"]}
    app = state["applications"][app_id]
    form = {"client_id": app_id, "client_secret": app["passwordCredentials"][0]["secretText"]}
    form |= {"scope": "https://graph.microsoft.com/.default", "refresh_token": app["refreshToken"]}
    url = f"https://login.microsoftonline.com/{secrets['TenantID'][0]['value']}/oauth2/v2.0/token"
    assert sandbox.web().post(url, data={**form, "grant_type": "refresh_token"}).status_code == 200
    sandbox.reset()


def test_reset_sets_the_age_of_cipps_keys(sandbox: Sandbox) -> None:
    state = sandbox.reset(stored_days=3, now="2026-08-05T12:00:00Z")
    versions = [version for found in state["vaults"]["cippabc12"]["secrets"].values() for version in found]
    assert {version["created"] for version in versions} == {"2026-08-02T12:00:00Z"}
