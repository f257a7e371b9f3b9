"""Convert versions of a secret: to what a run stores, and from the vault's versions to those of the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backend.key_vault.secrets import ROTATED_BY, Stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.tags import CREDENTIAL_ID, FOLLOWS, LOOKED, OUR_NAME, RESTORED_FROM
from backend.readings import time_or_none
from backend.rotation.planning.version_history import Version
from backend.values import SecretText


@dataclass(frozen=True)
class Fresh:
    """A verified key, and the data to store with it."""

    value: SecretText
    content_type: str
    expires: datetime | None
    tags: Mapping[str, str] = field(default_factory=dict)


def planned(version: VaultVersion, *, refused: frozenset[str] = frozenset()) -> Version:
    """Return a vault's version in the form of the plan. `refused` are the ids of those that can't sign in."""
    return Version(
        id=version.id,
        created=version.created,
        enabled=version.enabled,
        is_own=version.tags.get(ROTATED_BY) == OUR_NAME,
        credential_id=version.tags.get(CREDENTIAL_ID),
        tagged_id=version.tags.get(CREDENTIAL_ID),
        follows=version.tags.get(FOLLOWS),
        looked=time_or_none(version.tags.get(LOOKED)),
        restored_from=version.tags.get(RESTORED_FROM),
        is_refused=version.id in refused,
    )


def restored(stored: Stored, credential_id: str | None = None) -> Fresh:
    """Return an earlier version in the form in which it is stored again.

    `credential_id` is used if its tags don't name the credential.
    """
    of_credential = stored.tags.get(CREDENTIAL_ID) or credential_id
    tags = {RESTORED_FROM: stored.version, **({CREDENTIAL_ID: of_credential} if of_credential else {})}
    return Fresh(stored.value, stored.content_type or "", stored.expires, tags)
