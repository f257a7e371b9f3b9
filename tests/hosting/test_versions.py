"""ListBackendVersions: what runs, what is configured, what the registry has, and what is unknown with its reason."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.hosting.container.versions.history import is_older, newest_first, steps_of, version_to_go_back_to
from tests.support.api import Api
from tests.support.own_tables import forget_starts
from tests.support.sandbox_client import Sandbox

CIPP = "cippabc12.azurewebsites.net"
QUICK = {"shape": "container", "start_seconds": 0.4, "propagation_seconds": 0}


@pytest.fixture
def container(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A CIPP in a container whose tag has moved."""
    nowhere.setenv("REGISTRY_TIMEOUT_SECONDS", "3")
    azure.reset(**QUICK, update_available=True)
    forget_starts(azure)
    yield azure
    azure.faults([])


def versions() -> dict[str, Any]:
    answer = Api().get("ListBackendVersions", role="admin")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.results
    return found


def test_versions_show_what_runs_and_what_a_start_would_install(container: Sandbox) -> None:
    container.reset(**QUICK, update_available=True, timezone="Australia/Adelaide")
    seen = versions()
    running, registry = seen["Running"], seen["InRegistry"]
    assert (running["Version"], running["Tag"], running["Unknown"]) == ("10.8.5", "latest", None)
    assert len(running["Commit"]) == 40
    assert (registry["Tag"], registry["Version"], registry["Unknown"]) == ("latest", "10.8.6", None)
    assert registry["Commit"] != running["Commit"]
    assert registry["Built"] > running["Built"]
    assert seen["Configured"]["Image"] == "ghcr.io/cyberdrain/cipp:latest"
    assert not seen["Configured"]["IsPinned"]
    assert [one["Tag"] for one in seen["Channels"]] == ["latest", "dev", "nightly"]
    assert seen["Published"]["Versions"] == ["10.8.6", "10.8.5", "10.8.4", "10.8.3", "10.8.2"]
    assert seen["Published"]["Branches"] == ["preview-tables"]
    updates = seen["Updates"]
    assert (updates["Automatic"], updates["Hour"], updates["IntervalHours"]) == (True, 23, 1)
    utc = datetime.fromisoformat(updates["NextCheck"])
    assert (utc.minute, utc.tzinfo) == (0, UTC)
    assert updates["NextCheckLocal"][11:16] in ("22:30", "23:30")


def test_all_pages_of_the_tags_are_read_once_in_ten_minutes(container: Sandbox) -> None:
    link = '</v2/cyberdrain/cipp/tags/list?last=10.8.4&n=100>; rel="next"'
    page = {"body": {"name": "cyberdrain/cipp", "tags": ["9.9.9", "10.8.4"]}, "headers": {"Link": link}}
    container.faults([{"host": "ghcr.io", "path": "tags/list", "answer": page}])
    api = Api()
    seen = api.get("ListBackendVersions").results["Published"]["Versions"]
    assert seen == ["10.8.6", "10.8.5", "10.8.4", "9.9.9"]
    api.get("ListBackendVersions")
    assert len([call for call in container.calls("ghcr.io") if "tags/list" in call["path"]]) == 2


def test_link_to_another_place_is_not_followed(container: Sandbox) -> None:
    page = {"body": {"tags": ["9.9.9"]}, "headers": {"Link": '<https://example.com/v2/x>; rel="next"'}}
    container.faults([{"host": "ghcr.io", "path": "tags/list", "answer": page}])
    published = versions()["Published"]
    assert (published["Versions"], bool(published["Unknown"])) == ([], True)


@pytest.mark.every_case("each cause has its own reason")
@pytest.mark.parametrize("cause", ["unreachable", "fork", "private", "compose", "digest", "cipp", "tables"])
def test_what_is_unknown_has_a_reason_and_the_rest_is_shown(container: Sandbox, cause: str) -> None:
    images = {
        "fork": "DOCKER|ghcr.io/someone/cipp:latest",
        "private": "DOCKER|cipp.azurecr.io:443/cipp:latest",
        "compose": "COMPOSE|c2VjcmV0",
    }
    config = {"method": "GET", "path": "/config/web$", "times": 0}
    refuse = {"mode": "refuse", "status": 403, "times": 0}
    if cause == "digest":
        container.reset(**QUICK, pinned="digest")
    container.faults(
        {
            "unreachable": [{"host": "ghcr.io", "mode": "drop-before", "times": 0}],
            "cipp": [{"host": CIPP, **refuse}],
            "tables": [{"host": "127.0.0.1", "path": "/(VersionHistory|ContainerUpdateSettings)", **refuse}],
        }.get(cause)
        or ([{**config, "edit": [["properties.linuxFxVersion", images[cause]]]}] if cause in images else [])
    )
    seen = versions()
    assert (seen["Running"]["Version"] is None) is (cause == "cipp")
    assert bool(seen["Running"]["Unknown"]) is (cause == "cipp")
    other = cause in ("unreachable", *images)
    assert bool(seen["Published"]["Unknown"]) is other
    assert (seen["InRegistry"] is None) is (cause == "compose")
    if seen["InRegistry"]:
        assert bool(seen["InRegistry"]["Unknown"]) is other
    assert (seen["Configured"]["Image"] is None) is (cause == "compose")
    assert (seen["Configured"]["Tag"] is None) is (cause in ("compose", "digest"))
    assert bool(seen["History"]["Unknown"]) is (cause == "tables")
    assert bool(seen["Updates"]["Unknown"]) is (cause == "tables")
    assert "c2VjcmV0" not in str(seen)
    if cause in images:
        assert container.calls("ghcr.io") == []


def test_function_apps_have_no_versions_of_an_image(azure: Sandbox) -> None:
    azure.reset()
    answer = Api().get("ListBackendVersions")
    assert answer.status == 200
    assert answer.body["NotInThisShape"]["Shape"]


def row(before: str, after: str, day: int) -> dict[str, str]:
    return {"PreviousVersion": before, "NewVersion": after, "RecordedAt": f"2026-11-{day:02}T00:00:00Z"}


@pytest.mark.parametrize(
    ("rows", "present", "expected"),
    [
        ([], "10.8.5", None),
        ([row("10.8.4", "10.8.5", 1)], "10.8.5", "10.8.4"),
        ([row("10.8.3", "10.8.4", 1), row("10.8.4", "10.8.5", 2)], "10.8.5", "10.8.4"),
        ([row("10.8.4", "10.8.5", 1), row("10.8.5", "10.8.4", 2)], "10.8.4", "10.8.5"),
        ([row("10.8.4", "10.8.5+dev.4f1c9ab", 1), row("10.8.5+dev.4f1c9ab", "10.8.5", 2)], "10.8.5", "10.8.4"),
        ([row("10.8.4", "10.8.5", 1)], "", "10.8.4"),
        ([row("10.8.4", "10.8.5", 1)], "10.8.6", "10.8.5"),  # 10.8.6 was never recorded
        ([row("10.8.4", "10.8.5", 1)], "10.9.0+dev.4f1c9ab", "10.8.5"),
        ([row("10.8.3", "10.8.4", 1), row("10.8.4", "10.8.5+dev.4f1c9ab", 2)], "10.8.6", "10.8.4"),
        ([row("10.8.5", "10.8.5", 1), row("<b>", "10.8.5", 2), {"NewVersion": 7}], "10.8.5", None),
    ],
)
def test_version_to_go_back_to(rows: list[Any], present: str, expected: str | None) -> None:
    steps = steps_of(rows)
    assert version_to_go_back_to(steps, present) == expected
    assert version_to_go_back_to(steps, "", present) == expected  # CIPP is down
    assert version_to_go_back_to(steps, present, "10.9.9") == expected or not present


def test_versions_are_sorted_by_their_numbers() -> None:
    assert newest_first(["latest", "9.10.0", "10.2.0", "10.10.0", "v10.1.0", "10.2", "dev"]) == [
        "10.10.0",
        "10.2.0",
        "9.10.0",
    ]
    assert is_older("9.10.0", "10.2.0")
    assert is_older("10.2.0", "10.2.0+dev.1234567") is None
    assert is_older("10.2.0", "10.2.0") is False
