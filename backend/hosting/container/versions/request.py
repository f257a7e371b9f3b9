"""The tag that a request for a version names, and the way back from it. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from backend.errors import InvalidInputError
from backend.hosting.container.updates.reference import CHANNELS, ImageReference
from backend.hosting.container.versions.history import is_older, is_release

BRANCH: Final = r"(?:preview|feat|fix|refactor|perf|chore|build|revert)-[a-z0-9][a-z0-9._-]{0,54}"
_ONE: Final = "Send either Channel or Version."


def requested_tag(channel: str | None, version: str | None) -> str:
    """Return the tag of a channel or a version. An image is never pinned by digest: CIPP's own update breaks then.

    Raises:
        InvalidInputError: Not exactly one is given, or it is not the tag of a channel, a branch build or a release.
    """
    if (channel is None) == (version is None):
        raise InvalidInputError("Invalid request: it must name either a channel or a version.", advice=_ONE)
    if version is not None:
        tag = version.strip()
        if not is_release(tag):
            raise InvalidInputError(
                "Invalid Version: it must be a released version such as 10.8.5, without a digest.",
                field="Version",
                advice="ListBackendVersions lists the published versions.",
            )
        return tag
    tag = (channel or "").strip().lower()
    if tag not in CHANNELS and not re.fullmatch(BRANCH, tag):
        raise InvalidInputError(
            f"Invalid Channel: it must be one of {', '.join(CHANNELS)}, or the tag of a branch build.",
            field="Channel",
            advice="ListBackendVersions lists the channels and the branch builds.",
        )
    return tag


@dataclass(frozen=True)
class WayBack:
    """The image that restores the former version, and that version."""

    image: ImageReference
    version: str


def ways_back(before: ImageReference, target: ImageReference, running: str, label: str) -> list[WayBack]:
    """Return the ways back to the running version, the best first, [] if none is certain.

    `running` is the version that runs, and `label` that of the image as configured, each "" if it is unknown. The tag
    of the running release comes first, because it does not move. The registry must have it. A digest is never a way
    back, because CIPP's own update breaks then, and neither is the new image itself.
    """
    found = []
    if is_release(running):
        found.append(WayBack(ImageReference(before.host, before.repository, running), running))
    if label and running in ("", label):
        found.append(WayBack(before, label))
    return [way for way in found if not way.image.digest and way.image != target]


def effects(before: str, after: str, target: ImageReference) -> list[str]:
    """Return what a change of the version means, as sentences. Versions are "" if they are unknown."""
    sentences = [f"CIPP runs version {before or 'unknown'}, and would run {after}."]
    if before != after and is_older(after, before) is not False:
        older = "It is older" if is_older(after, before) else "If it is older"
        sentences.append(
            f"{older}: CIPP's tables stay as the newer version left them, and no source states that an older one "
            "reads them."
        )
    if target.is_pinned:
        sentences.append(
            "The image is then pinned: CIPP installs no update, and its own page always shows a pending change."
        )
    else:
        sentences.append("Each later start then installs the newest version of this channel.")
    return sentences
