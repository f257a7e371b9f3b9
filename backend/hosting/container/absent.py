"""What CIPP as a container lacks. Reads get an empty result with the reason, and writes are refused."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from backend.hosting.results.apps import Deployments
from backend.hosting.results.static_web_app import StaticWebAppState, Users
from backend.hosting.shape_errors import absent
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from backend.hosting.results.apps import SyncAct
    from backend.hosting.results.migration import MigrationReport
    from backend.hosting.results.static_web_app import Domain, DomainAct, Guest, Invitation, UserAct, Validation

_NO_STATIC_WEB_APP: Final = "CIPP runs as one container, which serves its pages itself. It has no static web app."
_NO_FORK: Final = "CIPP runs as one container, from an image. It is not deployed from a fork."
_MIGRATED: Final = "CIPP runs as one container. There is nothing to migrate."
_APP: Final = "ListBackend shows the web app."
_STATES: Final = "ListBackend shows what a migration left, and ListBackendRights what this app lacks."
_DOMAINS: Final = "ListBackendDomains lists the domains of the web app, and ExecBackendDomainAdd adds one."
_USERS: Final = "ListBackendUsers shows CIPP's users. ExecBackendUserSet and ExecBackendUserRemove change them."
_IMAGE: Final = "ListBackendVersions shows the image and its versions, and ExecBackendVersionSet sets one."
_absent: Final = partial(absent, Shape.CONTAINER)


class NoStaticWebApp:
    """No static web app."""

    def state(self) -> StaticWebAppState:
        """Raise the error with the state of no static web app."""
        empty = StaticWebAppState(exists=False, reason=_NO_STATIC_WEB_APP)
        raise _absent(_NO_STATIC_WEB_APP, _APP, empty)


class NoDomains:
    """No domains of a static web app."""

    def domains(self) -> "list[Domain]":
        """Raise the error with an empty list."""
        raise _absent(_NO_STATIC_WEB_APP, _DOMAINS, [])

    def add(self, domain: str, validation: "Validation", *, dry_run: bool, force: bool = False) -> "DomainAct":
        """Refuse."""
        del domain, validation, dry_run, force
        raise _absent(_NO_STATIC_WEB_APP, _DOMAINS)

    def remove(self, domain: str, *, dry_run: bool) -> "DomainAct":
        """Refuse."""
        del domain, dry_run
        raise _absent(_NO_STATIC_WEB_APP, _DOMAINS)


class NoUserRoles:
    """No users of a static web app."""

    def users(self) -> Users:
        """Raise the error with no users."""
        raise _absent(_NO_STATIC_WEB_APP, _USERS, Users(users=[], seats_used=0, note=_NO_STATIC_WEB_APP, seats=0))

    def set_roles(self, *, user_id: str, provider: str, roles: Sequence[str], dry_run: bool) -> "UserAct":
        """Refuse."""
        del user_id, provider, roles, dry_run
        raise _absent(_NO_STATIC_WEB_APP, _USERS)

    def remove(self, *, user_id: str, provider: str, dry_run: bool) -> "UserAct":
        """Refuse."""
        del user_id, provider, dry_run
        raise _absent(_NO_STATIC_WEB_APP, _USERS)


class NoInvitations:
    """No invitations of a static web app."""

    def invite(self, guest: "Guest", *, dry_run: bool) -> "Invitation":
        """Refuse."""
        del guest, dry_run
        raise _absent(_NO_STATIC_WEB_APP, _USERS)


class NoMigration:
    """No migration, because CIPP is a container already."""

    def report(self, caller: str | None) -> "MigrationReport":
        """Refuse."""
        del caller
        raise _absent(_MIGRATED, _STATES)


class NoForkDeployments:
    """No deployments from a fork."""

    def deployments(self, name: str | None) -> Deployments:
        """Raise the error with no deployments."""
        empty = Deployments(name=name or "", source=None, deployments=[], same_version=None, versions={})
        raise _absent(_NO_FORK, _IMAGE, empty)

    def sync(self, name: str | None, *, dry_run: bool, force: bool) -> "SyncAct":
        """Refuse."""
        del name, dry_run, force
        raise _absent(_NO_FORK, _IMAGE)
