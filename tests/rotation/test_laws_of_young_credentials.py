"""A credential that was stored minutes ago and is refused is not verified yet: it is left, and never replaced."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.scene import CERTIFICATE, ENTRA, SECRET, TOKEN, VAULT, Scene, key_of, refused
from tests.support.sandbox.certificate import Certificate

CERTIFICATE_OF_OTHERS, OLDER = Certificate(), Certificate()
WITH_SECRET = r"client_secret=(?=.*grant_type=client_credentials)|grant_type=client_credentials.*client_secret="
RATE = 20
Hurry = Callable[..., None]


def refused_here(**fault: object) -> dict[str, object]:
    """Make a fault: Entra refuses a place, whoever signs in with a client secret."""
    return {"host": ENTRA, "body": WITH_SECRET, "mode": "refuse", "status": 400, "aadsts": 53003, "times": 0, **fault}


def store_a_fresh_secret(scene: Scene) -> str:
    """Create a client secret in the portal as an admin, store it, and return its value."""
    made = str(scene.others.add_secret("By an admin")["secretText"])
    scene.others.store(SECRET, made)
    return made


def store_a_fresh_certificate(scene: Scene) -> str:
    scene.others.give_certificate(CERTIFICATE_OF_OTHERS)
    return scene.value(CERTIFICATE)


FRESH = {SECRET: store_a_fresh_secret, CERTIFICATE: store_a_fresh_certificate}


@pytest.fixture
def quiet(nowhere: pytest.MonkeyPatch) -> None:
    """No client secret is due."""
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")


def begin(scene: Scene, propagation_seconds: float, *, certificate: bool) -> None:
    """Begin on a Tuesday, with or without a certificate that signs in."""
    scene.others.reset(propagation_seconds=propagation_seconds, direct_tenants=0)
    scene.midweek()
    if certificate:
        scene.others.give_certificate(OLDER)
        scene.go(minutes=10)


@pytest.mark.each_value
@pytest.mark.parametrize("certificate", [True, False])
@pytest.mark.parametrize("key", FRESH)
@pytest.mark.usefixtures("quiet")
def test_catch_up_within_the_minute_leaves_what_an_admin_stored(
    scene: Scene, hurry: Hurry, key: str, *, certificate: bool
) -> None:
    hurry(RATE, propagation_seconds=60, direct_tenants=0)
    if certificate:
        scene.others.give_certificate(OLDER)
    scene.go(minutes=10)
    theirs = FRESH[key](scene)
    scene.tick("KeyRotationCatchUp")
    assert scene.value(key) == theirs
    for _ in range(2):
        scene.go(hours=1)
        scene.tick("KeyRotationCatchUp")
        assert scene.value(key) == theirs
    assert scene.signs_in()
    assert scene.report(key)["Outcome"] == "unchanged"


@pytest.mark.parametrize(("key", "force"), [(SECRET, False), (SECRET, True), (CERTIFICATE, True)])
def test_run_reports_a_young_credential_as_not_verified(scene: Scene, key: str, *, force: bool) -> None:
    begin(scene, 60, certificate=True)
    theirs = FRESH[key](scene)
    steps = scene.rotate(key, dry=True, force=force)["WouldDo"]
    assert all(step.endswith(phrases.LOCK_PRINCIPALS) for step in steps), steps
    report = scene.report(key, force=force)
    assert report["Outcome"] == "unchanged"
    assert phrases.NOT_VERIFIED_YET in report["Reason"]
    assert phrases.UNCHANGED_UNTIL_THEN in report["Reason"]
    assert scene.value(key) == theirs


def test_overview_reports_no_problem_of_a_new_client_secret(scene: Scene) -> None:
    begin(scene, 60, certificate=True)
    store_a_fresh_secret(scene)
    overview = scene.overview()
    assert f"CIPP {phrases.CIPP_WORKS_UNTIL}" in overview["Sentence"]
    assert phrases.NOT_VERIFIED_YET in key_of(overview["Keys"], SECRET)["Problems"][0]


@pytest.mark.parametrize("key", FRESH)
@pytest.mark.usefixtures("three_sign_in_checks")
def test_admins_credential_wins_when_it_is_stored_during_the_run(scene: Scene, key: str) -> None:
    """It is stored after the check of the new one and before the store, and Entra does not know it yet."""
    scene.others.reset(propagation_seconds=0, direct_tenants=0)
    unknown = {"host": ENTRA, "mode": "refuse", "status": 401, "times": 0}
    with ThreadPoolExecutor(1) as worker:
        scene.azure.faults([{"host": ENTRA, "mode": "hold", "nth": 4}])
        run = worker.submit(Api().post, "ExecKeyRotation", {"Names": [key]})
        scene.azure.wait_until_held()
        theirs = FRESH[key](scene)
        identification = theirs[:3] if key == SECRET else thumbprint_in_assertion(CERTIFICATE_OF_OTHERS)
        scene.azure.faults([{**unknown, "aadsts": 7000215 if key == SECRET else 700027, "body": identification}])
        report = key_of(run.result().results["Keys"], key)
    assert scene.value(key) == theirs, report
    assert [one for one in scene.versions(key) if not scene.others.made.is_version(one)] == []
    scene.azure.faults([])
    scene.go(hours=1)
    scene.rotate(key)
    assert scene.value(key) == theirs


def thumbprint_in_assertion(certificate: Certificate) -> str:
    """Return the beginning of an assertion that a certificate signs, with its thumbprint in it."""
    header = certificate.signed("x", "y").partition(".")[0]
    return header[: len(header) // 2]


@pytest.mark.usefixtures("quiet")
def test_young_client_secret_is_tried_again_when_it_is_the_only_credential(scene: Scene) -> None:
    begin(scene, 0, certificate=False)
    theirs = store_a_fresh_secret(scene)
    once = {"host": ENTRA, "body": "client_credentials", "times": 2}
    scene.azure.faults([{**once, "mode": "refuse", "status": 401, "aadsts": 7000215}])
    key = scene.report(SECRET)
    assert key["Outcome"] == "unchanged", key
    assert scene.value(SECRET) == theirs


@pytest.mark.parametrize(("minutes", "is_left"), [(4, True), (6, False)])
@pytest.mark.usefixtures("quiet")
def test_client_secret_is_young_for_five_minutes(
    scene: Scene, nowhere: pytest.MonkeyPatch, minutes: int, *, is_left: bool
) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    begin(scene, 600, certificate=True)
    scene.go(minutes=10)
    theirs = store_a_fresh_secret(scene)
    scene.go(minutes=minutes)
    scene.report(SECRET)
    assert (scene.value(SECRET) == theirs) == is_left


# Who signs in, and what a refusal means


def test_client_secret_that_entra_refuses_here_is_not_replaced(scene: Scene) -> None:
    begin(scene, 0, certificate=True)
    scene.go(hours=1)
    scene.azure.faults([refused_here()])
    before = scene.azure.state()
    key = scene.report(SECRET)
    assert key["Outcome"] == "failed"
    assert "AADSTS53003" in key["Reason"]
    assert scene.azure.state()["vaults"] == before["vaults"]
    assert scene.azure.state()["applications"] == before["applications"]


def test_certificate_signs_before_an_earlier_client_secret(scene: Scene) -> None:
    begin(scene, 0, certificate=True)
    scene.others.store(SECRET, "revoked since then")
    scene.go(minutes=10)
    called = len(scene.calls(ENTRA))
    assert scene.rotate(SECRET, dry=True)["WouldDo"][0].startswith(f"{SECRET}: {phrases.CURRENT_CANT}")
    forms = [parse_qs(call["request_body"]) for call in scene.calls(ENTRA)[called:]]
    assert any("client_assertion" in form for form in forms)


def test_token_that_entra_refuses_here_stays_though_an_earlier_signs_in(scene: Scene) -> None:
    scene.midweek()
    first = scene.value(TOKEN)
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go(hours=1)
    served = scene.value(TOKEN)
    assert served != first
    scene.azure.faults([refused(53003, times=1)])
    key = scene.report(TOKEN, force=True)
    assert key["Outcome"] == "failed"
    assert "AADSTS53003" in key["Reason"]
    assert scene.value(TOKEN) == served
    assert not scene.calls(VAULT, "PUT", names.TENANT_ID)


def test_revoked_token_is_renewed_by_an_earlier_one_that_signs_in(scene: Scene) -> None:
    scene.midweek()
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go(hours=1)
    scene.azure.faults([refused(50173, times=1)])
    assert scene.report(TOKEN, force=True)["Outcome"] == "rotated"
    assert scene.served(TOKEN)["tags"]["healed-from"] == scene.versions(TOKEN)[0]["version"]
    assert scene.redeems()
