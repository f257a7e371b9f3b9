"""A manual change of a secret: the order and its result."""

from datetime import datetime

import msgspec

from backend.values import Act, SecretText, Value


class SecretVersion(Value, frozen=True):
    """One version of a secret, without its value."""

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

    A name that is not in the vault and does not look like a name is shown as `***`: it may be a value in the wrong
    field.

    `proven` is whether a key can sign in. This is checked before it is stored, or after its recovery, because a deleted
    secret can't be read. The value null stands for a secret that is not a key, or a dry run that could not check it.
    """

    name: str
    version: str | None = None
    proven: bool | None = None


class NewValue(msgspec.Struct, frozen=True):
    """The value to store."""

    value: SecretText
    expires: datetime | None = None
    content_type: str = ""


class ChangeOrder(msgspec.Struct, frozen=True):
    """The caller of a change, and its options.

    `force` skips the sign-in check, allows changes of ApplicationID and TenantID, and ignores a failure of the storage.
    """

    by: str
    dry_run: bool = False
    force: bool = False
