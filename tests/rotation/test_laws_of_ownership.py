"""A credential belongs to this app by its full name and the vault's tags. All others stay on the app."""

from datetime import timedelta

import pytest

from backend.rotation.planning.ownership import credential_name, is_own
from sandbox import names
from tests.support.rotation.others import NIGHTLY_SCRIPT, OTHER_VAULT
from tests.support.rotation.plan_cases import ago, own, version
from tests.support.rotation.scene import CERTIFICATE, SECRET, Scene
from tests.support.sandbox.certificate import Certificate

HEX = "0123456789ab"
FULL = f"CIPP Backend {names.VAULT} {HEX}"
OLDER = f"CIPP Backend {HEX}"
ANOTHER = Certificate()
TAGGED = [own("b", ago(days=1), tagged_id="KEY"), version("a", ago(days=9))]
UNTAGGED = [own("b", ago(days=1), tagged_id=None), version("a", ago(days=9), tagged_id="KEY")]


@pytest.mark.parametrize(
    ("name", "tagged", "expected"),
    [
        (FULL, False, True),
        (OLDER, True, True),
        (OLDER, False, False),
        (f"CIPP Backend {OTHER_VAULT} {HEX}", True, False),
        (NIGHTLY_SCRIPT, True, False),
        ("CIPP Backend", True, False),
        (f"{FULL} ", True, False),
        (f"{FULL}c", True, False),
        (FULL[:-1], True, False),
        (FULL.upper(), True, False),
        (f"My {FULL}", True, False),
        (f"{FULL}\n", True, False),
        ("UpdateTokens", True, False),
        ("", True, False),
    ],
)
def test_credential_is_this_apps_by_its_full_name(name: str, *, tagged: bool, expected: bool) -> None:
    assert is_own(name, "key", names.VAULT, TAGGED if tagged else UNTAGGED) is expected


def test_credential_is_never_this_apps_when_the_vaults_name_is_unknown() -> None:
    assert not is_own(f"CIPP Backend  {HEX}", "key", "", TAGGED)


def test_vault_name_is_matched_literally() -> None:
    assert not is_own(f"CIPP Backend cipp1 {HEX}", "key", "cipp.", UNTAGGED)
    assert is_own(credential_name("Cipp-1", HEX), "key", "CIPP-1", UNTAGGED)


def of_others(scene: Scene) -> dict[str, str]:
    """Return names and ids of all that others have on the app."""
    made = scene.others.made
    on_app = [*scene.secrets_on_app(), *scene.certificates_on_app()]
    return {
        one["customKeyIdentifier"] if one in scene.certificates_on_app() else one["keyId"]: one["displayName"]
        for one in on_app
        if made.is_credential(one)
    }


@pytest.mark.parametrize("certificate", [True, False])
def test_others_credentials_with_alike_names_stay(scene: Scene, *, certificate: bool) -> None:
    """An admin's, those of another installation on the same SAM app, and one like those of earlier releases."""
    scene.others.share_the_app(*([ANOTHER] if certificate else []))
    began = f"{scene.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    scene.others.add_secret(OLDER, startDateTime=began)
    before = of_others(scene)
    assert {NIGHTLY_SCRIPT, OLDER} <= {*before.values()}
    for _ in range(3):
        scene.tick("KeyRotationCatchUp")
        scene.rotate(SECRET, CERTIFICATE, force=True)
        scene.go(hours=2)
    assert of_others(scene) == before
    assert scene.signs_in()


def test_two_installations_on_one_app_leave_each_other_alone(scene: Scene) -> None:
    """What the other one serves signs in after the catch-up here, for hours."""
    name = credential_name(OTHER_VAULT, HEX)
    began = f"{scene.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    served_there = scene.others.add_secret(name, startDateTime=began)["secretText"]
    for _ in range(3):
        scene.tick("KeyRotationCatchUp")
        assert scene.others.sign_in(served_there).ok
        scene.go(hours=1)
    assert any(name in line for line in scene.overview()["NotRotated"])


def test_secret_of_an_earlier_release_is_adopted_through_its_tag(scene: Scene) -> None:
    """It is superseded, CIPP has restarted, the overlap is over: it goes like any of this app's."""
    began = f"{scene.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    made = scene.others.add_secret(OLDER, startDateTime=began)
    tags = {"rotated-by": "CIPP Backend", "credential-id": made["keyId"], "rotation-run": HEX}
    scene.others.store(SECRET, made["secretText"], tags=tags)
    scene.go(hours=2)
    assert scene.report(SECRET, force=True)["Outcome"] == "rotated"
    scene.go(seconds=2)
    for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
        scene.others.restart(site)
    scene.go(days=31)
    scene.rotate(SECRET)
    assert made["keyId"] not in [one["keyId"] for one in scene.secrets_on_app()]
    assert scene.signs_in()
