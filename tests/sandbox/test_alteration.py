"""Changes to Entra's token responses, and refusals with a chosen code."""

import json

import pytest

from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.sign_in import claims_of, sam
from tests.support.sandbox_client import Sandbox

TOKENS = {"host": "login.microsoftonline.com", "body": "grant_type=refresh_token", "times": 0}


def test_entra_refuses_with_the_code_of_the_fault(sandbox: Sandbox) -> None:
    app = sam(sandbox)
    sandbox.faults([{**TOKENS, "mode": "refuse", "status": 400, "aadsts": 53003}])
    answer = app.refresh(app.refresh_token)
    assert answer.status_code == 400
    error = answer.json()
    assert error["error_codes"] == [53003]
    assert error["error_description"].startswith("AADSTS53003: ")
    assert f"Trace ID: {error['trace_id']}" in error["error_description"]


def test_fault_applies_only_to_bodies_with_its_text(sandbox: Sandbox) -> None:
    app = sam(sandbox, propagation_seconds=0)
    sandbox.faults([{**TOKENS, "mode": "refuse", "status": 400, "aadsts": 50173}])
    assert app.sign_in().status_code == 200
    assert app.refresh(app.refresh_token).status_code == 400


def test_token_is_altered(sandbox: Sandbox) -> None:
    app = sam(sandbox)
    alter = {"claims": {"oid": "another", "amr": None}, "answer": {"scope": "x", "id_token": None}}
    sandbox.faults([{**TOKENS, "mode": "alter", "alter": alter}])
    answer = app.refresh(app.refresh_token).json()
    claims = claims_of(answer["access_token"])
    assert claims["oid"] == "another"
    assert claims["appid"] == app.app_id
    assert "amr" not in claims
    assert (answer["scope"], "id_token" in answer) == ("x", False)
    assert app.graph("GET", "/v1.0/organization", token=answer["access_token"]).status_code == 200
    sandbox.faults([{**TOKENS, "mode": "alter", "alter": {"opaque": True}}])
    assert "." not in app.refresh(app.refresh_token).json()["access_token"]


def test_refusal_is_not_altered(sandbox: Sandbox) -> None:
    app = sam(sandbox)
    sandbox.faults([{**TOKENS, "mode": "alter", "alter": {"opaque": True}}])
    assert app.refresh("no token").json()["error"] == "invalid_grant"


@pytest.mark.parametrize("alter", [[], {"x": 1}, {"opaque": 1}, {"claims": []}])
def test_invalid_alteration_is_refused(sandbox: Sandbox, alter: object) -> None:
    status, words = sandbox.refused("faults", json.dumps([{"mode": "alter", "alter": alter}]).encode())
    assert status == 400
    assert "alter" in words


def test_vault_starts_with_the_secrets_of_the_reset(sandbox: Sandbox) -> None:
    state = sandbox.reset(secrets={"SAMCertificate": {"value": "pfx", "managed": True}})
    assert state["vaults"]["cippabc12"]["secrets"]["SAMCertificate"][0]["value"] == "pfx"
    wrong_ones: tuple[object, ...] = (
        [],
        {"a": "b"},
        {"a": {"value": 1}},
        {"a": {"value": "b", "managed": 1}},
        {"a": {"value": "b", "x": 1}},
    )
    for wrong in wrong_ones:
        status, words = sandbox.refused("reset", json.dumps({"secrets": wrong}).encode())
        assert status == 400
        assert "secrets" in words


def test_policy_forbids_certificates(sandbox: Sandbox) -> None:
    app = sam(sandbox)
    one = {"restrictionType": "trustedCertificateAuthority", "state": "enabled"}
    policy = {"isEnabled": True, "applicationRestrictions": {"keyCredentials": [one]}}
    assert app.graph("PATCH", "/v1.0/policies/defaultAppManagementPolicy", policy).status_code == 204
    keys = {"keyCredentials": [Certificate().entry()]}
    answer = app.graph("PATCH", f"/v1.0/applications/{app.object_id}", keys)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "CredentialTypeNotAllowedAsPerAppPolicy")
