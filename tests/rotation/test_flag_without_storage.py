"""The client secret if this app does not know CIPP's storage account, so that CIPP's flag can't be read."""

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.rotation.test_unknown_shape import SITE_FAILS, remember
from tests.support import phrases
from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, TOKEN, Scene, key_of, moment
from tests.support.sandbox.certificate import Certificate

FLAG: Final = ("FeatureFlags", "FeatureFlag", "CertificateAuthentication")
FORMS: Final = ("", "__accountName", "__tableServiceUri")


def without_storage(scene: Scene, nowhere: pytest.MonkeyPatch, shape: str) -> Scene:
    """Return a CIPP whose flag is on, and whose storage account this app does not know."""
    scene.others.reset(shape="functions" if shape == "functions" else "container", propagation_seconds=0)
    scene.others.give_certificate(Certificate())
    scene.others.row(*FLAG, Enabled=True)
    for setting in ("CIPP_STORAGE", "AzureWebJobsStorage"):
        for form in FORMS:
            nowhere.delenv(f"{setting}{form}", raising=False)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    if shape == "unknown":
        scene.azure.faults([SITE_FAILS])
    return scene


def report_of(scene: Scene, rotation: dict[str, Any]) -> dict[str, Any]:
    assert not [*scene.calls(GRAPH, "POST", "/addPassword")]
    return key_of(rotation["Keys"], SECRET)


@pytest.mark.slow("two rotations")
@pytest.mark.parametrize("shape", ["functions", "container", "unknown"])
def test_secret_is_left_alone_in_every_shape(scene: Scene, nowhere: pytest.MonkeyPatch, shape: str) -> None:
    without_storage(scene, nowhere, shape)
    for rotation in (scene.rotate(SECRET, TOKEN), scene.rotate(SECRET, force=True)):
        secret = report_of(scene, rotation)
        assert secret["Outcome"] == "unchanged"
        assert "CIPP_STORAGE" in secret["Reason"]
        assert any("certificate-only mode" in warning for warning in rotation["Warnings"])
    assert len(scene.versions(SECRET)) == 1
    assert len(scene.versions(TOKEN)) > 1
    overview = scene.overview()
    state = key_of(overview["Keys"], SECRET)
    assert any("CIPP_STORAGE" in problem for problem in state["Problems"])
    assert state["Counts"]
    assert SECRET in overview["Sentence"]
    assert (phrases.IN_ITS_LAST_WEEK in overview["Sentence"]) is (shape == "functions")


@pytest.mark.slow("three rotations")
@pytest.mark.parametrize(("shape", "is_renewed"), [("functions", True), ("container", False), ("unknown", False)])
def test_secret_of_function_apps_is_renewed_in_its_last_week(
    scene: Scene, nowhere: pytest.MonkeyPatch, shape: str, *, is_renewed: bool
) -> None:
    without_storage(scene, nowhere, shape)
    overview = scene.overview()
    ends = moment(key_of(overview["Keys"], SECRET)["Ends"])
    scene.others.row("FeatureFlags", "FeatureFlag", "CertificateAuthentication", Enabled=False)
    scene.go_to(ends - timedelta(days=7, hours=1))
    assert scene.report(SECRET)["Outcome"] == "unchanged"
    assert moment(scene.overview()["WorksUntil"]) <= ends
    scene.go(hours=2)
    report = scene.report(SECRET)
    assert report["Outcome"] == ("rotated" if is_renewed else "unchanged")
    assert scene.signs_in()
    scene.go(days=8)
    assert scene.signs_in() is is_renewed
    if is_renewed:
        assert scene.report(SECRET)["Outcome"] == "unchanged"


def test_secret_that_cannot_sign_in_is_not_replaced_without_storage(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    without_storage(scene, nowhere, "functions")
    scene.others.store(SECRET, "not a secret of the app")
    scene.go(minutes=10)
    secret = report_of(scene, scene.rotate(SECRET, CERTIFICATE))
    assert secret["Outcome"] == "failed"
    assert "CIPP_STORAGE" in secret["Advice"]


NO_TABLE: Final = {
    "status": 404,
    "headers": {"x-ms-error-code": "TableNotFound"},
    "body": {"odata.error": {"code": "TableNotFound", "message": {"lang": "en-US", "value": "No such table."}}},
}


@pytest.mark.parametrize(
    ("shape", "remembered", "late"),
    [
        ("functions", "", True),
        ("container", "", False),
        ("unknown", "functions", True),
        ("unknown", "container", False),
        ("unknown", "", False),
    ],
)
def test_storage_of_another_account_counts_as_none(
    scene: Scene, nowhere: pytest.MonkeyPatch, shape: str, remembered: str, *, late: bool
) -> None:
    """Azure creates another account for each function app, which does not have CIPP's tables."""
    storage = scene.azure.env["AzureWebJobsStorage"]
    without_storage(scene, nowhere, shape)
    nowhere.setenv("AzureWebJobsStorage", storage)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "5")
    remember(scene, remembered)
    no_tables = [
        {"host": "127.0.0.1", "path": rf"/{table}\b", "answer": NO_TABLE, "times": 0}
        for table in ("Version", "Config", "Tenants", "FeatureFlags")
    ]
    scene.azure.faults([*no_tables, *([SITE_FAILS] if shape == "unknown" else [])])
    secret = report_of(scene, scene.rotate(SECRET))
    assert secret["Outcome"] == "unchanged"
    assert (phrases.IN_ITS_LAST_WEEK in secret["Reason"]) is late
    assert "CIPP_STORAGE" in str(scene.overview()["Notes"])
