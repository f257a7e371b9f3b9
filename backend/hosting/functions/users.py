"""CIPP's users in the shape of function apps: those of its static web app. A user who is not known is invited."""

from typing import Final

from backend.access.roles import BASE
from backend.access.tables import AccessTables
from backend.errors import BackendError, ConflictError, NotFoundError
from backend.hosting.functions.static_web_app.invitations import StaticWebAppInvitations
from backend.hosting.functions.static_web_app.site import NoStaticWebAppError, StaticWebApp
from backend.hosting.functions.static_web_app.users import SUPERADMIN, StaticWebAppUsers
from backend.hosting.results.static_web_app import Guest, User
from backend.hosting.results.users import (
    Author,
    AvailableRole,
    BackendUser,
    BackendUserAct,
    BackendUsers,
    UserRole,
    UserWanted,
)
from backend.text.quoting import quoted

ENTRA: Final = "aad"


class StaticWebAppCippUsers:
    """The service of the users. Requires the permissions of `StaticWebAppUsers` and `StaticWebAppInvitations`."""

    def __init__(
        self,
        users: StaticWebAppUsers,
        invitations: StaticWebAppInvitations,
        app: StaticWebApp,
        access: AccessTables,
    ) -> None:
        self._users = users
        self._invitations = invitations
        self._app = app
        self._access = access

    def users(self) -> BackendUsers:
        """Return the users of the static web app. Without one, the list is empty, and a note states why."""
        found = self._users.users()
        superadmins = [user for user in found.users if _is_superadmin(user)]
        return BackendUsers(
            users=[_user(user, found.users, superadmins) for user in found.users],
            available_roles=[
                *(AvailableRole(role=name, is_custom=False) for name in BASE),
                *(AvailableRole(role=name, is_custom=True) for name in self._custom_roles()),
            ],
            address=self._address(),
            seats_used=found.seats_used,
            seats=found.seats,
            notes=[found.note] if found.note else [],
        )

    def set_roles(self, wanted: UserWanted, *, by: Author, dry_run: bool, force: bool) -> BackendUserAct:
        """Give a user these roles and no others, or invite a user who is not known.

        Raises:
            ConflictError: CIPP would have no superadmin left, or several users have this name.
            InvalidInputError: A field breaks Azure's rules.
        """
        del by, force
        user = self._find(wanted.user, wanted.provider)
        if user is None:
            return self._invite(wanted, dry_run=dry_run)
        act = self._users.set_roles(user_id=user.user_id, provider=user.provider, roles=wanted.roles, dry_run=dry_run)
        return BackendUserAct(dry_run=dry_run, would_do=act.would_do, done=act.done, user=act.user_id)

    def remove(self, user: str, provider: str | None, *, by: Author, dry_run: bool, force: bool) -> BackendUserAct:
        """Take all roles from a user.

        Raises:
            NotFoundError: The user does not exist.
            ConflictError: CIPP would have no superadmin left, or several users have this name.
        """
        del by, force
        found = self._find(user, provider)
        if found is None:
            raise NotFoundError(f"The user {quoted(user)} does not exist.", advice="ListBackendUsers lists the users.")
        act = self._users.remove(user_id=found.user_id, provider=found.provider, dry_run=dry_run)
        return BackendUserAct(dry_run=dry_run, would_do=act.would_do, done=act.done, user=act.user_id)

    def _invite(self, wanted: UserWanted, *, dry_run: bool) -> BackendUserAct:
        guest = Guest(wanted.user.strip(), wanted.provider or ENTRA, wanted.roles, wanted.hours, wanted.domain)
        made = self._invitations.invite(guest, dry_run=dry_run)
        return BackendUserAct(
            dry_run=dry_run,
            would_do=made.would_do,
            done=made.done,
            user=guest.details,
            is_new=True,
            invitation_url=made.invitation_url,
            expires_on=made.expires_on,
        )

    def _find(self, name: str, provider: str | None) -> User | None:
        """Return the user with this ID or name. The provider is needed only if several have it."""
        wanted, users = name.strip().lower(), self._users.users().users
        named = [user for user in users if wanted in (user.user_id.lower(), user.display_name.strip().lower())]
        found = [user for user in named if provider is None or user.provider.lower() == provider.lower()]
        if len(found) > 1:
            raise ConflictError(
                f"Several users have the name {quoted(name)}.",
                advice="Send the UserId and the Provider of one of them.",
            )
        return found[0] if found else None

    def _address(self) -> str | None:
        try:
            return f"https://{self._app.shown_host_name}" if self._app.shown_host_name else None
        except NoStaticWebAppError:
            return None

    def _custom_roles(self) -> list[str]:
        try:
            return sorted(self._access.read().custom_roles)
        except BackendError:
            return []


def _is_superadmin(user: User) -> bool:
    return SUPERADMIN in {role.lower() for role in user.roles}


def _user(user: User, users: list[User], superadmins: list[User]) -> BackendUser:
    name = user.display_name.strip()
    is_unique = sum(other.display_name.strip().lower() == name.lower() for other in users) == 1
    unknown = [role for role in user.roles if role in user.unknown_roles]
    return BackendUser(
        user=name if name and is_unique else user.user_id,
        display_name=name or None,
        provider=user.provider,
        user_id=user.user_id,
        roles=[UserRole(role=role, manual=True, exists=role not in user.unknown_roles) for role in user.roles],
        is_last_superadmin=superadmins == [user],
        problems=[f"CIPP has no role '{role}', so it gives nothing." for role in unknown],
    )
