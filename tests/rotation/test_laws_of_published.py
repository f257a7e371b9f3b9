"""A key that was just stored stays if Entra times out, and a disabled version does not count as valid."""

import pytest

from tests.support.rotation.scene import CERTIFICATE, ENTRA, SECRET, Scene


def test_disabled_certificate_is_renewed_though_graph_lists_it(scene: Scene) -> None:
    assert scene.report(CERTIFICATE)["Outcome"] == "rotated"
    scene.go(hours=2)
    scene.others.disable(CERTIFICATE, scene.served(CERTIFICATE)["version"])
    key = scene.report(CERTIFICATE)
    assert key["Outcome"] == "rotated"
    assert "disabled" in key["Reason"]
    assert scene.certificate_signs_in()


def test_new_secret_stays_when_entra_is_busy_right_after_its_store(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.3")
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "1")
    before = scene.value(SECRET)
    # the first sign-in opens the run, the second is with the new secret before its store
    scene.azure.faults(
        [{"host": ENTRA, "body": "client_credentials", "mode": "refuse", "status": 503, "nth": 3, "times": 0}]
    )
    assert scene.report(SECRET)["Outcome"] == "rotated"
    scene.azure.faults([])
    assert len(scene.versions(SECRET)) == 2
    assert scene.value(SECRET) != before
    assert scene.signs_in()
