"""The users of a static web app and their roles, and invitations."""

import re
import secrets
import uuid
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.sites import page
from sandbox.arm.static_site import StaticSite, User
from sandbox.arm.static_sites import STATIC_SITE, child

_USER: Final = f"{STATIC_SITE}/authproviders/{{provider}}/users/{{user}}"
_EVERYONE: Final = ("anonymous", "authenticated")  # the platform's own roles, added to every response
_LONGEST_HOURS: Final = 168
_MOST_ROLES: Final = 50
_ROLE: Final = re.compile(r"[0-9A-Za-z_]{1,25}")


def _shown(site: StaticSite, user: User) -> dict[str, Any]:
    properties = {
        "provider": user.provider,
        "userId": user.user_id,
        "displayName": user.display_name,
        "roles": ",".join([*user.roles, *_EVERYONE]),
    }
    path = f"authproviders/{user.provider}/users/{user.user_id}"
    return child(site, "users", user.user_id, properties, path)


def _list(call: Call) -> Response:
    site, provider = call.static_site(), call.params["provider"].lower()
    return JSONResponse(page([_shown(site, u) for u in site.users if provider in ("all", u.provider)]))


def _find(call: Call, site: StaticSite) -> User:
    provider, user_id = call.params["provider"].lower(), call.params["user"].lower()
    for user in site.users:
        if user.user_id == user_id and provider in ("all", user.provider):
            return user
    raise not_found(f"User {call.params['user']} was not found.")


def _patch(call: Call) -> Response:
    site = call.static_site()
    user = _find(call, site)
    user.roles = _roles(call.properties.get("roles", ""))
    return JSONResponse(_shown(site, user))


def _delete(call: Call) -> Response:
    """Return 204 as Azure does. Its specification, and so azure-mgmt-web, expects 200."""
    site = call.static_site()
    site.users.remove(_find(call, site))
    return Response(status_code=204)


def _roles(text: object) -> list[str]:
    if not isinstance(text, str):
        raise bad_request("The parameter roles has an invalid value.")
    roles = [r.strip() for r in text.split(",") if r.strip()]
    roles = [r for r in dict.fromkeys(roles) if r.lower() not in _EVERYONE]
    wrong = [r for r in roles if not _ROLE.fullmatch(r)]
    if wrong or len(roles) > _MOST_ROLES:
        raise bad_request(f"The parameter roles has an invalid value: {', '.join(wrong) or 'too many roles'}.")
    return roles


def _invite(call: Call) -> Response:
    site, wanted = call.static_site(), call.properties
    hours = _hours(wanted.get("numHoursToExpiration"))
    domain, provider, details = (str(wanted.get(k) or "") for k in ("domain", "provider", "userDetails"))
    ready = {d.name for d in site.domains_at(call.now) if d.status(call.now) == "Ready"}
    if domain.lower() not in {site.default_hostname, *ready}:
        raise bad_request(f"The domain {domain} is not a domain of the static site.")
    if not provider or not details:
        raise bad_request("The parameters provider and userDetails are required.")
    roles = quote(",".join(_roles(wanted.get("roles"))), safe="")
    expires = call.now + timedelta(hours=hours)
    until = quote(expires.strftime("%Y-%m-%dT%H:%M:%SZ"), safe="")
    link = (
        f"https://{domain}/.auth/invitations/accept?provider={provider}&userDetails={quote(details, safe='')}"
        f"&roles={roles}&se={until}&sig={quote(secrets.token_urlsafe(32), safe='')}"
    )
    properties = {"expiresOn": expires.isoformat().replace("+00:00", "Z"), "invitationUrl": link}
    return JSONResponse(child(site, "invitations", str(uuid.uuid4()), properties))


def _hours(value: object) -> int:
    """Return the hours. The Azure CLI sends the number in quotes, which is accepted."""
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= _LONGEST_HOURS:
        raise bad_request(f"The parameter numHoursToExpiration must be from 1 to {_LONGEST_HOURS}.")
    return int(text)


OPERATIONS: Final = (
    Operation("POST", f"{STATIC_SITE}/authproviders/{{provider}}/listUsers", _list),
    Operation("PATCH", _USER, _patch),
    Operation("DELETE", _USER, _delete),
    Operation("POST", f"{STATIC_SITE}/createUserInvitation", _invite),
)
