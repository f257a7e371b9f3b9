"""A static web app as ARM stores it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from sandbox.arm.resource import Resource
from sandbox.moment import moment

_TOKEN_AFTER: Final = timedelta(seconds=5)
_ADDING_AFTER: Final = timedelta(seconds=10)
READY_AFTER: Final = timedelta(seconds=30)
GONE_AFTER: Final = timedelta(seconds=20)


@dataclass
class User:
    """A user with roles. `roles` doesn't include the platform's own two roles."""

    user_id: str
    display_name: str
    provider: str
    roles: list[str]


@dataclass
class CustomDomain:
    """A host name that becomes Ready.

    The sandbox has no DNS. It always accepts a CNAME, unless the domain ends in `.invalid`, a
    suffix that no DNS can have. A TXT record never exists, so its domain stays Validating,
    as it does on Azure until the DNS entry is added.
    """

    name: str
    created: datetime
    validation_method: str = "cname-delegation"
    validation_token: str | None = None
    deleted: datetime | None = None

    def status(self, now: datetime) -> str:
        """Return the status that ARM shows."""
        age = now - self.created
        if self.deleted:
            return "Deleting"
        if self.validation_method == "dns-txt-token":
            return "RetrievingValidationToken" if age < _TOKEN_AFTER else "Validating"
        if age < _ADDING_AFTER:
            return "Validating"
        if self.name.endswith(".invalid"):
            return "Failed"
        return "Adding" if age < READY_AFTER else "Ready"

    def token(self, now: datetime) -> str | None:
        """Return the value for the TXT record, or None if it is not generated yet."""
        return None if self.status(now) == "RetrievingValidationToken" else self.validation_token

    def error(self, now: datetime) -> str | None:
        """Return why the domain failed."""
        if self.status(now) != "Failed":
            return None
        return "CNAME Record is invalid. Please ensure the CNAME record has been created."

    def gone(self, now: datetime) -> bool:
        """Return whether its deletion is complete."""
        return self.deleted is not None and now - self.deleted >= GONE_AFTER


@dataclass(frozen=True)
class Backend:
    """An app that serves a static web app's `/api`."""

    name: str
    resource_id: str
    region: str
    created: datetime


@dataclass(kw_only=True)
class StaticSite(Resource):
    """A static web app. `linked` and `provided` are the two ways in which Azure stores its backend."""

    type: ClassVar[str] = "Microsoft.Web/staticSites"

    default_hostname: str
    repository_url: str
    branch: str
    api_key: str
    created: datetime
    app_settings: dict[str, str] = field(default_factory=dict)
    users: list[User] = field(default_factory=list)
    domains: dict[str, CustomDomain] = field(default_factory=dict)  # by lower-case name
    linked: list[Backend] = field(default_factory=list)
    provided: list[Backend] = field(default_factory=list)

    def domains_at(self, now: datetime) -> list[CustomDomain]:
        """Return the domains that are not deleted."""
        return [d for d in self.domains.values() if not d.gone(now)]

    def snapshot(self, now: datetime) -> dict[str, Any]:
        """Return the app as `/sandbox/state` shows it."""
        return {
            "users": [
                {"userId": u.user_id, "displayName": u.display_name, "provider": u.provider, "roles": u.roles}
                for u in self.users
            ],
            "customDomains": {
                d.name: {
                    "status": d.status(now),
                    "validationToken": d.token(now),
                    "errorMessage": d.error(now),
                    "createdOn": moment(d.created),
                }
                for d in self.domains_at(now)
            },
            "linkedBackends": [b.resource_id for b in self.linked],
        }
