"""Which of CIPP's roles a principal has.

For a user by claims they come, in this order, from the token's roles, from its groups, from Graph; for a user of the
static web app from its roles, and only where it has none of its own from Graph; for an application from CIPP alone.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from backend.access_tables import SHORT_WAIT_SECONDS, WAIT_SECONDS, Known
from backend.backend import Backend
from backend.errors import BackendError
from backend.key_vault import is_guid
from backend.roles import BASE, PLATFORM, Held, base_of
from backend.seats import NOT_NEEDED, Seat, SeatsTakenError
from settings.denials import NotAllowedError
from settings.principal import ENTRA, Application, StaticWebAppUser, User

logger = logging.getLogger("cipp.access")
# What went wrong is in the log: these are told to anyone who is signed in.
_OUT_OF_REACH: Final = (
    "Custom roles, groups and API clients are not known now, since CIPP's tables are out of reach: ask again in a "
    "moment. If it stays so, look whether CIPP_STORAGE names CIPP's storage; this app's log says more."
)
_GROUPS_UNKNOWN: Final = (
    "Roles by Entra groups are not known now, since Graph refused or was silent: ask again in a minute. If it stays "
    "so, grant CIPP's SAM app Directory.Read.All, or take an app role; this app's log says more."
)


def of_static_web_app_user(user: StaticWebAppUser, backend: Backend, seat: Seat = NOT_NEEDED) -> Held:
    """Return the roles of a user of the static web app.

    Raises:
        SeatsTakenError: The caller needs a seat to wait, and none is free. The others raise it, too.
        NotAllowedError: The static web app gave not even its own roles, which everybody has.
    """
    names = _lower(user.roles)
    if not names:
        raise NotAllowedError("Access is not allowed: the static web app names no roles for you. Sign in again.")
    own = [name for name in names if name not in PLATFORM]
    if set(names) != set(PLATFORM) or user.provider.lower() != ENTRA or "@" not in user.name:
        return _held(own, backend, seat)
    return _by_groups(user.name, backend, seat)


def of_user(user: User, backend: Backend, seat: Seat = NOT_NEEDED) -> Held:
    """Return the roles of a user by claims."""
    own = [name for name in _lower(user.roles) if name not in PLATFORM]
    if base_of(own):
        return _held(own, backend, seat, drop_unknown=True)
    known = _known(backend, WAIT_SECONDS, seat)
    if known is None:
        return Held(unknown=tuple(own), note=_OUT_OF_REACH)
    found = [name for name in own if name in known.custom_roles]
    if not found and (by_groups := _roles_of_groups(_lower(user.groups), known)):
        try:
            found = by_groups if backend.partner_tenant.is_partner(user.tenant.lower(), seat) else []
        except SeatsTakenError:
            raise
        except BackendError as error:
            return _groups_unknown(known, error)
    if found:
        return _counted(found, known)
    return _by_groups(user.object_id, backend, seat, tenant=user.tenant)


def of_application(application: Application, backend: Backend, seat: Seat = NOT_NEEDED) -> Held:
    """Return the role of an API client.

    Raises:
        NotAllowedError: CIPP does not know it, it is not enabled or has no role, or the tables are out of reach.
    """
    known = _known(backend, WAIT_SECONDS, seat)
    if known is None:
        raise NotAllowedError(f"Access is not allowed: {_OUT_OF_REACH}")
    client = known.clients.get(application.client_id)
    who = f"the API client {application.client_id}"
    if client is None:
        raise NotAllowedError(f"Access is not allowed: CIPP does not know {who}. Add it to CIPP's API clients.")
    if not client.enabled:
        raise NotAllowedError(f"Access is not allowed: {who} is not enabled in CIPP.")
    if not client.role or client.role in PLATFORM:
        raise NotAllowedError(f"Access is not allowed: {who} has no role in CIPP. Give it one.")
    if client.role not in BASE and client.role not in known.custom_roles:
        raise NotAllowedError(f"Access is not allowed: CIPP has no role '{client.role}', which {who} should have.")
    # A client has addresses of its own; those of its role are for people.
    return replace(_counted([client.role], known), ranges=client.ranges, title=client.name)


def _by_groups(user: str, backend: Backend, seat: Seat, tenant: str | None = None) -> Held:
    """Return the roles that a user has by groups: those of the partner's tenant alone does the SAM app know."""
    known = _known(backend, WAIT_SECONDS, seat)
    if known is None:
        return Held(note=_OUT_OF_REACH)
    if tenant is not None and not (is_guid(user) and known.groups):
        return _counted([], known)
    try:
        is_partner = tenant is None or backend.partner_tenant.is_partner(tenant.lower(), seat)
        groups = backend.group_members.of(user, known.groups, seat) if is_partner else frozenset()
    except SeatsTakenError:
        raise
    except BackendError as error:
        return _groups_unknown(known, error)
    return _counted(_roles_of_groups(groups, known), known)


def _groups_unknown(known: Known, error: BackendError) -> Held:
    """Return no roles, and that those by groups are unknown."""
    logger.warning("Roles by Entra groups are unknown: %s", error)
    return Held(all_custom=tuple(known.custom_roles.values()), note=_GROUPS_UNKNOWN)


def _roles_of_groups(groups: Iterable[str], known: Known) -> list[str]:
    return sorted({role for group in groups for role in known.groups.get(group, ())})


def _held(names: list[str], backend: Backend, seat: Seat, *, drop_unknown: bool = False) -> Held:
    """Return roles by their names. Superadmin needs no table, and every other base role goes on without."""
    base = base_of(names)
    if base is BASE["superadmin"]:
        return Held(base=base)
    if not names:
        return Held()
    others = [name for name in names if name not in BASE]
    can_go_on = base is not None and not others and backend.access_tables.was_read
    known = _known(backend, SHORT_WAIT_SECONDS if can_go_on else WAIT_SECONDS, seat)
    if known is None:
        # From where a base role may call is as it was when the tables last told.
        ranges = backend.access_tables.last.ranges_of(name for name in names if name in BASE)
        return Held(base=base, unknown=tuple(others), note=_OUT_OF_REACH, ranges=ranges)
    return _counted(names, known, drop_unknown=drop_unknown)


def _counted(names: list[str], known: Known, *, drop_unknown: bool = False) -> Held:
    custom = [known.custom_roles[name] for name in names if name in known.custom_roles]
    unknown = [name for name in names if name not in BASE and name not in known.custom_roles]
    return Held(
        base=base_of(names),
        custom=tuple(custom),
        unknown=() if drop_unknown else tuple(unknown),
        ranges=known.ranges_of(names),
        all_custom=tuple(known.custom_roles.values()),
    )


def _known(backend: Backend, wait_seconds: float, seat: Seat) -> Known | None:
    """Return what CIPP's tables hold, or None if that is unknown, which their own log line explains."""
    try:
        return backend.access_tables.read(wait_seconds, seat)
    except SeatsTakenError:
        raise
    except BackendError:
        return None


def _lower(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.strip().lower() for name in names))
