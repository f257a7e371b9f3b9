"""What follows from a look at a change of the version: tables of cases, without the sandbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from backend.errors import InvalidInputError
from backend.hosting.container.health import Before, Evidence, Health
from backend.hosting.container.updates.reference import ImageReference
from backend.hosting.container.versions.decision import (
    GIVEN_UP,
    REQUESTED,
    Change,
    VersionLook,
    decide,
    log_since,
)
from backend.hosting.container.versions.request import effects, requested_tag, ways_back
from backend.hosting.container.versions.start_log import failure_in
from backend.hosting.container.versions.table_copies import COMPLETE, PREFIX, old_copies

BEGAN: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
LIMIT: Final = timedelta(minutes=10)
LATE: Final = LIMIT + timedelta(seconds=1)
OLD, NEW = "ghcr.io/cyberdrain/cipp:latest", "ghcr.io/cyberdrain/cipp:10.8.4"
BEFORE = Health(is_up=True, phase="Ready", startup={"readyMs": 1})
READY = Health(is_up=True, phase="Ready", startup={"readyMs": 2})
SERVING = Health(is_up=True, phase="HttpReady", startup={"readyMs": 2})
STARTING = Health(is_up=True, phase="Starting")
SHUT = Health(is_up=False, is_shut=True)
SILENT = Health(is_up=False)
ODD = Health(is_up=None, unexpected="the response with status 403 is not CIPP's")
CHANGE = Change(
    image_before=OLD,
    image_after=NEW,
    image_back=OLD,
    version_before="10.8.5",
    version_after="10.8.4",
    version_back="10.8.5",
    rolls_back=True,
    began=BEGAN,
    evidence=Evidence.before(Before(BEFORE)),
    was_up=True,
)
UNREACHED = replace(CHANGE, was_up=False, evidence=Evidence(), down_since=BEGAN)
ONE_WAY = replace(CHANGE, rolls_back=False)
SAME = replace(CHANGE, version_after="10.8.5", version_before="10.8.5")
BACK = replace(CHANGE, is_back=True, back_at=BEGAN)
DOWN = replace(CHANGE, down_since=BEGAN)
BACK_ROLLS: Final = "roll-back"


def look(health: Health, after: timedelta = timedelta(minutes=1), **more: Any) -> VersionLook:  # noqa: ANN401
    base = VersionLook(NEW, is_stopped=False, health=health, running="", failure="", now=BEGAN + after)
    return replace(base, **more)


@pytest.mark.parametrize(
    ("change", "seen", "expected"),
    [
        (CHANGE, look(READY, running="10.8.4"), "done"),
        (CHANGE, look(BEFORE, running="10.8.5"), "running"),
        (CHANGE, look(BEFORE, LATE, running="10.8.5"), "running"),  # Azure did not restart it
        (CHANGE, look(SHUT), "running"),
        (CHANGE, look(SHUT, failure="pull"), BACK_ROLLS),
        (CHANGE, look(SHUT, failure="exit"), BACK_ROLLS),
        (CHANGE, look(SILENT, failure="exit"), BACK_ROLLS),
        (CHANGE, look(READY, running="10.8.4", failure="exit"), "done"),  # it started after all
        (CHANGE, look(SHUT, failure="pull", is_confirmed=False), "running"),
        (DOWN, look(SHUT, LATE), BACK_ROLLS),
        (DOWN, look(SILENT, LATE), BACK_ROLLS),
        (DOWN, look(STARTING, LATE), BACK_ROLLS),
        (DOWN, look(SHUT, LATE, is_confirmed=False), "running"),
        (CHANGE, look(SERVING, LATE), "running"),  # it serves
        (CHANGE, look(ODD, LATE), "running"),  # unknown
        (CHANGE, look(SHUT, LATE, is_stopped=True), "failed"),
        (CHANGE, look(SHUT, LATE, image="ghcr.io/cyberdrain/cipp:dev"), "unknown"),
        (CHANGE, look(SHUT, image=OLD), "running"),
        (CHANGE, look(SHUT, LATE, image=""), "running"),  # Azure did not show it
        (BACK, look(SHUT, LATE, image=""), "running"),
        (CHANGE, look(SHUT, REQUESTED, image=OLD), "failed"),
        (CHANGE, look(ODD, LIMIT + GIVEN_UP + LATE), "unknown"),
        (UNREACHED, look(SILENT, LATE), "running"),  # there may be no way to CIPP from this app
        (UNREACHED, look(SHUT, LATE), BACK_ROLLS),
        (UNREACHED, look(SHUT, failure="exit"), "running"),  # perhaps of the former container, which was down, too
        (ONE_WAY, look(SHUT, failure="pull"), "running"),
        (ONE_WAY, look(SHUT, LATE, failure="pull"), "failed"),
        (ONE_WAY, look(SHUT, LATE), "running"),
        (SAME, look(BEFORE, running="10.8.5"), "running"),
        (SAME, look(READY, running="10.8.5"), "done"),
        (SAME, look(BEFORE, LATE, running="10.8.5"), "done"),
        (BACK, look(SHUT), "running"),
        (BACK, look(SHUT, REQUESTED), BACK_ROLLS),  # the process was killed before its request
        (BACK, look(SHUT, REQUESTED, is_confirmed=False), "running"),
        (BACK, look(SHUT, REQUESTED, is_stopped=True), "running"),
        (BACK, look(READY, REQUESTED, running="10.8.4"), "done"),  # it was killed or refused, and the version started
        (BACK, look(READY, running="10.8.4"), "running"),  # Azure may not show the roll back yet
        (BACK, look(READY, REQUESTED), "done"),  # the version is unknown, and it is another process
        (BACK, look(SERVING, REQUESTED, running="10.8.4"), "running"),
        (BACK, look(ODD, REQUESTED), "running"),
        (replace(BACK, requested_at=BEGAN + REQUESTED), look(SHUT, REQUESTED), "running"),
        (replace(BACK, requested_at=BEGAN + GIVEN_UP), look(SHUT, GIVEN_UP + LATE), "failed"),  # always refused
        (BACK, look(SHUT, image=OLD), "running"),
        (BACK, look(READY, image=OLD, running="10.8.5"), "undone"),
        (BACK, look(READY, image=OLD, running="10.8.4"), "running"),
        (BACK, look(READY, image=OLD, running="10.8.6"), "undone"),  # the tag has moved meanwhile
        (replace(BACK, version_back="10.8.4"), look(READY, image=OLD, running="10.8.4"), "undone"),
        (BACK, look(SHUT, LATE, image=OLD), "running"),
        (BACK, look(SHUT, image="ghcr.io/cyberdrain/cipp:dev"), "unknown"),
        (BACK, look(SHUT, image=OLD, is_stopped=True), "failed"),
        (BACK, look(SHUT, LATE + GIVEN_UP, image=OLD), "failed"),
    ],
)
def test_evidence_decides(change: Change, seen: VersionLook, expected: str) -> None:
    decision = decide(change, seen, LIMIT)
    assert (BACK_ROLLS if decision.rolls_back else decision.outcome) == expected
    assert decision.outcome == "running" or decision.result


MINUTE: Final = timedelta(minutes=1)
RECORDED: Final = ("10.8.4", BEGAN + MINUTE)  # by CIPP, when it started


@pytest.mark.parametrize(
    ("change", "minutes", "seen", "rolls_back"),
    [
        # The write of the image restarted nothing. An admin starts the new image at 45 minutes, as was advised.
        (CHANGE, 45, {"started": 45}, False),
        (DOWN, 50, {"started": 45}, False),  # it was down all the time, and the admin starts it again
        (DOWN, 56, {"started": 45}, True),
        (CHANGE, 45, {}, False),  # the same in the Azure portal: a first look finds it down
        (replace(CHANGE, down_since=BEGAN + 45 * MINUTE), 50, {}, False),
        (replace(CHANGE, down_since=BEGAN + 45 * MINUTE), 55, {}, True),
        # It worked, and no one looked. Then someone restarts it.
        (CHANGE, 75, {"recorded": RECORDED}, False),
        (DOWN, 75, {"recorded": RECORDED}, False),
        (DOWN, 75, {"recorded": RECORDED, "failure": "exit"}, False),
        (DOWN, 5, {"recorded": RECORDED, "failure": "exit"}, True),  # it ended right after its start
        (DOWN, 75, {"recorded": ("10.8.4", BEGAN - MINUTE)}, True),  # an earlier time at which that version ran
        (DOWN, 75, {"recorded": ("10.8.5", BEGAN + MINUTE)}, True),
    ],
)
def test_later_restart_does_not_count(change: Change, minutes: int, seen: dict[str, Any], rolls_back: bool) -> None:
    if "started" in seen:
        seen = {**seen, "started": BEGAN + seen["started"] * MINUTE}
    decision = decide(change, look(SHUT, minutes * MINUTE, **seen), LIMIT)
    assert (decision.outcome, decision.rolls_back) == ("running", rolls_back)


SET = replace(CHANGE, set_at=BEGAN + MINUTE)


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        (CHANGE, None),  # whether Azure has accepted the image is unknown
        (SET, 61),  # not since the plan: copies come before, and the former version may end meanwhile
        (replace(SET, was_up=False), None),
        (replace(SET, is_back=True), None),
    ],
)
def test_log_is_of_the_new_image(change: Change, seconds: int | None) -> None:
    assert log_since(change) == (None if seconds is None else BEGAN + timedelta(seconds=seconds))


LOG: Final = """\
2026-11-30T11:59:58.000Z ERROR - Image pull failed: Verify docker image configuration and credentials
2026-11-30T12:00:05.123Z INFO  - Starting container for site
a line without a time: Image pull failed: Verify
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ""),
        ("2026-11-30T12:00:06.1Z ERROR - Image pull failed: Verify docker image configuration (...)", "pull"),
        ("2026-11-30T12:00:06.1447951Z Container pull image failed with reason: ImagePullFailure. Revert.", "pull"),
        ("2026-11-30 12:00:06.129 ERROR - Container cipp_0_1 for site cipp has exited, failing site start", "exit"),
        ("2026-11-30T12:00:06Z Site container: cipp terminated during site startup.", "exit"),
        ("2026-11-30T12:00:06Z WARN  - Image pull failed. Defaulting to local copy if present.", ""),
    ],
)
def test_log_shows_how_a_start_failed(line: str, expected: str) -> None:
    assert failure_in(f"{LOG}{line}", BEGAN) == expected


REPOSITORY: Final = ("ghcr.io", "cyberdrain/cipp")
LATEST = ImageReference(*REPOSITORY, "latest")
DIGEST = ImageReference(*REPOSITORY, "", digest="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("before", "running", "label", "expected"),
    [
        (LATEST, "10.8.5", "10.8.5", ["10.8.5", "latest"]),  # the tag of the release does not move
        (LATEST, "10.8.5", "10.8.6", ["10.8.5"]),  # the tag has moved
        (LATEST, "10.8.5", "", ["10.8.5"]),
        (LATEST, "", "10.8.5", ["latest"]),
        (LATEST, "10.8.5+dev.4f1c9ab", "10.8.5+dev.4f1c9ab", ["latest"]),
        (LATEST, "10.8.5+dev.4f1c9ab", "10.8.6+dev.0000000", []),
        (LATEST, "", "", []),
        (LATEST, "10.8.4", "10.8.4", ["latest"]),  # the new image does not restore the former version
        (LATEST, "10.8.4", "10.8.5", []),
        (DIGEST, "10.8.5", "10.8.5", ["10.8.5"]),
        (DIGEST, "", "10.8.5", []),
    ],
)
def test_ways_back_restore_the_running_version(
    before: ImageReference, running: str, label: str, expected: list[str]
) -> None:
    target = ImageReference(*REPOSITORY, "10.8.4")
    assert [way.image.tag for way in ways_back(before, target, running, label)] == expected


@pytest.mark.parametrize(
    ("before", "after", "count"), [("10.8.4", "10.8.5", 2), ("10.8.5", "10.8.4", 3), ("", "1.0.0", 3)]
)
def test_older_or_unknown_version_is_named(before: str, after: str, count: int) -> None:
    assert len(effects(before, after, LATEST)) == count


@pytest.mark.parametrize(
    ("complete", "partial", "deleted"),
    [
        ([], [], []),
        ([40, 50, 60, 70], [], [70]),
        ([70], [33, 34, 35, 36], [33, 34, 35, 36]),  # changes that failed never replace the only good copy
        ([1, 2, 3, 4, 29], [5], []),  # younger than 30 days
        ([1, 40, 50, 60], [], [60]),
    ],
)
def test_complete_and_young_copies_are_kept(complete: list[int], partial: list[int], deleted: list[int]) -> None:
    def tables(day: int, *ends: str) -> list[str]:
        return [f"{PREFIX}{BEGAN - timedelta(days=day):%Y%m%dT%H%M%S}{end}" for end in ends]

    of_day = {day: tables(day, "Config", "allowedUsers", COMPLETE) for day in complete}
    of_day |= {day: tables(day, "Config") for day in partial}
    names = [name for day in sorted(of_day) for name in of_day[day]]
    assert old_copies(names, BEGAN) == [name for day in deleted for name in of_day[day]]


@pytest.mark.parametrize(
    ("channel", "version", "tag"),
    [(" Latest ", None, "latest"), (None, " 10.8.4 ", "10.8.4"), ("feat-new_1", None, "feat-new_1")],
)
def test_request_names_the_tag_of_a_channel_or_a_version(channel: str | None, version: str | None, tag: str) -> None:
    assert requested_tag(channel, version) == tag


@pytest.mark.parametrize(
    ("channel", "version", "field"),
    [
        (None, None, None),
        ("latest", "10.8.4", None),
        (None, "latest", "Version"),
        (None, f"sha256:{'0' * 64}", "Version"),
        ("10.8.4", None, "Channel"),
        ("feat-", None, "Channel"),
    ],
)
def test_other_request_is_refused_with_its_field(channel: str | None, version: str | None, field: str | None) -> None:
    with pytest.raises(InvalidInputError) as refused:
        requested_tag(channel, version)
    assert refused.value.field == field
