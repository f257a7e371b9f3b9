"""The changes of the version that CIPP records in its table VersionHistory, and the version to go back to. Pure.

Source: `Update-CIPPVersionHistory` of CIPP 10.8.5, as the public contract describes it.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from backend.hosting.results.versions import VersionStep
from backend.readings import Json, text_of, time_or_none

RELEASE: Final = r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}"  # the tag of a release, which is kept for good
_SHOWABLE: Final = r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def is_release(version: str) -> bool:
    """Return whether a version is that of a release, which has a tag of its own."""
    return re.fullmatch(RELEASE, version) is not None


def order_of(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparison. A build of a branch counts as its release."""
    numbers = version.partition("+")[0].split(".")
    return tuple(int(number) if number.isascii() and number.isdigit() else 0 for number in numbers)


def is_older(version: str, than: str) -> bool | None:
    """Return whether a version is older than another one, None if one of them is unknown or both are alike."""
    if not version or not than or order_of(version) == order_of(than):
        return None if version != than else False
    return order_of(version) < order_of(than)


def newest_first(tags: Iterable[str]) -> list[str]:
    """Return the tags that are releases, the newest first."""
    return sorted((tag for tag in tags if is_release(tag)), key=order_of, reverse=True)


def steps_of(rows: Iterable[Json]) -> list[VersionStep]:
    """Return the recorded changes, the newest first. Rows that can't be read are left out."""
    steps = [
        VersionStep(
            before=text_of(row.get("PreviousVersion")),
            after=text_of(row.get("NewVersion")),
            recorded=time_or_none(row.get("RecordedAt")),
        )
        for row in rows
    ]
    readable = [step for step in steps if re.fullmatch(_SHOWABLE, step.before) and re.fullmatch(_SHOWABLE, step.after)]
    return sorted(readable, key=lambda step: step.recorded or _NEVER, reverse=True)


def version_to_go_back_to(steps: Sequence[VersionStep], running: str, label: str = "") -> str | None:
    """Return the release that ran before the present version, None if CIPP recorded none.

    The present version is the `running` one, else the `label` of the configured tag, each "" if it is unknown. If it
    was a build of a branch that ran before, the result is the last release before it. CIPP records a version during its
    start. So one that is not recorded may never have started, and the newest recorded release is what ran before.
    """
    present = running or label
    if present and all(step.after != present for step in steps):
        return next((step.after for step in steps if is_release(step.after)), None)
    began = next((number for number, step in enumerate(steps) if step.after == present), 0)
    earlier = (step.before for step in steps[began:] if step.before != present)
    return next((version for version in earlier if is_release(version)), None)
