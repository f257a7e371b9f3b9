import json

import pytest

from tests.sandbox_client import Sandbox

SECRET_FIELDS = {"version", "value", "enabled", "created", "updated", "expires", "tags", "contentType"}


def test_the_state_shows_one_plausible_cipp(sandbox: Sandbox) -> None:
    state = sandbox.reset()
    assert set(state) == {"now", "vaults", "applications", "sites", "staticSites"}
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


def test_a_reset_answers_the_new_state_and_forgets_calls_faults_and_clock(sandbox: Sandbox) -> None:
    sandbox.faults([{"mode": "refuse", "status": 500, "times": 0}])
    sandbox.web().get("https://graph.microsoft.com/v1.0/x")
    sandbox.advance(1000)
    state = sandbox.reset(direct_tenants=5)
    assert len(state["vaults"]["cippabc12"]["secrets"]) == 4 + 5
    assert sandbox.calls() == []
    assert sandbox.web().get("https://graph.microsoft.com/v1.0/x").status_code == 501
    assert len(sandbox.reset(direct_tenants=0)["vaults"]["cippabc12"]["secrets"]) == 4


@pytest.mark.parametrize(
    ("name", "body", "word"),
    [
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
def test_what_the_control_cannot_read_is_named(sandbox: Sandbox, name: str, body: object, word: str) -> None:
    status, text = sandbox.refused(name, json.dumps(body).encode())
    assert status == 400
    assert word in json.loads(text)["error"]


def test_unreadable_json_is_a_400(sandbox: Sandbox) -> None:
    assert sandbox.refused("reset", b"{")[0] == 400


def test_a_spare_app_signs_in_and_no_vault_names_it(sandbox: Sandbox) -> None:
    state = sandbox.reset(spare_apps=1, propagation_seconds=0)
    secrets = state["vaults"]["cippabc12"]["secrets"]
    (app_id,) = state["applications"].keys() - {secrets["ApplicationID"][0]["value"]}
    app = state["applications"][app_id]
    form = {"client_id": app_id, "client_secret": app["passwordCredentials"][0]["secretText"]}
    form |= {"scope": "https://graph.microsoft.com/.default", "refresh_token": app["refreshToken"]}
    url = f"https://login.microsoftonline.com/{secrets['TenantID'][0]['value']}/oauth2/v2.0/token"
    assert sandbox.web().post(url, data={**form, "grant_type": "refresh_token"}).status_code == 200
    sandbox.reset()


def test_reset_stores_cipps_keys_so_many_days_ago(sandbox: Sandbox) -> None:
    state = sandbox.reset(stored_days=3, now="2026-08-05T12:00:00Z")
    versions = [version for found in state["vaults"]["cippabc12"]["secrets"].values() for version in found]
    assert {version["created"] for version in versions} == {"2026-08-02T12:00:00Z"}
