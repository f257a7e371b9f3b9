"""What CIPP as a container lacks. Reads get an empty result with the reason, and writes are refused."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from backend.hosting.results import Deployments, StaticWebAppState, Users
from backend.hosting.shape_errors import AbsentError, NotInThisShape
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from backend.hosting.results import Domain, DomainAct, Guest, Invitation, SyncAct, UserAct, Validation

_NO_STATIC_WEB_APP: Final = "CIPP runs as one container, which serves its pages itself. It has no static web app."
_NO_FORK: Final = "CIPP runs as one container, from an image. It is not deployed from a fork."
_APP: Final = "ListBackend shows the web app."
_DOMAINS: Final = "Domains belong to the web app: open the link Domains of ExecBackendURLs."
_USERS: Final = "Open CIPP's own page of users: Application Settings, CIPP Users."
_IMAGE: Final = "ListBackend shows the image and its version. A restart pulls the newest one."


def _absent(reason: str, instead: str, empty: object = None) -> AbsentError:
    return AbsentError(NotInThisShape(shape=Shape.CONTAINER.value, reason=reason, instead=instead), empty)


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
