"""The versions of one vault secret: which of them is ours, and what came before what. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a vault secret.

    `credential_id` is Graph's keyId, or the certificate's thumbprint, as tagged or told by hint and dates; "" is
    surely none of ours on the app, None unknown. `follows` is the version that ours was put on top of; where the
    vault had none, `looked` is when that was seen. `restored_from`: its value is that earlier version's.
    `tagged_id` is the credential as tagged alone. `dead`: this run saw that it does not sign in.
    """

    id: str
    created: datetime
    enabled: bool = True
    ours: bool = False
    credential_id: str | None = None
    tagged_id: str | None = None
    follows: str | None = None
    looked: datetime | None = None
    restored_from: str | None = None
    dead: bool = False


def first_stored(versions: Sequence[Version]) -> datetime:
    """Return when the served value was stored. What this app put back is as old as it was before.

    What a person restored is as old as that restore: it is to stay until the next week.
    """
    by_id = {version.id: version for version in versions}
    found: Version | None = versions[0]
    made = versions[0].created
    while found:
        made, found = found.created, by_id.pop(found.restored_from or "", None) if found.ours else None
    return made


def someone_elses_under_ours(versions: Sequence[Version]) -> Version | None:
    """Find what someone stored between our look and our write: it is younger than what ours follows.

    Times are whole seconds and the list has no order within one, so what came before ours is told by its ids.
    """
    served, by_id = versions[0], {version.id: version for version in versions}
    base = by_id.get(served.follows or "")
    since = base.created if base else served.looked
    if not served.ours or since is None:
        return None
    before = _came_before(served, by_id)
    is_sure = base is None or base.ours  # else what was stored in the same second may have come before it
    for version in versions[1:]:
        is_younger = version.created > since or (is_sure and version.created == since)
        if is_younger and version.id not in before and version.enabled and not version.ours and not version.dead:
            return version
    return None


def _came_before(ours: Version, by_id: Mapping[str, Version]) -> set[str]:
    """Answer the versions of which our tags tell that they were there before."""
    before: set[str] = set()
    trail = [ours]
    while trail:
        version = trail.pop()
        told = {id_ for id_ in (version.follows, version.restored_from) if id_} - before
        before |= told
        trail += [by_id[id_] for id_ in told if id_ in by_id]
    return before
