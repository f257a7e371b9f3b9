"""The rotation while Azure does not show whether CIPP is function apps or a container."""

from typing import Final

import pytest

from sandbox import names
from tests.support.rotation.scene import Scene

SITE_FAILS: Final = {"method": "GET", "path": f"/sites/{names.MAIN_SITE}$", "mode": "refuse", "status": 503, "times": 0}
MEMORY: Final = ("CippBackendInstallation", "installation", "main")
SITE_ID: Final = f"{names.RESOURCE_GROUP_ID}/providers/microsoft.web/sites/{names.MAIN_SITE}".lower()


def remember(scene: Scene, shape: str, site_id: str = SITE_ID) -> None:
    scene.others.row(*MEMORY, SiteId=site_id, Shape=shape, Principal="p")


@pytest.fixture
def sunday(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """A CIPP whose site can't be read on Sunday at 00:00 UTC. Nothing of it is remembered."""
    scene.others.reset(shape="container", propagation_seconds=0, direct_tenants=0)
    for table in [table.name for table in scene.others.tables.list_tables() if table.name == MEMORY[0]]:
        scene.others.tables.delete_table(table)
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    scene.go_to(scene.sunday())
    scene.azure.faults([SITE_FAILS])
    return scene


def is_renewed(scene: Scene) -> bool:
    return "rotated-by" in scene.served("RefreshToken")["tags"]


@pytest.mark.parametrize(
    ("shape", "site_id", "waits"),
    [
        ("", SITE_ID, True),
        ("container", SITE_ID, True),
        ("functions", SITE_ID, False),
        ("functions", f"{SITE_ID}2", True),
        ("other", SITE_ID, True),
    ],
)
def test_timer_waits_for_the_jobs_of_a_possible_container(
    sunday: Scene, shape: str, site_id: str, *, waits: bool
) -> None:
    if shape:
        remember(sunday, shape, site_id)
    sunday.tick("WeeklyKeyRotation")
    assert is_renewed(sunday) is not waits
    sunday.go(hours=1, minutes=20)
    sunday.tick("KeyRotationCatchUp")
    assert is_renewed(sunday)


def test_timer_waits_by_the_shape_that_this_process_knew(sunday: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("DISCOVERY_LIFETIME_SECONDS", "0")
    sunday.azure.faults([])
    assert sunday.api().get("ListFunctionApps").status == 200
    remember(sunday, "functions")
    sunday.azure.faults([SITE_FAILS])
    sunday.tick("WeeklyKeyRotation")
    assert not is_renewed(sunday)
