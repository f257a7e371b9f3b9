"""The users of the static web app and their roles."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from backend.access.roles import BASE, PLATFORM
from backend.access.tables import AccessRules, AccessTables
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import listed, sent
from backend.cipp.row_lock import row_lock
from backend.concurrency.loading import LOADING
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from backend.hosting.functions.static_web_app.site import NoStaticWebAppError, StaticWebApp
from backend.hosting.results.static_web_app import User, UserAct, Users
from backend.readings import properties_of, text_of, text_or_none
from backend.text.quoting import is_like_a_key, quoted

SUPERADMIN: Final = "superadmin"
ROLE: Final = r"[0-9A-Za-z_]{1,25}"
MOST_ROLES: Final = 50
API_VERSION: Final = "2025-05-01"  # azure-mgmt-web's own
WAIT_SECONDS: Final = 10.0  # for another writer
ROLES_UNKNOWN: Final = (
    "Couldn't read CIPP's tables, so its custom roles are unknown, and no role is listed as unknown. "
    "ListBackendRights shows what to do."
)
GROUPS_UNKNOWN: Final = (
    " that this app can see (CIPP's tables can't be read, so whether an Entra group is superadmin is unknown)"
)
NOT_LISTED: Final = "Azure can't list pending invitations. Each uses a seat when it is accepted."


class StaticWebAppUsers:
    """The service of the users. Requires listUsers, users/write and users/delete on the app."""

    def __init__(self, clients: Clients, app: StaticWebApp, access: AccessTables) -> None:
        self._clients = clients
        self._app = app
        self._access = access

    def users(self) -> Users:
        """Return the users who have roles."""
        try:
            found, knows_roles = self._users()
        except NoStaticWebAppError as error:
            return Users(users=[], seats_used=0, note=str(error))
        note = NOT_LISTED if knows_roles else f"{NOT_LISTED} {ROLES_UNKNOWN}"
        return Users(users=found, seats_used=sum(bool(user.roles) for user in found), note=note)

    def set_roles(self, *, user_id: str, provider: str, roles: Sequence[str], dry_run: bool) -> UserAct:
        """Give a user these roles and no others.

        Raises:
            ConflictError: CIPP would have no superadmin left.
        """
        checked = check_roles(roles)
        keeps = SUPERADMIN in {role.lower() for role in checked}

        def write(user: User) -> None:
            sent(
                self._app.operations.update_static_site_user,
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
            ConflictError: CIPP would have no superadmin left.
        """

        def write(user: User) -> None:
            with LOADING:
                from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported when ARM is called

            # Azure returns 204, but its specification, and so the SDK's method, expects 200.
            path = f"{self._app.resource['id']}/authproviders/{quote(user.provider)}/users/{quote(user.user_id)}"
            url = f"{self._clients.cloud.arm}{path}?api-version={API_VERSION}"
            self._app.client.send_request(HttpRequest("DELETE", url)).raise_for_status()

        def words(user: User) -> str:
            return f"remove '{user.display_name}' ({', '.join(user.roles)}) from '{self._app.name}'"

        return self._change(user_id, provider, words, write, keeps_superadmin=False, dry_run=dry_run)

    def _change(  # noqa: PLR0913 - a user by ID and provider, and the change
        self,
        user_id: str,
        provider: str,
        words: Callable[[User], str],
        write: Callable[[User], None],
        *,
        keeps_superadmin: bool,
        dry_run: bool,
    ) -> UserAct:
        """Change one user, under a lock: two concurrent changes could remove the last two superadmins."""
        if dry_run:
            user = self._leaving(user_id, provider, keeps_superadmin=keeps_superadmin)
            return UserAct(dry_run=True, would_do=[_sentence(words(user))], user_id=user.user_id)
        name = f"users of '{self._app.name}'"
        with row_lock(self._clients, name, run_id=uuid4().hex[:12], by="a writer", wait_seconds=WAIT_SECONDS) as lock:
            user = self._leaving(user_id, provider, keeps_superadmin=keeps_superadmin)
            lock.must_hold()
            with while_trying_to(words(user)):
                write(user)
        return UserAct(dry_run=False, done=[f"Done: {words(user)}."], user_id=user.user_id)

    def _leaving(self, user_id: str, provider: str, *, keeps_superadmin: bool) -> User:
        """Return the user, unless they are the last superadmin. A superadmin group in CIPP's table counts as another.

        If CIPP's table can't be read, groups don't count.
        """
        entries = self._entries()
        users = [user for entry in entries if (user := _user(entry, None))]
        user = _find(users, user_id, provider)
        unreadable = {text_of(entry.get("userId")) for entry in entries if not isinstance(entry.get("roles"), str)}
        may_be = _is_superadmin(user) or user.user_id in unreadable
        others = any(_is_superadmin(other) for other in users if other is not user)
        if not may_be or keeps_superadmin or others:
            return user
        rules = self._rules(is_fresh=True)
        if rules and any(SUPERADMIN in roles for roles in rules.groups.values()):
            return user
        unknown = "" if rules else GROUPS_UNKNOWN
        raise ConflictError(
            f"'{user.display_name}' is the last superadmin{unknown}.", advice="Make another user superadmin first."
        )

    def _users(self) -> tuple[list[User], bool]:
        """Return the users, and whether CIPP's custom roles are known."""
        rules = self._rules()
        custom = frozenset(rules.custom_roles) if rules else None
        return [user for entry in self._entries() if (user := _user(entry, custom))], custom is not None

    def _rules(self, *, is_fresh: bool = False) -> AccessRules | None:
        """Return the contents of CIPP's access tables, or None if they can't be read. The tables log the reason."""
        try:
            return self._access.read(is_fresh=is_fresh)
        except BackendError:
            return None

    def _entries(self) -> list[Mapping[str, Any]]:
        """Return the users' properties as Azure shows them."""
        name = self._app.name
        with while_trying_to(f"list the users of static web app '{name}'"):
            found = listed(self._app.operations.list_static_site_users, self._app.group, name, "all")
        return [properties_of(entry) for entry in found]


def check_roles(roles: Sequence[str]) -> list[str]:
    """Return the roles without duplicates, after a check by Azure's rules.

    Raises:
        InvalidInputError: The list is empty or too long, or a role's name is not valid.
    """
    checked = list(dict.fromkeys(role.strip() for role in roles))
    if not 1 <= len(checked) <= MOST_ROLES:
        raise InvalidInputError(f"Roles must have 1 to {MOST_ROLES} roles.", field="Roles")
    for role in checked:
        if not re.fullmatch(ROLE, role) or is_like_a_key(role) or role.lower() in PLATFORM:
            raise InvalidInputError(
                f"Invalid role {quoted(role)}: use 1 to 25 letters, digits or underscores, and not a role of the "
                "platform.",
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
        f"The user {quoted(user_id)} of provider {quoted(provider)} does not exist.",
        advice="ListStaticWebAppUsers lists the users.",
    )


def _user(properties: Mapping[str, Any], custom: frozenset[str] | None) -> User | None:
    """Return a user, None if Azure does not show the ID or provider. A user without readable roles has none."""
    user_id, provider = text_or_none(properties.get("userId")), text_or_none(properties.get("provider"))
    if user_id is None or provider is None:
        return None
    given = (role.strip() for role in text_of(properties.get("roles")).split(","))
    roles = [role for role in given if role and role.lower() not in PLATFORM]
    return User(
        user_id=user_id,
        display_name=text_of(properties.get("displayName")),
        provider=provider,
        roles=roles,
        unknown_roles=[] if custom is None else [role for role in roles if role.lower() not in BASE.keys() | custom],
    )
