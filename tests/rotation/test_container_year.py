"""The rotation of a CIPP on a container in the sandbox: what its process has read signs in."""

from datetime import timedelta

import pytest

from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, Scene

START_SECONDS = 0.3


@pytest.fixture
def container(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    scene.others.reset(shape="container", start_seconds=START_SECONDS, propagation_seconds=0)
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    return scene


def works(scene: Scene) -> list[bool]:
    return [process["works"] for process in scene.azure.state()["cipp"]]


def test_cipp_reads_the_new_keys_at_night_and_old_ones_are_retired(
    container: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "7")
    first = container.served(SECRET)["version"]
    for _ in range(3):
        container.go_to(container.sunday() + timedelta(minutes=20))
        container.tick("WeeklyKeyRotation")
        container.go(hours=1)
        container.tick("KeyRotationCatchUp")
        assert works(container) == [True]
        container.go(days=1)
        assert works(container) == [True]
        (process,) = container.azure.state()["cipp"]
        assert process["holds"][SECRET] == container.served(SECRET)["version"] != first
        (app,) = container.overview()["Apps"]
        assert app["RunsWithCurrentKeys"] == "yes"
    assert len([one for one in container.secrets_on_app() if one["displayName"].startswith("CIPP Backend")]) <= 3


def test_certificate_only_container_keeps_its_placeholder(container: Scene) -> None:
    container.others.reset(shape="container", start_seconds=START_SECONDS, propagation_seconds=0, certificate_only=True)
    container.rotate()
    container.rotate(CERTIFICATE, force=True)
    assert works(container) == [True]
    container.go(days=1)
    assert works(container) == [True]
    assert not container.calls(GRAPH, "POST", "/addPassword")
