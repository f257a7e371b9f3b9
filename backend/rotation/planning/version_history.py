"""The versions of one vault secret: which of them this app stored, and in which order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a vault secret.

    - `is_own`: this app stored it.
    - `credential_id` is Graph's keyId or the certificate's thumbprint, from the tag, or from the hint and dates. It is
      "" if the credential is certainly not on the app, None if unknown. `tagged_id` is the one from the tag alone.
    - `follows` is the version that this app replaced. If the vault had none, `looked` is when that was checked.
    - `restored_from`: the value is that of the named earlier version.
    - `is_refused`: this run saw that it can't sign in.
    """

    id: str
    created: datetime
    enabled: bool = True
    is_own: bool = False
    credential_id: str | None = None
    tagged_id: str | None = None
    follows: str | None = None
    looked: datetime | None = None
    restored_from: str | None = None
    is_refused: bool = False


def first_stored(versions: Sequence[Version]) -> datetime:
    """Return when the served value was stored. A value that this app restored keeps its original age.

    A value that a person restored is as old as the restore, so it stays until the next week.
    """
    by_id = {version.id: version for version in versions}
    found: Version | None = versions[0]
    made = versions[0].created
    while found:
        made, found = found.created, by_id.pop(found.restored_from or "", None) if found.is_own else None
    return made


def overwritten_foreign_version(versions: Sequence[Version]) -> Version | None:
    """Return the version of others that this app overwrote, or None if there isn't one.

    It was stored after this app read the served version and before it wrote its own. Times are whole seconds, and the
    list has no order within a second. So the ids in the tags show which versions came before.
    """
    served, by_id = versions[0], {version.id: version for version in versions}
    base = by_id.get(served.follows or "")
    since = base.created if base else served.looked
    if not served.is_own or since is None:
        return None
    before = _came_before(served, by_id)
    is_sure = base is None or base.is_own  # else a version of the same second may have come before it
    for version in versions[1:]:
        is_younger = version.created > since or (is_sure and version.created == since)
        if (
            is_younger
            and version.id not in before
            and version.enabled
            and not version.is_own
            and not version.is_refused
        ):
            return version
    return None


def newest_two(versions: Sequence[Version]) -> list[Version]:
    """Return the newest two enabled versions. CIPP's weekly run keeps the certificates of these on its app."""
    return [version for version in versions if version.enabled][:2]


def pruned_ids(versions: Sequence[Version]) -> frozenset[str]:
    """Return the ids in lower case of the credentials that only versions before the newest two enabled ones hold."""
    kept = {version.credential_id.lower() for version in newest_two(versions) if version.credential_id}
    return frozenset(version.credential_id.lower() for version in versions if version.credential_id) - kept


def _came_before(written: Version, by_id: Mapping[str, Version]) -> set[str]:
    """Return the ids of the versions that came before, by the tags of this app."""
    before: set[str] = set()
    trail = [written]
    while trail:
        version = trail.pop()
        named = {id_ for id_ in (version.follows, version.restored_from) if id_} - before
        before |= named
        trail += [by_id[id_] for id_ in named if id_ in by_id]
    return before
