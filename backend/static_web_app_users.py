"""Who has which role in the static web app."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from backend.act import Act
from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.errors import ConflictError, InvalidInputError, NotFoundError, while_trying_to
from backend.loading import LOADING
from backend.quoting import is_like_a_key, quoted
from backend.row_lock import row_lock
from backend.static_web_app import NoStaticWebAppError, StaticWebApp
from backend.values import Value

SEATS: Final = 25  # users in custom roles, per app, on every plan (Static Web Apps quotas)
PLATFORM_ROLES: Final = frozenset({"anonymous", "authenticated"})
SUPERADMIN: Final = "superadmin"
BASE_ROLES: Final = frozenset({SUPERADMIN, "admin", "editor", "readonly"})
ROLE: Final = r"[0-9A-Za-z_]{1,25}"
MOST_ROLES: Final = 50
API_VERSION: Final = "2025-05-01"  # azure-mgmt-web's own
WAIT_SECONDS: Final = 10.0  # for another writer
ROLES_UNKNOWN: Final = (
    "CIPP's custom roles are unknown, since CIPP's tables can't be read, so no role is listed as unknown. "
    "ListBackendRights shows what to do."
)
GROUPS_UNKNOWN: Final = (
    " that this app knows of (whether an Entra group is superadmin is unknown, since CIPP's tables can't be read)"
)
NOT_LISTED: Final = "Azure cannot list invitations that nobody has accepted yet; each takes a seat when it is."


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
    note: str
    seats: int = SEATS


class UserAct(Act, frozen=True, kw_only=True):
    """Roles changed or a user removed."""

    user_id: str


class StaticWebAppUsers:
    """The service of the users. Needs listUsers, users/write and users/delete on the app."""

    def __init__(self, clients: Clients, app: StaticWebApp, tables: CippTables) -> None:
        self._clients = clients
        self._app = app
        self._tables = tables

    def users(self) -> Users:
        """List the users with roles."""
        try:
            found, knows_roles = self._users()
        except NoStaticWebAppError as error:
            return Users(users=[], seats_used=0, note=str(error))
        note = NOT_LISTED if knows_roles else f"{NOT_LISTED} {ROLES_UNKNOWN}"
        return Users(users=found, seats_used=sum(bool(user.roles) for user in found), note=note)

    def set_roles(self, *, user_id: str, provider: str, roles: Sequence[str], dry_run: bool) -> UserAct:
        """Give a user these roles and no others.

        Raises:
            ConflictError: It would leave nobody who is superadmin.
        """
        checked = check_roles(roles)
        keeps = SUPERADMIN in {role.lower() for role in checked}

        def write(user: User) -> None:
            self._app.operations.update_static_site_user(
                self._app.group,
                self._app.name,
                user.provider,
                user.user_id,
                {"properties": {"roles": ",".join(checked)}},
            )

        def words(user: User) -> str:
            before = ", ".join(user.roles) or "none"
            return f"give '{user.display_name}' the roles {', '.join(checked)} instead of {before}"

        return self._change(user_id, provider, words, write, keeps_superadmin=keeps, dry_run=dry_run)

    def remove(self, *, user_id: str, provider: str, dry_run: bool) -> UserAct:
        """Take all roles from a user.

        Raises:
            ConflictError: It would leave nobody who is superadmin.
        """

        def write(user: User) -> None:
            with LOADING:
                from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported where ARM is asked

            # Azure answers 204, where its description, and so the SDK's own method, expects 200.
            path = f"{self._app.resource['id']}/authproviders/{quote(user.provider)}/users/{quote(user.user_id)}"
            url = f"{self._clients.cloud.arm}{path}?api-version={API_VERSION}"
            self._app.client.send_request(HttpRequest("DELETE", url)).raise_for_status()

        def words(user: User) -> str:
            return f"remove '{user.display_name}' ({', '.join(user.roles)}) from '{self._app.name}'"

        return self._change(user_id, provider, words, write, keeps_superadmin=False, dry_run=dry_run)

    def _change(  # noqa: PLR0913 - a user by two names, and what shall happen
        self,
        user_id: str,
        provider: str,
        words: Callable[[User], str],
        write: Callable[[User], None],
        *,
        keeps_superadmin: bool,
        dry_run: bool,
    ) -> UserAct:
        """Change one user; one change at a time, or two could each leave the other's superadmin as the last."""
        if dry_run:
            user = self._leaving(user_id, provider, keeps_superadmin=keeps_superadmin)
            return UserAct(dry_run=True, would_do=[_sentence(words(user))], user_id=user.user_id)
        name = f"users of '{self._app.name}'"
        with row_lock(self._clients, name, run_id=uuid4().hex[:12], by="a writer", wait_seconds=WAIT_SECONDS) as held:
            user = self._leaving(user_id, provider, keeps_superadmin=keeps_superadmin)
            held.must_hold()
            with while_trying_to(words(user)):
                write(user)
        return UserAct(dry_run=False, done=[f"Done: {words(user)}."], user_id=user.user_id)

    def _leaving(self, user_id: str, provider: str, *, keeps_superadmin: bool) -> User:
        """Return the user, unless they are the last superadmin. A group that is one in CIPP's table counts.

        Where CIPP's table can't be read, no group counts.
        """
        users, _ = self._users()
        user = _find(users, user_id, provider)
        others = any(_is_superadmin(other) for other in users if other is not user)
        if not _is_superadmin(user) or keeps_superadmin or others:
            return user
        has_group = self._tables.has_superadmin_group()
        if has_group:
            return user
        unknown = "" if has_group is False else GROUPS_UNKNOWN
        raise ConflictError(
            f"'{user.display_name}' is the last superadmin{unknown}: make another user superadmin first."
        )

    def _users(self) -> tuple[list[User], bool]:
        """Return the users, and whether CIPP's custom roles are known."""
        name, custom = self._app.name, self._tables.custom_roles()
        with while_trying_to(f"list the users of static web app '{name}'"):
            listed = self._app.operations.list_static_site_users(self._app.group, name, "all")
            return [_user(found.as_dict()["properties"], custom) for found in listed], custom is not None


def check_roles(roles: Sequence[str]) -> list[str]:
    """Check roles by Azure's rules; answer them without repeats.

    Raises:
        InvalidInputError: None, too many, or one that is no role's name.
    """
    checked = list(dict.fromkeys(role.strip() for role in roles))
    if not 1 <= len(checked) <= MOST_ROLES:
        raise InvalidInputError(f"Roles must have from 1 to {MOST_ROLES} roles.", field="Roles")
    for role in checked:
        if not re.fullmatch(ROLE, role) or is_like_a_key(role) or role.lower() in PLATFORM_ROLES:
            raise InvalidInputError(
                f"{quoted(role)} is not a role: 1 to 25 letters, digits and underscores, not one of the platform's.",
                field="Roles",
            )
    return checked


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _is_superadmin(user: User) -> bool:
    return SUPERADMIN in {role.lower() for role in user.roles}


def _find(users: Sequence[User], user_id: str, provider: str) -> User:
    for user in users:
        if user.user_id.lower() == user_id.lower() and user.provider.lower() == provider.lower():
            return user
    raise NotFoundError(
        f"The user {quoted(user_id)} of provider {quoted(provider)} does not exist. ListStaticWebAppUsers lists them."
    )


def _user(properties: Mapping[str, Any], custom: frozenset[str] | None) -> User:
    given = (role.strip() for role in str(properties.get("roles") or "").split(","))
    roles = [role for role in given if role and role.lower() not in PLATFORM_ROLES]
    return User(
        user_id=properties["userId"],
        display_name=properties.get("displayName") or "",
        provider=properties["provider"],
        roles=roles,
        unknown_roles=[] if custom is None else [role for role in roles if role.lower() not in BASE_ROLES | custom],
    )
