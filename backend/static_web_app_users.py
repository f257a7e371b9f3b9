"""Who has which role in the static web app, and invitations to one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backend.act import Act
from backend.cipp_tables import CippTables
from backend.errors import ConflictError, InvalidInputError, NotFoundError, while_trying_to
from backend.static_web_app import NONE, StaticWebApp
from backend.values import Value

SEATS: Final = 25  # users in custom roles, per app, on every plan (Static Web Apps quotas)
PLATFORM_ROLES: Final = frozenset({"anonymous", "authenticated"})
SUPERADMIN: Final = "superadmin"
BASE_ROLES: Final = frozenset({SUPERADMIN, "admin", "editor", "readonly"})
ROLE: Final = r"[0-9A-Za-z_]{1,25}"
MOST_ROLES: Final = 50
LONGEST_HOURS: Final = 168
DONE_WITHOUT_CONTENT: Final = 204


class User(Value, frozen=True):
    """One user with roles; `unknown_roles` are neither CIPP's own nor custom roles of its table."""

    user_id: str
    display_name: str
    provider: str
    roles: list[str]
    unknown_roles: list[str]


class Users(Value, frozen=True):
    """The users, the seats they take, and what Azure cannot list."""

    users: list[User]
    seats_used: int
    seats: int
    note: str


class Invitation(Act, frozen=True, kw_only=True):
    """An invitation. The address is given this once; whoever has it takes the roles."""

    invitation_url: str | None = None
    expires_on: datetime | None = None


class UserAct(Act, frozen=True, kw_only=True):
    """Roles changed or a user removed."""

    user_id: str


@dataclass(frozen=True)
class Guest:
    """Whom to invite: `details` is the e-mail address or user name; `domain` None is the default host name."""

    details: str
    provider: str
    roles: Sequence[str]
    hours: int
    domain: str | None


class StaticWebAppUsers:
    """The service of the users. Needs Microsoft.Web/staticSites/* on the static web app."""

    def __init__(self, app: StaticWebApp, tables: CippTables) -> None:
        self._app = app
        self._tables = tables

    def users(self) -> Users:
        """List the users with roles."""
        note = "Azure cannot list invitations that nobody has accepted yet; each takes a seat when it is."
        try:
            found = self._users()
        except NotFoundError:
            return Users(users=[], seats_used=0, seats=SEATS, note=NONE)
        return Users(users=found, seats_used=len(found), seats=SEATS, note=note)

    def invite(self, guest: Guest, *, dry_run: bool) -> Invitation:
        """Invite a user; the link is answered once and kept nowhere. Sent once: a repeat would invite twice."""
        checked = check_roles(guest.roles)
        if not 1 <= guest.hours <= LONGEST_HOURS:
            raise InvalidInputError(f"Hours must be from 1 to {LONGEST_HOURS}.", field="Hours")
        if not guest.details.strip():
            raise InvalidInputError("UserDetails is empty: it is the e-mail address or user name.", field="UserDetails")
        subscription, group, name = self._app.where()
        host = self._domain(guest.domain)
        who = f"'{guest.details}' ({guest.provider}) to '{name}' as {', '.join(checked)} for {guest.hours} hours"
        if dry_run:
            return Invitation(dry_run=True, would_do=[f"Invite {who}."])
        envelope = {
            "properties": {
                "domain": host,
                "provider": guest.provider,
                "userDetails": guest.details,
                "roles": ",".join(checked),
                "numHoursToExpiration": guest.hours,
            }
        }
        with while_trying_to(f"invite {who}"):
            made = self._app.client(subscription).create_user_roles_invitation_link(
                group, name, envelope, retry_total=0
            )
        return Invitation(
            dry_run=False,
            done=[f"Invited {who}."],
            invitation_url=made.as_dict()["properties"]["invitationUrl"],
            expires_on=made.properties.expires_on,
        )

    def set_roles(self, *, user_id: str, provider: str, roles: Sequence[str], dry_run: bool) -> UserAct:
        """Give a user these roles and no others.

        Raises:
            ConflictError: It would leave nobody who is superadmin.
        """
        checked = check_roles(roles)
        users = self._users()
        user = _find(users, user_id, provider)
        if SUPERADMIN not in {role.lower() for role in checked}:
            self._keep_a_superadmin(users, user)
        subscription, group, name = self._app.where()
        what = f"give '{user.display_name}' the roles {', '.join(checked)} instead of {', '.join(user.roles) or 'none'}"
        if dry_run:
            return UserAct(dry_run=True, would_do=[f"{what.capitalize()}."], user_id=user.user_id)
        with while_trying_to(f"{what} in '{name}'"):
            self._app.client(subscription).update_static_site_user(
                group, name, user.provider, user.user_id, {"properties": {"roles": ",".join(checked)}}
            )
        return UserAct(
            dry_run=False, done=[f"'{user.display_name}' has the roles {', '.join(checked)} now."], user_id=user.user_id
        )

    def remove(self, *, user_id: str, provider: str, dry_run: bool) -> UserAct:
        """Take all roles from a user.

        Raises:
            ConflictError: It would leave nobody who is superadmin.
        """
        users = self._users()
        user = _find(users, user_id, provider)
        self._keep_a_superadmin(users, user)
        subscription, group, name = self._app.where()
        if dry_run:
            would_do = [f"Remove '{user.display_name}' ({', '.join(user.roles)}) from '{name}'."]
            return UserAct(dry_run=True, would_do=would_do, user_id=user.user_id)
        with while_trying_to(f"remove '{user.display_name}' from '{name}'"):
            try:
                self._app.client(subscription).delete_static_site_user(group, name, user.provider, user.user_id)
            except Exception as error:
                # Azure answers 204, where its description, and so the SDK, expects 200.
                if getattr(error, "status_code", None) != DONE_WITHOUT_CONTENT:
                    raise
        return UserAct(dry_run=False, done=[f"Removed '{user.display_name}' from '{name}'."], user_id=user.user_id)

    def _users(self) -> list[User]:
        subscription, group, name = self._app.where()
        custom = self._tables.custom_roles()
        with while_trying_to(f"list the users of static web app '{name}'"):
            listed = self._app.client(subscription).list_static_site_users(group, name, "all")
            return [_user(found.as_dict()["properties"], custom) for found in listed]

    def _keep_a_superadmin(self, users: Sequence[User], leaving: User) -> None:
        """Refuse to take the last superadmin; a group that is superadmin in CIPP's table counts as one."""
        if SUPERADMIN not in leaving.roles or self._tables.has_superadmin_group():
            return
        if not any(SUPERADMIN in user.roles for user in users if user is not leaving):
            raise ConflictError(
                f"'{leaving.display_name}' is the last superadmin: make somebody else superadmin first."
            )

    def _domain(self, wanted: str | None) -> str:
        """Answer the host name that an invitation leads to: the one asked for, if it is ready."""
        default = self._app.default_host_name()
        if wanted is None:
            return default
        ready = [default, *(domain.name for domain in self._app.domains() if domain.state == "Ready")]
        if wanted.lower() not in ready:
            raise InvalidInputError(f"'{wanted}' is no ready domain here: {', '.join(ready)}.", field="Domain")
        return wanted.lower()


def check_roles(roles: Sequence[str]) -> list[str]:
    """Check roles by Azure's rules; answer them without repeats.

    Raises:
        InvalidInputError: None, too many, or one that is no role's name.
    """
    checked = list(dict.fromkeys(role.strip() for role in roles))
    if not 1 <= len(checked) <= MOST_ROLES:
        raise InvalidInputError(f"Roles must have from 1 to {MOST_ROLES} roles.", field="Roles")
    for role in checked:
        if not re.fullmatch(ROLE, role) or role.lower() in PLATFORM_ROLES:
            raise InvalidInputError(
                f"'{role}' is no role: up to 25 letters, digits and underscores, and none of the platform's own.",
                field="Roles",
            )
    return checked


def _find(users: Sequence[User], user_id: str, provider: str) -> User:
    for user in users:
        if user.user_id.lower() == user_id.lower() and user.provider.lower() == provider.lower():
            return user
    raise NotFoundError(f"There is no user '{user_id}' of provider '{provider}'; ListStaticWebAppUsers lists them.")


def _user(properties: Mapping[str, Any], custom: frozenset[str]) -> User:
    roles = [role for role in str(properties.get("roles") or "").split(",") if role and role not in PLATFORM_ROLES]
    return User(
        user_id=properties["userId"],
        display_name=properties.get("displayName") or "",
        provider=properties["provider"],
        roles=roles,
        unknown_roles=[role for role in roles if role.lower() not in BASE_ROLES | custom],
    )
