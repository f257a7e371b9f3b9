"""What Azure leaves out or shows in another form: that app's start is unknown, and nothing fails."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.hosting.functions.uptime import UptimesInAzure
from sandbox import names
from tests.hosting.test_uptime import NOON, SITES, in_azure
from tests.support.rotation.scene import ARM, CERTIFICATE, SECRET, Scene, moment
from tests.support.sandbox_client import Sandbox

REMOVED = {"$remove": True}
INSTANCES = "/instances$"
PROCESSES = "/instances/[^/]+/processes$"
PROCESS = "/instances/[^/]+/processes/[0-9]+$"
UNREADABLE: list[tuple[str, str, Any]] = [
    (INSTANCES, "value", None),
    (INSTANCES, "value", [None]),
    (INSTANCES, "value", "x"),
    (INSTANCES, "value.*.name", None),
    (INSTANCES, "value.*.name", REMOVED),
    (INSTANCES, "value.*.name", ""),
    (INSTANCES, "value.*.name", 7),
    (PROCESSES, "value", None),
    (PROCESSES, "value", [None]),
    (PROCESSES, "value", ["x"]),
    (PROCESSES, "value.*.properties", None),
    (PROCESSES, "value.*.properties", REMOVED),
    (PROCESSES, "value.*.properties", "x"),
    (PROCESSES, "value.*.properties.id", None),
    (PROCESSES, "value.*.properties.id", REMOVED),
    (PROCESSES, "value.*.properties.id", {}),
    (PROCESS, "properties", None),
    (PROCESS, "properties", REMOVED),
    (PROCESS, "properties", []),
    (PROCESS, "properties.start_time", None),
    (PROCESS, "properties.start_time", REMOVED),
    (PROCESS, "properties.start_time", "gestern"),
    (PROCESS, "properties.start_time", ""),
    (PROCESS, "properties.start_time", 5),
    (PROCESS, "properties.start_time", "0001-01-01T00:00:00+05:00"),
    (PROCESS, "properties.is_scm_site", None),
    (PROCESS, "properties.is_scm_site", "true"),
]
# Some of these for whole rotations: the kinds that differ.
OF_EACH_KIND = [
    (INSTANCES, "value", "x"),
    (PROCESSES, "value.*.properties", None),
    (PROCESSES, "value.*.properties.id", REMOVED),
    (PROCESS, "properties", None),
    (PROCESS, "properties.start_time", "gestern"),
]


def edited(path: str, member: str, value: object) -> dict[str, object]:
    return {"host": ARM, "path": path, "times": 0, "edit": [[member, value]]}


def known(uptimes: UptimesInAzure) -> list[str]:
    """Return the apps whose start is known. Each app must be in the list."""
    shown = uptimes.uptimes()
    assert [uptime.name for uptime in shown] == SITES
    return [uptime.name for uptime in shown if uptime.since]


@pytest.mark.parametrize(("path", "member", "value"), UNREADABLE)
def test_start_is_unknown_if_azure_shows_no_readable_value(
    azure: Sandbox, path: str, member: str, value: object
) -> None:
    azure.faults([edited(f"/{names.MAIN_SITE}{path}", member, value)])
    assert known(in_azure(azure)) == [names.OFFLOAD_SITE]


def test_process_counts_if_azure_leaves_out_the_scm_mark(azure: Sandbox) -> None:
    azure.faults([edited(PROCESS, "properties.is_scm_site", REMOVED)])
    assert known(in_azure(azure)) == SITES


def test_apps_are_unknown_if_their_list_is_unreadable(azure: Sandbox) -> None:
    azure.faults([edited("/sites$", "value", "none")])
    assert in_azure(azure).not_restarted_since(NOON) is None


def test_apps_without_properties_are_known(azure: Sandbox) -> None:
    azure.faults([edited("/sites$", "value.*.properties", None)])
    assert known(in_azure(azure)) == SITES


@pytest.mark.parametrize(("path", "member", "value"), OF_EACH_KIND)
def test_rotation_and_overview_survive_unreadable_values(scene: Scene, path: str, member: str, value: object) -> None:
    scene.rotate(SECRET, CERTIFICATE)
    scene.go(days=8)
    scene.azure.faults([edited(path, member, value)])
    report = scene.report(SECRET)
    assert report["Outcome"] == "unchanged"
    assert f"Restart '{names.MAIN_SITE}'" in report["Reason"]
    assert [app["RunsWithCurrentKeys"] for app in scene.overview()["Apps"]] == ["unknown", "unknown"]


@pytest.mark.parametrize(("path", "member", "value"), OF_EACH_KIND)
def test_revoked_secret_is_repaired_despite_unreadable_values(
    scene: Scene, path: str, member: str, value: object
) -> None:
    scene.rotate(SECRET, CERTIFICATE)
    scene.go(days=2)
    scene.others.remove_secret(scene.served(SECRET)["tags"]["credential-id"])
    scene.go(minutes=10)
    assert not scene.signs_in()
    scene.azure.faults([edited(path, member, value)])
    report = scene.report(SECRET)
    assert report["Outcome"] != "failed"
    assert scene.signs_in()


def responds(path: str, body: object) -> dict[str, object]:
    return {"host": ARM, "path": path, "times": 0, "answer": {"body": body}}


def two_instances(site: str, start: datetime, second: str) -> list[dict[str, object]]:
    """Two instances of an app. The first one has a process of its own, the second one what `second` names."""
    instances = [{"id": f"/i/{name}", "name": name, "type": "t"} for name in ("AAA", "BBB")]
    app = {"id": 7, "name": "w3wp", "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}"}
    processes = {7: app, 8: {**app, "id": 8, "is_scm_site": True}}
    numbers = {"AAA": [7, 8], "BBB": {"app": [7], "scm": [8], "nothing": []}[second]}

    def listed(number: int) -> dict[str, object]:
        return {"id": f"/p/{number}", "name": str(number), "type": "t", "properties": processes[number]}

    return [
        responds(f"/{site}{INSTANCES}", {"value": instances}),
        *(responds(f"/{site}/instances/{i}/processes$", {"value": [listed(n) for n in numbers[i]]}) for i in numbers),
        *(responds(f"/{site}/instances/[^/]+/processes/{number}$", listed(number)) for number in processes),
    ]


@pytest.mark.parametrize(("second", "is_known"), [("app", True), ("scm", False), ("nothing", False)])
def test_start_is_known_if_each_instance_shows_a_process(azure: Sandbox, second: str, is_known: bool) -> None:
    azure.faults(two_instances(names.MAIN_SITE, NOON, second))
    assert known(in_azure(azure)) == ([names.MAIN_SITE] if is_known else []) + [names.OFFLOAD_SITE]


@pytest.mark.parametrize("second", ["app", "scm", "nothing"])
def test_secret_is_kept_for_an_instance_without_a_process(
    scene: Scene, nowhere: pytest.MonkeyPatch, second: str
) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "1")
    scene.midweek()
    scene.rotate(SECRET, force=True)
    scene.go(hours=2)
    used = scene.value(SECRET)  # the second instance has read it
    scene.rotate(SECRET, force=True)
    scene.go(days=2)
    an_hour_ago = scene.now() - timedelta(hours=1)
    assert moment(scene.served(SECRET)["created"]) < an_hour_ago
    scene.azure.faults([fault for site in SITES for fault in two_instances(site, an_hour_ago, second)])
    scene.rotate(SECRET)
    assert scene.others.sign_in(used).ok is (second != "app")
    expected = "yes" if second == "app" else "unknown"
    assert [app["RunsWithCurrentKeys"] for app in scene.overview()["Apps"]] == [expected] * len(SITES)
