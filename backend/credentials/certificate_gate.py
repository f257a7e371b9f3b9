"""Whether a certificate may be stored by hand, by CIPP's weekly run. Pure.

That run removes certificates from CIPP's app that are older than the newest two enabled versions of the secret. This is
from CIPP's public source, and was never run. So two changes need `Force`:

- a restore of a version that is not one of these two, because its certificate may have been removed already
- a store after which CIPP might still use a certificate that is not one of these two
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Final

from backend.credentials.kinds import CERTIFICATE
from backend.errors import ConflictError
from backend.key_vault.secrets import Version
from backend.key_vault.tags import CREDENTIAL_ID

KEPT: Final = 2
_FORCE: Final = "To store it anyway, without the sign-in check, set Force: true."


@dataclass(frozen=True)
class LastRead:
    """Since when every CIPP app certainly has its keys, None if unknown, and how they are read.

    `next_read` is when CIPP reads them by itself, None if that is unknown. `zone` is CIPP's. `now` is Azure's time.
    """

    since: datetime | None
    now: datetime
    next_read: datetime | None
    zone: tzinfo

    @property
    def advice(self) -> str:
        """How CIPP reads its keys, as an instruction."""
        if self.next_read is None:
            return "Restart CIPP's apps (ExecFunctionAppRestart), so that they read the current one."
        local = f"{self.next_read.astimezone(self.zone):%H:%M} of its time zone"
        return f"Wait until CIPP reads its keys, on {self.next_read:%Y-%m-%d} at {self.next_read:%H:%M} UTC ({local})."


def refuse_old(version: Version, versions: Sequence[Version]) -> None:
    """Check that a version is among the newest two enabled ones. `versions` has the current one first.

    Raises:
        ConflictError: It is not.
    """
    if version not in [found for found in versions if found.enabled][:KEPT]:
        raise ConflictError(
            f"Version {version.id} of '{CERTIFICATE}' was not stored again: it is not one of the newest two enabled "
            "versions, and CIPP's weekly run removes the certificates of all others from its app.",
            advice=f"Restore one of these two, or let ExecKeyRotation create a new certificate. {_FORCE}",
        )


def dropped(versions: Sequence[Version], restored: Version | None) -> list[tuple[Version, Version]]:
    """Return the versions that a new one pushes out of the newest two enabled ones, each after its newer one.

    Left out are those with the certificate of the current version, or of the `restored` one, and expired ones.
    """
    enabled = [version for version in versions if version.enabled]
    kept = {_credential(version) for version in (*enabled[:1], restored) if version} - {""}
    return [
        (newer, version)
        for newer, version in pairwise(versions)
        if version in enabled[1:] and version is not restored and _credential(version) not in kept
    ]


def refuse_used(candidates: Sequence[tuple[Version, Version]], last: LastRead) -> None:
    """Check that CIPP certainly uses none of the versions that would be pushed out.

    Raises:
        ConflictError: It might use one.
    """
    used = [
        version
        for newer, version in candidates
        if (last.since is None or last.since <= newer.created) and not (version.expires and version.expires <= last.now)
    ]
    if used:
        raise ConflictError(
            f"The certificate was not stored: CIPP might still use version {used[0].id} of '{CERTIFICATE}', and its "
            "weekly run removes all but the newest two from its app.",
            advice=f"{last.advice} {_FORCE}",
        )


def _credential(version: Version) -> str:
    return version.tags.get(CREDENTIAL_ID, "").lower()
