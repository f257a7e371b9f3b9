"""A change of a secret by hand: what is wanted, and what came of it."""

from dataclasses import dataclass
from datetime import datetime

from backend.act import Act
from backend.values import SecretText, Value


class SecretVersion(Value, frozen=True):
    """One version of a secret; never its value."""

    version: str
    enabled: bool
    current: bool
    created: datetime
    updated: datetime | None
    expires: datetime | None
    content_type: str | None
    rotated_by: str | None
    restored_from: str | None


class SecretAct(Act, frozen=True, kw_only=True):
    """A secret that was set, restored or recovered.

    A name that the vault does not have and that does not read like a name is `***`: it may be a value in the wrong
    place.

    `proven` tells whether it signs in, tried before it was stored, or after it was recovered, since a deleted
    secret cannot be read; None: it is no key, or a dry run could not tell.
    """

    name: str
    version: str | None = None
    proven: bool | None = None


@dataclass(frozen=True)
class NewValue:
    """What is to be stored."""

    value: SecretText
    expires: datetime | None = None
    content_type: str = ""


@dataclass(frozen=True)
class ChangeOrder:
    """Who wants a change, and how.

    `force`: nothing is proven, ApplicationID and TenantID may be changed, and a storage that fails is passed by.
    """

    by: str
    dry_run: bool = False
    force: bool = False
