"""A secret and its versions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.moment import moment


@dataclass(frozen=True)
class SecretVersion:
    """One value of a secret; its attributes may change later, its value never. Times are whole seconds."""

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
        """Show the version as `/sandbox/state` does."""
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
    """A name and its versions, oldest first, at least one. A change makes another `Secret`."""

    name: str  # in the case in which it was first stored
    versions: tuple[SecretVersion, ...]
    managed: bool = False  # it backs a certificate, so only the certificate may change it

    @property
    def latest(self) -> SecretVersion:
        """The version that a call without a version means, enabled or not."""
        return self.versions[-1]

    def snapshot(self) -> list[dict[str, Any]]:
        """Show the versions as `/sandbox/state` does, oldest first."""
        return [version.snapshot() for version in self.versions]


@dataclass(frozen=True)
class DeletedSecret:
    """A secret in the soft-deleted state."""

    secret: Secret
    deleted: datetime
    retention: timedelta

    @property
    def purges(self) -> datetime:
        """When it is gone for good."""
        return self.deleted + self.retention
