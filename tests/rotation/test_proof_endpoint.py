"""ExecKeyProof: it signs in with each key, changes nothing, and reports what a refusal means for the key."""

import pytest

from backend.rotation.reporting.journal import KEYS
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of, moment, refused
from tests.support.sandbox.certificate import Certificate

HERE = (50005, 50053, 50097, 50131, 50158, 53000, 53001, 53002, 53003, 53004, 53009, 530032, 530034)


def test_each_key_signs_in_and_nothing_is_changed(scene: Scene) -> None:
    scene.others.give_certificate(Certificate())
    state, written = scene.azure.state(), len(scene.azure.calls())
    proofs = scene.prove()
    assert [(proof["Name"], proof["Outcome"]) for proof in proofs] == [
        (name, "proven") for name in (TOKEN, scene.tenants()[0], SECRET, CERTIFICATE)
    ]
    after = scene.azure.state()
    assert {name: after[name] for name in after if name != "now"} == {
        name: state[name] for name in state if name != "now"
    }
    called = scene.azure.calls()[written:]
    assert not [call for call in called if call["host"] == GRAPH]
    assert {call["method"] for call in called if call["host"] == VAULT} == {"GET"}
    assert {call["host"] for call in called if call["method"] != "GET"} == {ENTRA}
    assert not scene.others.rows("CippLogs")
    for key in scene.overview()["Keys"]:
        assert moment(key["LastProven"]) <= scene.now()


def test_missing_certificate_is_not_a_failure(scene: Scene) -> None:
    assert key_of(scene.prove(), CERTIFICATE)["Outcome"] == "skipped"


def test_only_the_named_keys_are_checked(scene: Scene) -> None:
    tenant = scene.tenants()[0]
    proofs = scene.prove(TOKEN.lower(), tenant.upper())
    assert [proof["Name"] for proof in proofs] == [TOKEN, tenant]  # as the vault spells them


@pytest.mark.each_value
@pytest.mark.parametrize("endpoint", ["ExecKeyProof", "ExecKeyRotation"])
@pytest.mark.parametrize(
    ("requested", "status", "word"),
    [
        (["NoSuchSecret"], 404, "NoSuchSecret"),
        ([TOKEN, "11111111-2222-3333-4444-555555555555"], 404, "11111111"),
        (["ApplicationID"], 400, phrases.NOT_ROTATED_EVER),
        (["tenantid"], 400, phrases.NOT_ROTATED_EVER),
        (["HIBP"], 400, "not a key"),
        ([], 400, "empty"),
    ],
)
def test_name_of_another_secret_is_refused_without_a_sign_in(
    scene: Scene, endpoint: str, requested: list[str], status: int, word: str
) -> None:
    scene.others.store("HIBP", "an api key")
    answer = Api().post(endpoint, {"Names": requested})
    assert answer.status == status
    assert word in answer.results
    assert not scene.calls(ENTRA)


def test_readers_can_check_keys_and_only_writers_can_rotate(scene: Scene) -> None:
    del scene
    assert Api().post("ExecKeyProof", {"Names": [TOKEN]}, role="admin").status == 200
    assert Api().post("ExecKeyProof", {"Names": [TOKEN]}, role="readonly").status == 403
    assert Api().post("ExecKeyRotation", {"DryRun": True}, role="readonly").status == 403
    assert Api().get("ExecKeyProof").status == 405


@pytest.mark.parametrize("code", [700082, 50173, 70008, 70043])
def test_final_refusal_by_entra_marks_the_key_as_revoked(scene: Scene, code: int) -> None:
    scene.azure.faults([refused(code)])
    proof = key_of(scene.prove(TOKEN), TOKEN)
    assert proof["Outcome"] == "dead"
    assert f"AADSTS{code}" in proof["Reason"]
    assert proof["Advice"]


@pytest.mark.parametrize("code", [50076, 65001, 7000112, 999999])
def test_refusal_for_another_reason_leaves_the_key_unknown(scene: Scene, code: int) -> None:
    scene.azure.faults([refused(code)])
    proof = key_of(scene.prove(TOKEN), TOKEN)
    assert proof["Outcome"] == "unproven"
    assert f"AADSTS{code}" in proof["Reason"]
    assert proof["Advice"]


@pytest.mark.parametrize("code", [7000215, 7000222, 700027])
def test_refusal_of_the_client_secret_does_not_mark_a_token_as_revoked(scene: Scene, code: int) -> None:
    tenant = scene.tenants()[0]
    scene.azure.faults([refused(code, tenant, status=401)])
    assert key_of(scene.prove(tenant), tenant)["Outcome"] == "unproven"
    assert key_of(scene.rotate(tenant)["Keys"], tenant)["Reason"].startswith(f"The key {phrases.KEY_MIGHT_BE_VALID}")


@pytest.mark.parametrize("code", HERE)
def test_refusal_by_address_device_or_risk_is_unknown_with_addresses_to_compare(scene: Scene, code: int) -> None:
    scene.azure.faults([refused(code)])
    proof = key_of(scene.prove(TOKEN), TOKEN)
    assert proof["Outcome"] == "unproven"
    advice = proof["Advice"]
    assert phrases.NOT_TO_CIPP in advice
    for site in (names.MAIN_SITE, names.BACKEND_SITE):
        assert f"{phrases.ADDRESSES_OF} '{site}': " in advice
    assert advice.count(".") > 8  # IP addresses


def test_rotation_leaves_a_key_alone_when_its_address_is_refused(scene: Scene) -> None:
    scene.azure.faults([refused(53003)])
    key = scene.report(TOKEN)
    assert key["Outcome"] == "failed"
    assert key["Reason"].startswith(f"The key {phrases.KEY_MIGHT_BE_VALID}")
    assert f"{phrases.ADDRESSES_OF} '{names.BACKEND_SITE}': " in key["Advice"]
    assert not scene.calls(VAULT, "PUT")
    assert phrases.CIPP_FAILS not in scene.overview()["Sentence"]


def test_every_key_has_the_reason_when_the_app_is_refused_by_address(scene: Scene) -> None:
    blocked = {"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 53003, "times": 0}
    scene.azure.faults([blocked])
    for key in scene.rotate()["Keys"]:
        assert key["Outcome"] == "failed"
        assert f"{phrases.ADDRESSES_OF} '{names.MAIN_SITE}': " in key["Advice"]
    assert {proof["Outcome"] for proof in scene.prove()} == {"unproven"}


def test_unknown_addresses_do_not_hide_a_refusal(scene: Scene) -> None:
    unknown = {"host": "management.azure.com", "path": "/sites", "mode": "refuse", "status": 403, "times": 0}
    scene.azure.faults([refused(53003), unknown])
    proof = key_of(scene.prove(TOKEN), TOKEN)
    assert proof["Outcome"] == "unproven"
    assert "AADSTS53003" in proof["Reason"]
    assert phrases.ADDRESSES_UNKNOWN in proof["Advice"]


def test_other_keys_are_checked_with_the_certificate_when_the_secret_is_revoked(scene: Scene) -> None:
    scene.others.give_certificate(Certificate())
    scene.others.store(SECRET, "dead")
    assert key_of(scene.prove(SECRET), SECRET)["Outcome"] == "unproven"  # it is too new to count as revoked
    scene.go(minutes=6)
    outcomes = {proof["Name"]: proof["Outcome"] for proof in scene.prove()}
    assert outcomes == {TOKEN: "proven", scene.tenants()[0]: "proven", SECRET: "dead", CERTIFICATE: "proven"}


def test_only_the_client_secret_is_revoked_when_no_credential_can_sign_in(scene: Scene) -> None:
    """It shows nothing of the tokens, neither in the result nor in what is remembered."""
    scene.go(minutes=10)
    unknown = {"host": ENTRA, "body": "client_credentials", "mode": "refuse", "status": 401, "aadsts": 7000215}
    scene.azure.faults([{**unknown, "times": 0}])
    outcomes = {proof["Name"]: proof["Outcome"] for proof in scene.prove()}
    assert {name for name, outcome in outcomes.items() if outcome == "dead"} == {SECRET}
    assert outcomes[TOKEN] == "unproven"
    assert [row["RowKey"] for row in scene.others.rows(KEYS) if "dead_since" in row] == [SECRET.lower()]


def test_no_key_is_reported_as_revoked_when_entra_times_out(scene: Scene) -> None:
    scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 503, "retry_after": 600, "times": 0}])
    assert {proof["Outcome"] for proof in scene.prove(TOKEN, SECRET)} == {"unproven"}
