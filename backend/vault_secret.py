"""A secret of the vault: as it is listed, a version without its value, and one with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from backend.values import SecretText, Value

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretProperties

ROTATED_BY: Final = "rotated-by"  # the tag that tells whose a version is
# The tag of an old version that was disabled and is enabled only while a restore reads it. Its text is the time.
ENABLED_FOR_RESTORE: Final = "enabled-for-restore"
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Secret(Value, frozen=True):
    """A secret as the vault lists it; never its value."""

    name: str
    version: str
    enabled: bool
    created: datetime | None
    updated: datetime | None
    expires: datetime | None
    content_type: str | None
    rotated_by: str | None


@dataclass(frozen=True)
class Version:
    """One version of a secret without its value. `managed`: it belongs to a certificate of the vault's own."""

    id: str
    created: datetime
    updated: datetime | None
    enabled: bool
    expires: datetime | None
    tags: Mapping[str, str]
    content_type: str | None
    managed: bool

    @property
    def is_enabled_for_restore(self) -> bool:
        """Whether it carries the mark of a restore, after which it is to be disabled."""
        return ENABLED_FOR_RESTORE in self.tags


@dataclass(frozen=True)
class Stored:
    """One version of a secret with its value."""

    name: str
    value: SecretText
    version: str
    created: datetime
    expires: datetime | None
    tags: Mapping[str, str]
    content_type: str | None


def secret_of(name: str, served: Version) -> Secret:
    """Show a secret by the version that it serves."""
    return Secret(
        name=name,
        version=served.id,
        enabled=served.enabled,
        created=served.created,
        updated=served.updated,
        expires=served.expires,
        content_type=served.content_type,
        rotated_by=served.tags.get(ROTATED_BY),
    )


def version_of(found: "SecretProperties") -> Version:
    """Read a version as the SDK lists it."""
    return Version(
        id=str(found.version),
        created=found.created_on or NEVER,
        updated=found.updated_on,
        enabled=bool(found.enabled),
        expires=found.expires_on,
        tags=MappingProxyType(dict(found.tags or {})),
        content_type=found.content_type,
        managed=bool(found.managed),
    )


def stored_of(secret: Any) -> Stored:  # noqa: ANN401 - the SDK is not imported for a type
    """Read a version with its value."""
    properties = secret.properties
    return Stored(
        name=str(secret.name),
        value=SecretText(secret.value or ""),
        version=str(properties.version),
        created=properties.created_on,
        expires=properties.expires_on,
        tags=MappingProxyType(dict(properties.tags or {})),
        content_type=properties.content_type,
    )


def version_of_stored(stored: Stored) -> Version:
    """Return a version that was read with its value, which only an enabled one is, as it is listed."""
    return Version(
        id=stored.version,
        created=stored.created,
        updated=None,
        enabled=True,
        expires=stored.expires,
        tags=stored.tags,
        content_type=stored.content_type,
        managed=False,
    )
