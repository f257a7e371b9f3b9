"""The data of a vault's secret: its list entry, a version without its value, and a version with it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from backend.errors import UnreadableResponseError
from backend.readings import object_of, text_of, text_or_none, texts_by_name, unix_time_or_none
from backend.values import SecretText, Value

ROTATED_BY: Final = "rotated-by"  # the tag that names the creator of a version
# The tag of an old, disabled version that is enabled only while a restore reads it. Its text is the time.
ENABLED_FOR_RESTORE: Final = "enabled-for-restore"
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Secret(Value, frozen=True):
    """A secret as the vault lists it, without its value. `version` is "" if its versions can't be read."""

    name: str
    version: str
    enabled: bool
    created: datetime | None
    updated: datetime | None
    expires: datetime | None
    content_type: str | None
    rotated_by: str | None


class Version(msgspec.Struct, frozen=True):
    """One version of a secret, without its value. `managed` is whether it belongs to a certificate in the vault.

    `is_complete` is whether the vault shows everything that a change depends on. An incomplete version must not decide
    anything: its `created` is `NEVER` if that is unknown.
    """

    id: str
    created: datetime
    updated: datetime | None
    enabled: bool
    expires: datetime | None
    tags: Mapping[str, str]
    content_type: str | None
    managed: bool
    is_complete: bool = True

    @property
    def known_created(self) -> datetime | None:
        """When it was stored, None if the vault does not show it."""
        return None if self.created == NEVER else self.created

    @property
    def is_enabled_for_restore(self) -> bool:
        """Whether it has the mark of a restore, after which it must be disabled."""
        return ENABLED_FOR_RESTORE in self.tags


class Stored(msgspec.Struct, frozen=True):
    """One version of a secret with its value."""

    name: str
    value: SecretText
    version: str
    created: datetime
    expires: datetime | None
    tags: Mapping[str, str]
    content_type: str | None
    is_complete: bool = True  # as of a `Version`


def secret_of(name: str, served: Version, *, version: str = "") -> Secret:
    """Return a secret with the data of its current version. `version` is the ID, "" if unknown."""
    return Secret(
        name=name,
        version=version,
        enabled=served.enabled,
        created=served.known_created,
        updated=served.updated,
        expires=served.expires,
        content_type=served.content_type,
        rotated_by=served.tags.get(ROTATED_BY),
    )


def name_of(secret: Mapping[str, Any]) -> str:
    """Return the name in a secret's address, such as https://cippabc12.vault.azure.net/secrets/Name, or "".

    The name has the case in which it was first stored.
    """
    return _parts_of(secret)[0]


def version_of(found: Mapping[str, Any]) -> Version:
    """Return a version as the vault lists it. A value that is missing, null or in another form is unknown.

    A version with an unknown state counts as enabled: then it is read, and the vault refuses if it is disabled.
    """
    attributes, tags, managed = object_of(found.get("attributes")), found.get("tags"), found.get("managed")
    created = unix_time_or_none(attributes.get("created"))
    texts = texts_by_name(tags)
    has_tags_only = tags is None or (isinstance(tags, dict) and len(texts) == len(tags))
    return Version(
        id=_parts_of(found)[1],
        created=created or NEVER,
        updated=unix_time_or_none(attributes.get("updated")),
        enabled=attributes.get("enabled") is not False,
        expires=unix_time_or_none(attributes.get("exp")),
        tags=MappingProxyType(texts),
        content_type=text_or_none(found.get("contentType")),
        managed=managed is not None and managed is not False,
        is_complete=created is not None and has_tags_only,
    )


def stored_of(secret: Mapping[str, Any], now: datetime) -> Stored:
    """Return a version with its value. If the vault does not show when it was stored, `now` is used.

    Then a failed sign-in does not make it count as revoked, and it is not due for rotation.

    Raises:
        UnreadableResponseError: The response lacks the value, the name or the version.
    """
    version, value = version_of(secret), secret.get("value")
    name = name_of(secret)
    if not isinstance(value, str) or not name or not version.id:
        raise UnreadableResponseError("the response lacks the value, the name or the version.")
    return Stored(
        name=name,
        value=SecretText(value),
        version=version.id,
        created=version.known_created or now,
        expires=version.expires,
        tags=version.tags,
        content_type=version.content_type,
        is_complete=version.is_complete,
    )


def _parts_of(secret: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the version in a secret's address, each "" if missing."""
    _, found, path = text_of(secret.get("id")).partition("/secrets/")
    name, _, version = path.partition("/")
    return (name, version.partition("/")[0]) if found else ("", "")


def version_of_stored(stored: Stored) -> Version:
    """Return a version that was read with its value in the form of a list entry. It is enabled, or it was not read."""
    return Version(
        id=stored.version,
        created=stored.created,
        updated=None,
        enabled=True,
        expires=stored.expires,
        tags=stored.tags,
        content_type=stored.content_type,
        managed=False,
        is_complete=stored.is_complete,
    )
