"""Whether a start of CIPP's container may be an update, and which consent a request needs for it. Pure.

Every start pulls the newest image of the tag. So a start is an update if the tag moved since the last start. This app
compares versions as CIPP does: by the label of the image in the registry and the version that runs.
"""

from dataclasses import dataclass
from typing import Final

from backend.errors import ConflictError

UNKNOWN: Final = "unknown"  # the text of `Update` if not even the image is known


@dataclass(frozen=True)
class Versions:
    """The versions of CIPP's container. `image` is "" if it is unknown, as are both versions.

    `why_unknown` states why the version in the registry is unknown, and `why_not_running` why the one that runs is.
    """

    image: str = ""
    running: str = ""
    in_registry: str = ""
    why_unknown: str = ""
    why_not_running: str = ""


@dataclass(frozen=True)
class PossibleUpdate:
    """A start that may be an update. `consent` is the text of `Update` that allows it."""

    reason: str
    consent: str


def possible_update(versions: Versions) -> PossibleUpdate | None:
    """Return the update that a start may make, None if it certainly makes none."""
    image = versions.image or "the image"
    if not versions.in_registry:
        why = versions.why_unknown or "The registry's version is unknown."
        return PossibleUpdate(
            f"A start pulls {image}, and whether it is newer than the running version is unknown. {why}",
            versions.image or UNKNOWN,
        )
    if not versions.running:
        why = versions.why_not_running or "The running version is unknown."
        return PossibleUpdate(
            f"A start pulls {image} with version {versions.in_registry}. {why}", consent=versions.in_registry
        )
    if versions.running != versions.in_registry:
        return PossibleUpdate(
            f"A start updates CIPP from version {versions.running} to {versions.in_registry}.", versions.in_registry
        )
    return None


def refusal_of(possible: PossibleUpdate | None, update: str | None, action: str) -> ConflictError | None:
    """Return the error for a request without the consent that it needs, else None.

    `update` is the request's field `Update`. `action` completes "Couldn't ...".
    """
    given = (update or "").strip()
    if possible is None or given == possible.consent:
        return None
    outdated = "The Update of the request is not the version that a start pulls now. " if given else ""
    return ConflictError(
        f"Couldn't {action}: it may update CIPP. {outdated}{possible.reason}",
        advice=f'To allow the update, repeat with Update: "{possible.consent}", or with Force: true.',
    )
