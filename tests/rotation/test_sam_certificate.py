"""The SAM app's certificate: when it is made, how it reaches the app, what is stored, and what is left alone."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox import names
from tests.support import phrases
from tests.support.rotation.pfx import opened, pfx, thumbprint
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, VAULT, Scene, key_of
from tests.support.sandbox.certificate import Certificate

ONE = Certificate()
OTHER = Certificate()


def on_app(scene: Scene) -> set[str]:
    """Return the thumbprints of the certificates on the app."""
    return {one["customKeyIdentifier"] for one in scene.certificates_on_app()}


def served(scene: Scene) -> x509.Certificate:
    return opened(scene.value(CERTIFICATE))[1]


def sent_to_graph(scene: Scene) -> list[Any]:
    """Return the bodies of all writes to Graph."""
    return [call["request_body"] or "" for call in scene.calls(GRAPH) if call["method"] != "GET"]


def test_missing_certificate_is_created_and_stored_in_cipps_own_form(scene: Scene) -> None:
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated"
    stored = scene.served(CERTIFICATE)
    private, made = opened(stored["value"])
    assert private.key_size == 2048
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
    assert made.subject.rfc4514_string() == made.issuer.rfc4514_string() == f"CN=CIPP-SAM-{names.MAIN_SITE}"
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=365)
    assert timedelta(minutes=14) < scene.now() - made.not_valid_before_utc < timedelta(minutes=16)
    assert stored["contentType"] == "application/x-pkcs12"
    assert stored["tags"]["credential-id"] == thumbprint(made)
    assert stored["tags"]["rotated-by"] == "CIPP Backend"
    assert stored["expires"] == key["Expires"] == made.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert on_app(scene) == {thumbprint(made)}
    assert scene.certificate_signs_in()


@pytest.mark.usefixtures("three_sign_in_checks")
def test_certificate_is_verified_by_a_client_assertion_before_it_is_stored(scene: Scene) -> None:
    scene.report(CERTIFICATE)
    calls = scene.azure.calls()
    stored = next(i for i, call in enumerate(calls) if call["method"] == "PUT" and call["host"] == VAULT)
    proofs = [c for c in calls[:stored] if c["host"] == ENTRA and "client_assertion=" in (c["request_body"] or "")]
    assert [proof["status"] for proof in proofs] == [200, 200, 200]


def test_only_public_parts_reach_graph(scene: Scene) -> None:
    scene.rotate(CERTIFICATE)  # by PATCH
    scene.rotate(CERTIFICATE, force=True)  # by addKey
    for version in scene.versions(CERTIFICATE):
        private = opened(version["value"])[0].private_numbers()
        secret_part = base64.b64encode(private.p.to_bytes(128, "big")).decode()[8:60]
        for body in sent_to_graph(scene):
            assert secret_part not in body
            assert version["value"][100:160] not in body


def test_certificate_is_added_without_touching_others_when_the_current_one_is_valid(
    scene: Scene,
) -> None:
    scene.others.give_certificate(Certificate(days=40))
    scene.others.add_certificate(OTHER)
    before = scene.certificates_on_app()
    patched = len(scene.calls(GRAPH, "PATCH"))
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated"
    assert phrases.EXPIRES_SOON in key["Reason"]
    (added,) = scene.calls(GRAPH, "POST", "/addKey")
    assert added["status"] == 200
    assert '"proof"' in added["request_body"]
    assert len(scene.calls(GRAPH, "PATCH")) == patched
    assert scene.certificates_on_app()[:2] == before
    assert thumbprint(served(scene)) in on_app(scene)
    assert scene.certificate_signs_in()


def test_certificate_is_added_by_list_when_none_is_valid(scene: Scene) -> None:
    scene.others.add_certificate(OTHER)
    before = scene.certificates_on_app()
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert not scene.calls(GRAPH, "POST", "/addKey")
    after = scene.certificates_on_app()
    assert after[:1] == before
    assert len(after) == 2


@pytest.mark.parametrize(("days", "outcome"), [(46, "unchanged"), (45, "planned")])
def test_certificate_is_due_when_it_expires_within_45_days(scene: Scene, days: int, outcome: str) -> None:
    scene.others.give_certificate(Certificate(days=days))
    assert scene.report(CERTIFICATE, dry=True)["Outcome"] == outcome


def test_certificate_that_is_not_on_the_app_is_replaced(scene: Scene) -> None:
    scene.others.give_certificate(ONE, on_app=False)
    young = scene.report(CERTIFICATE)
    assert (young["Outcome"], "Not verified yet." in young["Reason"]) == ("unchanged", True)
    scene.go(minutes=6)
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated"
    assert phrases.CANT_SIGN_IN in key["Reason"]
    assert scene.certificate_signs_in()


def test_certificate_is_renewed_when_its_entry_on_the_app_expires_sooner(scene: Scene) -> None:
    soon = (scene.now() + timedelta(days=20)).isoformat()
    scene.others.patch_app(keyCredentials=[{**ONE.entry(), "endDateTime": soon}])
    scene.others.give_certificate(ONE, on_app=False)
    key = scene.report(CERTIFICATE, dry=True)
    assert key["Outcome"] == "planned"
    assert key["Expires"] < (scene.now() + timedelta(days=21)).isoformat()


def test_value_that_is_not_a_certificate_is_replaced(scene: Scene) -> None:
    scene.others.store(CERTIFICATE, "no certificate")
    assert phrases.CANT_BE_READ in scene.report(CERTIFICATE)["Reason"]
    assert scene.certificate_signs_in()


def test_certificate_made_by_cipp_is_adopted_and_stays_on_the_app(scene: Scene) -> None:
    scene.others.give_certificate(ONE)
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "unchanged"
    assert key["Expires"] == ONE.x509.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert scene.report(CERTIFICATE, force=True)["Outcome"] == "rotated"
    assert thumbprint(ONE.x509) in on_app(scene)
    assert any(thumbprint(ONE.x509) in line for line in scene.overview()["NotRotated"])


def test_revoked_certificate_is_replaced_with_the_secret(scene: Scene) -> None:
    scene.others.give_certificate(ONE)
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "proven"
    scene.others.patch_app(keyCredentials=[])
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "unproven"  # it is too new to count as revoked
    scene.go(minutes=6)
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "dead"
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert scene.certificate_signs_in()


def test_certificate_is_checked_again_after_a_failed_sign_in_check(scene: Scene) -> None:
    scene.others.give_certificate(ONE)
    scene.go(minutes=6)
    refusal = {
        "host": ENTRA,
        "body": "client_assertion=",
        "times": 2,
        "mode": "refuse",
        "status": 401,
        "aadsts": 700027,
    }
    scene.azure.faults([refusal])
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "dead"
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated"
    assert phrases.CANT_SIGN_IN in key["Reason"]


def managed(scene: Scene, certificate: Certificate, *, on_app: bool = True) -> None:
    """Let the vault hold a certificate of its own under the name."""
    scene.azure.reset(
        propagation_seconds=0,
        direct_tenants=0,
        secrets={CERTIFICATE: {"value": pfx(certificate), "managed": True}},
    )
    if on_app:
        scene.others.add_certificate(certificate)


@pytest.mark.parametrize(("days", "is_on_app"), [(40, True), (365, False)])
def test_vault_managed_certificate_is_reported_with_the_command_and_not_replaced(
    scene: Scene, days: int, is_on_app: bool
) -> None:
    managed(scene, Certificate(days=days), on_app=is_on_app)
    before, written = scene.certificates_on_app(), len(sent_to_graph(scene))
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "failed"
    assert "Key Vault certificate" in key["Reason"]
    assert f"az keyvault set-policy --name {names.VAULT}" in key["Advice"]
    assert "--certificate-permissions" in key["Advice"]
    assert scene.certificates_on_app() == before
    assert len(sent_to_graph(scene)) == written
    assert not scene.calls(VAULT, "PUT")


def test_vault_managed_certificate_is_left_while_it_is_not_due(scene: Scene) -> None:
    managed(scene, ONE)
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "unchanged"
    assert "Key Vault certificate" in key["Reason"]


def test_lifetime_of_a_policy_minus_an_hour_overrides_a_year(scene: Scene) -> None:
    scene.others.restrict("keyCredentials", restrictionType="asymmetricKeyLifetime", maxLifetime="P90D")
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    made = served(scene)
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=90) - timedelta(hours=1)


def test_blocking_policy_rule_is_reported_with_the_command_that_lifts_it(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    scene.others.restrict("keyCredentials", restrictionType="trustedCertificateAuthority", maxLifetime=None)
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "failed"
    assert "trustedCertificateAuthority" in key["Advice"]
    assert "az rest --method POST" in key["Advice"]
    assert not scene.certificates_on_app()
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"


def test_soft_deleted_certificate_is_recovered_before_it_is_written(scene: Scene) -> None:
    scene.others.give_certificate(Certificate(days=10))
    scene.go(minutes=1)
    scene.others.delete(CERTIFICATE)
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    assert len(scene.versions(CERTIFICATE)) == 2
    assert scene.certificate_signs_in()


def test_certificate_signs_in_when_the_secret_is_missing(scene: Scene) -> None:
    scene.rotate(CERTIFICATE)
    scene.others.delete(SECRET)
    assert key_of(scene.prove(CERTIFICATE), CERTIFICATE)["Outcome"] == "proven"
