"""A secret and its versions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.moment import moment


@dataclass(frozen=True)
class SecretVersion:
    """One value of a secret. Its attributes can change, its value can't. Times are whole seconds."""

    version: str
    value: str = field(repr=False)
    created: datetime
    updated: datetime
    enabled: bool = True
    not_before: datetime | None = None
    expires: datetime | None = None
    content_type: str | None = None
    tags: dict[str, str] | None = None

    def snapshot(self) -> dict[str, Any]:
        """Return the version as `/sandbox/state` shows it."""
        return {
            "version": self.version,
            "value": self.value,
            "enabled": self.enabled,
            "created": moment(self.created),
            "updated": moment(self.updated),
            "expires": moment(self.expires),
            "tags": self.tags or {},
            "contentType": self.content_type,
        }


@dataclass(frozen=True)
class Secret:
    """A name and its versions, oldest first, at least one. A change creates another `Secret`."""

    name: str  # in the case of the first write
    versions: tuple[SecretVersion, ...]
    managed: bool = False  # it belongs to a certificate, and only that can change it

    @property
    def latest(self) -> SecretVersion:
        """The version for a call without a version, enabled or not."""
        return self.versions[-1]

    def snapshot(self) -> list[dict[str, Any]]:
        """Return the versions as `/sandbox/state` shows them, oldest first."""
        return [version.snapshot() for version in self.versions]


@dataclass(frozen=True)
class DeletedSecret:
    """A secret in the soft-deleted state."""

    secret: Secret
    deleted: datetime
    retention: timedelta

    @property
    def purges(self) -> datetime:
        """When the secret is deleted permanently."""
        return self.deleted + self.retention
