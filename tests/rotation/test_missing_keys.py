"""A secret that a run needs is missing: what is reported is that, and how to recover it, not a refusal."""

from typing import Any

import pytest

from tests.support import phrases
from tests.support.by_hand import recover
from tests.support.rotation.scene import CERTIFICATE, ENTRA, SECRET, TOKEN, VAULT, Scene, key_of
from tests.support.sandbox.certificate import Certificate

NEEDED = ["ApplicationID", "TenantID", SECRET, TOKEN]


def way_back(name: str) -> str:
    return f"ExecKeyVaultSecretRecover with the Name '{name}'"


def purge(scene: Scene, name: str) -> None:
    """Let the vault have no deleted secret of that name."""
    gone = {"error": {"code": "SecretNotFound", "message": f"Deleted Secret not found: {name}"}}
    fault = {"host": VAULT, "method": "GET", "path": f"/deletedsecrets/{name}"}
    scene.azure.faults([{**fault, "answer": {"status": 404, "body": gone}, "times": 0}])


def text_of(report: dict[str, Any]) -> str:
    return f"{report['Reason']} {report['Advice']}"


@pytest.mark.parametrize("name", NEEDED)
def test_deleted_secret_is_reported_with_the_way_to_recover_it(scene: Scene, name: str) -> None:
    scene.others.delete(name)
    overview = scene.overview()
    assert f"{phrases.VAULT_LACKS} {name}" in overview["Sentence"]
    assert [note for note in overview["Notes"] if way_back(name) in note and phrases.IT_WAS_DELETED in note]
    key = name if name in (SECRET, TOKEN) else TOKEN
    for report in (text_of(key_of(scene.rotate()["Keys"], key)), text_of(key_of(scene.prove(), key))):
        assert f"{phrases.HAS_NO_SECRET} '{name}'" in report
        assert way_back(name) in report
        assert phrases.KEYS_NOT_REMOVED not in report
        assert "AADSTS" not in report
    assert recover(name, Force=True).status == 200
    assert f"CIPP {phrases.CIPP_WORKS}" in scene.overview()["Sentence"]


@pytest.mark.parametrize("name", NEEDED)
def test_purged_secret_is_not_reported_as_recoverable(scene: Scene, name: str) -> None:
    scene.others.delete(name)
    purge(scene, name)
    (note,) = {note for note in scene.overview()["Notes"] if f"{phrases.HAS_NO_SECRET} '{name}'" in note}
    assert phrases.NOT_RECOVERABLE in note
    assert "wizard" in note
    assert way_back(name) not in note


def test_deleted_secret_is_not_called_refused_if_the_certificate_is(scene: Scene) -> None:
    scene.others.give_certificate(Certificate(), on_app=False)
    scene.others.delete(SECRET)
    scene.go(minutes=10)
    report = scene.report(SECRET)
    assert "'ApplicationSecret'" in report["Reason"]
    assert way_back(SECRET) in report["Advice"]
    assert f"{CERTIFICATE} {phrases.CANT_SIGN_IN}" in report["Reason"]
    assert key_of(scene.prove(), SECRET)["Outcome"] == "unproven"
    assert not [row for row in scene.others.rows("CippBackendKeys") if "dead_since" in row]


def test_request_for_a_deleted_key_is_404_and_names_the_recovery(scene: Scene) -> None:
    scene.others.delete(TOKEN)
    answer = scene.api().post("ExecKeyRotation", {"Names": [TOKEN]})
    assert (answer.status, "ExecKeyVaultSecretRecover" in answer.results) == (404, True)


def test_disabled_secret_is_not_called_refused_if_the_certificate_is(scene: Scene) -> None:
    scene.others.give_certificate(Certificate(), on_app=False)
    scene.others.disable(SECRET, scene.served(SECRET)["version"])
    scene.go(minutes=10)
    report = scene.report(SECRET)
    assert phrases.DISABLED_SECRET in report["Reason"]
    assert f"{CERTIFICATE} {phrases.CANT_SIGN_IN}" in report["Reason"]


def test_deleted_client_secret_is_created_again_when_the_certificate_can_sign_in(scene: Scene) -> None:
    scene.others.give_certificate(Certificate())
    scene.others.delete(SECRET)
    assert scene.report(SECRET)["Outcome"] == "rotated"


def test_missing_identity_leaves_every_key_unchecked_and_promises_no_certificate(scene: Scene) -> None:
    scene.others.delete("TenantID")
    assert {key["Outcome"] for key in scene.prove()} == {"unproven"}
    assert phrases.NEXT_RUN_CREATES not in str(scene.overview()["Notes"])


def test_sign_in_that_times_out_is_not_called_missing(scene: Scene) -> None:
    scene.azure.faults([{"host": ENTRA, "mode": "drop-before", "times": 0}])
    assert phrases.HAS_NO_SECRET not in text_of(scene.report(TOKEN))
