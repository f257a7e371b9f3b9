"""Refresh tokens: what the new one must be like, whose tokens are left alone, and how a revoked one is repaired."""

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.rotation.scene import (
    CERTIFICATE,
    ENTRA,
    GRAPH,
    SECRET,
    TOKEN,
    VAULT,
    Scene,
    altered,
    key_of,
    refused,
)
from tests.support.sandbox_client import Sandbox

STRANGER = "11111111-2222-3333-4444-555555555555"


def writes(scene: Scene) -> list[dict[str, object]]:
    return scene.calls(VAULT, "PUT")


def test_token_is_redeemed_verified_stored_and_tagged(scene: Scene) -> None:
    old, tenant = scene.value(TOKEN), scene.tenants()[0]
    for name in (TOKEN, tenant):
        key = scene.report(name)
        assert key["Outcome"] == "rotated"
        served = scene.served(name)
        assert served["tags"]["rotated-by"] == "CIPP Backend"
        assert served["tags"]["follows"] == scene.versions(name)[-2]["version"]
        assert served["contentType"] == "text/plain; refresh token"
        assert key["Expires"] == served["expires"]
        assert key["CurrentSince"] == served["created"]
        assert scene.redeems(name)
    assert scene.value(TOKEN) != old
    assert scene.others.token(grant_type="refresh_token", refresh_token=old, client_secret=scene.value(SECRET)).ok


def test_a_tenants_token_is_redeemed_in_that_tenant(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.report(tenant)
    redemptions = scene.calls(ENTRA, "POST", body="grant_type=refresh_token")
    assert [call["path"].split("/")[1] for call in redemptions] == [tenant, tenant]  # the old one, then the new one


def test_redemptions_use_the_secret_that_the_run_read_at_its_start(scene: Scene) -> None:
    secret = scene.value(SECRET)
    scene.rotate()
    redemptions = scene.calls(ENTRA, "POST", body="grant_type=refresh_token")
    assert len(redemptions) == 4
    assert all(f"client_secret={secret[:3]}" in str(call["request_body"]) for call in redemptions)


@pytest.mark.parametrize(
    ("new_claims", "word"),
    [
        ({"claims": {"tid": STRANGER}}, f"tenant {STRANGER}"),
        ({"claims": {"appid": STRANGER}, "answer": {"id_token": None}}, f"app {STRANGER}"),
        ({"claims": {"oid": STRANGER}}, phrases.ANOTHER_ACCOUNT),
        ({"claims": {"amr": ["pwd"]}}, phrases.LOST_MFA),
        ({"claims": {"amr": None}}, phrases.LOST_MFA),
        ({"answer": {"scope": "https://graph.microsoft.com/.default"}}, phrases.LOST_SCOPES),
    ],
)
def test_new_token_that_is_worse_than_the_old_is_not_stored(
    scene: Scene, new_claims: dict[str, object], word: str
) -> None:
    scene.azure.faults([altered(new_claims, nth=2)])  # what the new one yields; the first call was the old one's
    key = scene.report(TOKEN)
    assert key["Outcome"] == "failed"
    assert word in key["Reason"]
    assert not writes(scene)


def test_mfa_is_not_required_when_the_old_token_had_none(scene: Scene) -> None:
    scene.azure.faults([altered({"claims": {"amr": ["pwd"]}})])
    key = scene.report(TOKEN)
    assert key["Outcome"] == "rotated"
    assert phrases.CANT_BE_READ not in key["Reason"]


@pytest.mark.parametrize("first", [1, 2])  # the old one's cannot be read either, or they can
def test_a_token_whose_claims_cannot_be_read_is_stored_and_reported(scene: Scene, first: int) -> None:
    scene.azure.faults([altered({"opaque": True, "answer": {"id_token": None}}, nth=first)])
    key = scene.report(TOKEN)
    assert key["Outcome"] == "rotated"
    assert phrases.CLAIMS_CANT_BE_READ in key["Reason"]
    assert scene.served(TOKEN)["tags"]["rotated-by"] == "CIPP Backend"


def test_an_opaque_token_is_still_compared_by_its_id_token(scene: Scene) -> None:
    scene.azure.faults([altered({"opaque": True, "claims": {"oid": STRANGER}}, nth=2)])
    assert phrases.ANOTHER_ACCOUNT in scene.report(TOKEN)["Reason"]


def test_fewer_scopes_than_last_week_are_only_reported(scene: Scene) -> None:
    scene.rotate(TOKEN)
    left = "https://graph.microsoft.com/user.read https://graph.microsoft.com/.default"
    scene.azure.faults([altered({"answer": {"scope": left}})])
    rotation = scene.rotate(TOKEN, force=True)
    assert key_of(rotation["Keys"], TOKEN)["Outcome"] == "rotated"
    warnings = [warning for warning in rotation["Warnings"] if phrases.FEWER_SCOPES in warning]
    assert len(warnings) == 1
    assert "directory.readwrite.all" in warnings[0]
    assert "user.read" not in warnings[0]
    assert [row["Severity"] for row in scene.others.rows("CippLogs") if phrases.FEWER_SCOPES in row["Message"]] == [
        "Warning"
    ]


def test_token_of_an_excluded_tenant_is_not_rotated_but_listed(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.others.tenant_row(tenant, excluded=True)
    key = key_of(scene.rotate(tenant, force=True)["Keys"], tenant)
    assert key["Outcome"] == "unchanged"
    assert "Fabrikam" in key["Reason"]
    assert not scene.calls(ENTRA, body="grant_type=refresh_token")
    assert not writes(scene)
    assert key_of(scene.prove(tenant), tenant)["Outcome"] == "skipped"


def test_failure_of_a_tenant_unknown_to_cipp_is_reported_as_one_warning(scene: Scene) -> None:
    unknown = scene.tenants()[0]
    scene.others.tenant_row(STRANGER)
    assert scene.report(unknown)["Outcome"] == "rotated"
    scene.azure.faults([refused(50173, unknown)])
    for _ in range(2):
        assert scene.report(unknown, force=True)["Outcome"] == "failed"
        scene.go(days=2)
    lines = [row for row in scene.others.rows("CippLogs") if "failed" in row["Message"]]
    assert [(line["API"], line["Severity"], line["TenantID"]) for line in lines] == [
        ("Key Rotation", "Warning", unknown)
    ]
    scene.others.tenant_row(unknown)  # now CIPP knows it, and it counts
    assert scene.report(unknown, force=True)["Outcome"] == "failed"
    critical = [row["API"] for row in scene.others.rows("CippLogs") if row["Severity"] == "Critical"]
    assert sorted(critical) == ["Alerts", "Key Rotation"]


def test_every_tenant_is_tried_when_cipps_table_times_out(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    scene.others.tables.delete_table("Tenants")
    scene.azure.faults([refused(50173, tenant)])
    assert scene.report(tenant)["Outcome"] == "failed"
    assert {row["Severity"] for row in scene.others.rows("CippLogs")} == {"Critical"}


def test_a_tenant_id_that_is_a_domain_is_resolved(scene: Scene) -> None:
    scene.others.store("TenantID", names.TENANT_DOMAIN)
    rotation = scene.rotate()
    assert {key["Outcome"] for key in rotation["Keys"]} == {"rotated"}
    assert scene.redeems(TOKEN)
    scene.azure.faults([altered({"claims": {"tid": STRANGER}}, nth=2)])  # it is still compared
    assert f"tenant {STRANGER}, {phrases.NOT_FOR} {names.TENANT_ID}" in scene.report(TOKEN, force=True)["Reason"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ApplicationID", "LongApplicationId"),
        ("TenantID", "tenantId"),
        (SECRET, "AppSecret"),
    ],
)
def test_placeholder_keeps_all_keys_unchanged_without_a_call_to_entra(scene: Scene, name: str, value: str) -> None:
    scene.others.store(name, value)
    before = len(writes(scene))
    for rotation in (scene.rotate(force=True), scene.rotate(dry=True)):
        assert {key["Outcome"] for key in rotation["Keys"]} == {"unchanged"}
        assert all(phrases.NOT_SET_UP in key["Reason"] for key in rotation["Keys"])
    assert {proof["Outcome"] for proof in scene.prove()} == {"skipped"}
    overview = scene.overview()
    assert any(phrases.NOT_SET_UP in note for note in overview["Notes"])
    assert not any(key["Counts"] for key in overview["Keys"])
    assert not scene.calls(ENTRA)
    assert not scene.calls(GRAPH)
    assert len(writes(scene)) == before
    assert not scene.others.rows("CippLogs")


def test_placeholder_for_the_token_does_not_stop_the_other_keys(scene: Scene) -> None:
    scene.others.store(TOKEN, "RefreshToken")
    keys = scene.rotate()["Keys"]
    assert key_of(keys, TOKEN)["Outcome"] == "unchanged"
    assert phrases.NOT_SET_UP in key_of(keys, TOKEN)["Reason"]
    assert key_of(keys, SECRET)["Outcome"] == key_of(keys, CERTIFICATE)["Outcome"] == "rotated"
    assert not scene.calls(ENTRA, path=f"/{names.TENANT_ID}/", body="grant_type=refresh_token")


def test_revoked_token_is_repaired_from_the_newest_valid_earlier_one(scene: Scene) -> None:
    living = scene.served(TOKEN)["version"]
    scene.others.store(TOKEN, "1.AdeadDEADdead")
    assert key_of(scene.prove(TOKEN), TOKEN)["Outcome"] == "dead"
    key = scene.report(TOKEN)  # it is not due, and checked because of the sign-in check
    assert key["Outcome"] == "rotated"
    assert phrases.CANT_SIGN_IN in key["Reason"]
    assert scene.served(TOKEN)["tags"]["healed-from"] == living
    assert scene.redeems(TOKEN)
    assert [version["enabled"] for version in scene.versions(TOKEN)] == [True, True, True]


def test_revoked_token_without_a_valid_earlier_one_is_reported_with_advice(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    key = scene.report(TOKEN)
    assert key["Outcome"] == "failed"
    assert "AADSTS50173" in key["Reason"]
    assert "SAM Wizard" in key["Advice"]
    assert not writes(scene)


def test_a_token_is_due_every_sunday(scene: Scene) -> None:
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go_to(scene.sunday())
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    assert scene.report(TOKEN)["Outcome"] == "unchanged"


def test_token_missing_from_the_vault_is_reported(scene: Scene, azure: Sandbox) -> None:
    scene.others.delete(TOKEN)
    key = key_of(scene.rotate()["Keys"], TOKEN)
    assert key["Outcome"] == "failed"
    assert phrases.SETUP_WIZARD in key["Advice"]
    assert azure.state()["vaults"][names.VAULT]["deleted"]


def test_failed_key_has_advice_on_the_redirect_and_the_next_attempt(scene: Scene) -> None:
    redirect = {"status": 307, "headers": {"Location": "https://elsewhere.example/"}}
    scene.azure.faults([{"host": VAULT, "method": "PUT", "answer": redirect, "times": 0}])
    report = scene.report(TOKEN)
    assert report["Outcome"] == "failed"
    assert "CIPP_CLOUD" in report["Advice"]
    assert "ExecKeyRotation" in report["Advice"]
