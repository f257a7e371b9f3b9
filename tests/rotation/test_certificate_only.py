"""CIPP in certificate-only mode: no client secret is created, and the certificate is the vital key."""

from datetime import timedelta

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.admin import Admin
from tests.support.rotation.pfx import pfx
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, Scene, key_of, moment
from tests.support.sandbox.certificate import Certificate

TABLES_HOST = f"{names.STORAGE_ACCOUNT}.table.core.windows.net"
FLAG = ("FeatureFlags", "FeatureFlag", "CertificateAuthentication")
UNREADABLE = {"host": "127.0.0.1", "path": "FeatureFlags", "mode": "refuse", "status": 403, "times": 0}
BLOCKS = {"restrictionType": "passwordAddition", "maxLifetime": None}


@pytest.fixture
def mode(scene: Scene) -> Scene:
    """The seeded CIPP with a certificate by CIPP, and certificate-only mode on."""
    scene.others.give_certificate(Certificate())
    scene.others.row(*FLAG, Enabled=True)
    return scene


def added_secrets(scene: Scene) -> list[object]:
    return [*scene.calls(GRAPH, "POST", "/addPassword")]


def sign_ins(scene: Scene, with_: str) -> list[object]:
    """Return the requests to Entra with a certificate (`client_assertion`) or with a client secret."""
    return [*scene.calls(ENTRA, "POST", body=with_)]


def test_secret_is_kept_as_a_fallback_and_checked(mode: Scene) -> None:
    keys = mode.rotate()["Keys"]
    secret = key_of(keys, SECRET)
    assert secret["Outcome"] == "unchanged"
    assert f"It {phrases.CAN_SIGN_IN}" in secret["Reason"]
    assert {key_of(keys, name)["Outcome"] for name in (TOKEN, *mode.tenants())} == {"rotated"}
    assert phrases.ONLY_CERTIFICATES in mode.report(SECRET, force=True)["Reason"]
    assert not added_secrets(mode)
    assert len(mode.versions(SECRET)) == 1
    assert mode.redeems(TOKEN)
    assert {proof["Outcome"] for proof in mode.prove()} == {"proven"}


def test_certificate_signs_in_first(mode: Scene) -> None:
    before = len(sign_ins(mode, "client_secret"))  # by others
    mode.rotate(TOKEN)
    assert sign_ins(mode, "client_assertion")
    assert len(sign_ins(mode, "client_secret")) == before


@pytest.mark.parametrize("enabled", ["true", "True", "TRUE"])
def test_flag_may_be_text(mode: Scene, enabled: str) -> None:
    mode.others.row(*FLAG, Enabled=enabled)
    assert mode.report(SECRET)["Outcome"] == "unchanged"
    assert not added_secrets(mode)


@pytest.mark.parametrize("enabled", [False, "false", "False"])
def test_secret_is_renewed_while_the_flag_is_off(mode: Scene, enabled: object) -> None:
    mode.others.row(*FLAG, Enabled=enabled)
    assert mode.report(SECRET)["Outcome"] == "rotated"


@pytest.mark.parametrize("state", ["on", "missing", "unreadable"])
def test_no_secret_is_created_over_the_placeholder(scene: Scene, state: str) -> None:
    """Whatever the flag is, because CIPP works with its certificate."""
    scene.others.give_certificate(Certificate())
    scene.others.store(SECRET, "AppSecret")
    if state == "on":
        scene.others.row(*FLAG, Enabled=True)
    if state == "unreadable":
        scene.azure.faults([UNREADABLE])
    for keys in (scene.rotate()["Keys"], scene.rotate(dry=True, force=True)["Keys"]):
        secret = key_of(keys, SECRET)
        assert secret["Outcome"] == "unchanged"
        assert "Not created." in secret["Reason"]
    assert scene.value(SECRET) == "AppSecret"
    assert not added_secrets(scene)
    assert not sign_ins(scene, "client_secret=AppSecret")
    assert scene.served(TOKEN)["tags"]["rotated-by"]
    assert key_of(scene.prove(), SECRET)["Outcome"] == "skipped"
    overview = scene.overview()
    secret = key_of(overview["Keys"], SECRET)
    assert (secret["Counts"], secret["Ends"], secret["Problems"]) == (False, None, [])
    assert phrases.CIPP_FAILS not in overview["Sentence"]


def test_secret_is_left_alone_while_the_flag_is_unreadable(scene: Scene) -> None:
    scene.azure.faults([UNREADABLE])
    rotation = scene.rotate(force=True)
    secret = key_of(rotation["Keys"], SECRET)
    assert secret["Outcome"] == "unchanged"
    assert phrases.MODE_UNKNOWN in secret["Reason"]
    assert any("certificate-only mode" in warning for warning in rotation["Warnings"])
    assert any("certificate-only mode" in note for note in scene.overview()["Notes"])
    assert not added_secrets(scene)
    assert {key_of(rotation["Keys"], name)["Outcome"] for name in (TOKEN, CERTIFICATE)} == {"rotated"}
    scene.azure.faults([])
    assert scene.report(SECRET)["Outcome"] == "rotated"


def test_expired_secret_fails_while_the_flag_is_unreadable(scene: Scene) -> None:
    scene.others.store(SECRET, "not a secret of the app")
    scene.go(minutes=10)
    scene.azure.faults([UNREADABLE])
    secret = key_of(scene.rotate()["Keys"], SECRET)
    assert secret["Outcome"] == "failed"
    assert "CIPP_STORAGE" in secret["Advice"]
    assert not added_secrets(scene)
    scene.azure.faults([])
    assert scene.report(SECRET)["Outcome"] == "rotated"


def test_revoked_fallback_is_reported_and_cipp_still_works(mode: Scene) -> None:
    mode.others.store(SECRET, "not a secret of the app")
    mode.go(minutes=10)
    mode.rotate()
    assert key_of(mode.prove(), SECRET)["Outcome"] == "dead"
    assert phrases.CANT_SIGN_IN in mode.report(SECRET)["Reason"]
    overview = mode.overview()
    assert not key_of(overview["Keys"], SECRET)["Counts"]
    assert key_of(overview["Keys"], SECRET)["Problems"]
    assert f"CIPP {phrases.CIPP_WORKS}" in overview["Sentence"]
    assert not added_secrets(mode)


def test_works_until_ends_with_the_certificate(mode: Scene) -> None:
    mode.rotate(TOKEN, *mode.tenants())
    mode.others.row("Tenants", "Tenants", mode.tenants()[0], customerId=mode.tenants()[0], Excluded=True)
    overview = mode.overview()
    ends = {key["Name"]: moment(key["Ends"]) for key in overview["Keys"] if key["Counts"]}
    assert set(ends) == {TOKEN, CERTIFICATE}
    assert moment(overview["WorksUntil"]) == min(ends.values())
    assert any(phrases.ONLY_CERTIFICATES in note for note in overview["Notes"])


def test_certificate_is_renewed_45_days_before_its_expiry(mode: Scene) -> None:
    ends = moment(key_of(mode.overview()["Keys"], CERTIFICATE)["Ends"])
    mode.go_to(ends - timedelta(days=45, hours=1))
    assert mode.report(CERTIFICATE)["Outcome"] == "unchanged"
    mode.go(hours=2)
    assert mode.report(CERTIFICATE)["Outcome"] == "rotated"
    assert mode.certificate_signs_in()
    assert not added_secrets(mode)


def test_revoked_certificate_is_renewed_by_the_fallback(mode: Scene) -> None:
    mode.others.store(CERTIFICATE, pfx(Certificate()))  # not on the app
    mode.go(minutes=10)
    keys = mode.rotate()["Keys"]
    assert key_of(keys, CERTIFICATE)["Outcome"] == "rotated"
    assert mode.certificate_signs_in()
    assert not added_secrets(mode)


def test_revoked_certificate_is_renewed_by_the_one_before(mode: Scene) -> None:
    mode.others.store(SECRET, "AppSecret")
    mode.others.store(CERTIFICATE, pfx(Certificate()))
    mode.go(minutes=10)
    assert key_of(mode.rotate()["Keys"], CERTIFICATE)["Outcome"] == "rotated"
    assert mode.certificate_signs_in()


def test_without_any_valid_key_the_certificate_is_the_one_that_fails(mode: Scene) -> None:
    mode.others.store(SECRET, "AppSecret")
    mode.others.patch_app(keyCredentials=[])
    for one in mode.secrets_on_app():
        mode.others.remove_secret(one["keyId"])
    mode.go(minutes=10)
    rotation = mode.rotate()
    assert {key["Outcome"] for key in rotation["Keys"]} == {"failed"}
    assert {proof["Name"] for proof in mode.prove() if proof["Outcome"] == "dead"} == {CERTIFICATE}
    assert "ExecKeyVaultSecretRestore" in key_of(rotation["Keys"], CERTIFICATE)["Advice"]
    assert f"{phrases.CIPP_FAILS_WITH} {CERTIFICATE}" in mode.overview()["Sentence"]
    assert not added_secrets(mode)


def test_missing_certificate_is_reported_and_no_secret_is_required(mode: Scene) -> None:
    mode.others.delete(SECRET)
    assert phrases.VAULT_LACKS not in mode.overview()["Sentence"]
    mode.others.delete(CERTIFICATE)
    overview = mode.overview()
    assert f"CIPP {phrases.CIPP_FAILS}: {phrases.VAULT_LACKS} {CERTIFICATE}" in overview["Sentence"]
    assert SECRET not in overview["Sentence"]


@pytest.mark.parametrize("is_on", [True, False])
def test_policy_of_client_secrets_is_not_changed_in_the_mode(
    mode: Scene, nowhere: pytest.MonkeyPatch, is_on: bool
) -> None:
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    mode.others.row(*FLAG, Enabled=is_on)
    body = {
        "isEnabled": True,
        "applicationRestrictions": {
            "passwordCredentials": [{**BLOCKS, "state": "enabled"}],
            "keyCredentials": [{"restrictionType": "trustedCertificateAuthority", "state": "enabled"}],
        },
    }
    mode.others.graph("PATCH", "policies/defaultAppManagementPolicy", body)
    mode.go_to(moment(key_of(mode.overview()["Keys"], CERTIFICATE)["Ends"]) - timedelta(days=40))
    mode.rotate(CERTIFICATE)
    (made,) = mode.calls(GRAPH, "POST", "/appManagementPolicies")[:1]
    assert "trustedCertificateAuthority" in made["request_body"]
    assert ("passwordAddition" in made["request_body"]) is not is_on


def test_flag_is_read_once_in_a_run_and_in_an_overview(mode: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")  # calls with this app's identity are recorded
    nowhere.setenv("CIPP_STORAGE__accountName", names.STORAGE_ACCOUNT)
    Admin(mode.azure).give_role("Storage Table Data Contributor", names.RESOURCE_GROUP_ID)
    for request in (mode.rotate, mode.overview):
        before = len(mode.calls(TABLES_HOST, "GET", "FeatureFlags"))
        request()
        assert len(mode.calls(TABLES_HOST, "GET", "FeatureFlags")) == before + 1
