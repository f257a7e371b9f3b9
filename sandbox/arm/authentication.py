"""The caller of a request, from its bearer token. Without a valid token: 401 with the challenge."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from starlette.requests import Request

from sandbox.arm.errors import ArmError, refused
from sandbox.clouds import Cloud
from sandbox.tokens import InvalidTokenError, TokenIssuer


@dataclass(frozen=True)
class Caller:
    """A signed-in principal."""

    object_id: str
    client_id: str
    tenant_id: str


def authenticate(request: Request, tokens: TokenIssuer, cloud: Cloud, tenant_id: str) -> Caller:
    """Return the caller that the token was issued to.

    Raises:
        ArmError: 401 in ARM's wording: the token is missing, expired, for another audience, or of another issuer.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise _unauthorized(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
            "The authentication failed because of missing 'Authorization' header.",
            tenant_id,
        )
    if scheme.lower() != "bearer":
        raise _unauthorized(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
            "The authentication scheme is not supported.",
            tenant_id,
        )
    unproven = _read(token)
    audience = str(unproven.get("aud", ""))
    try:
        claims = tokens.check(token, frozenset({audience}))
    except InvalidTokenError as error:
        if error.expired:
            raise _expired(unproven, tenant_id) from error
        message = "The access token is invalid."
        raise _unauthorized("InvalidAuthenticationToken", message, message, tenant_id) from error
    _check_audience(audience, cloud, tenant_id)
    return Caller(str(claims.get("oid")), str(claims.get("appid", claims.get("oid"))), str(claims.get("tid")))


def check_tenant(caller: Caller, tenant_id: str) -> None:
    """Accept only callers of the subscription's own tenant.

    Raises:
        ArmError: 401. The caller signed in to another tenant.
    """
    if caller.tenant_id == tenant_id:
        return
    message = (
        f"The access token is from the wrong issuer 'https://sts.windows.net/{caller.tenant_id}/'. It must match "
        f"the tenant 'https://sts.windows.net/{tenant_id}/' associated with this subscription. Please use the "
        f"authority (URL) 'https://login.windows.net/{tenant_id}' to get the token. Note, if the subscription is "
        "transferred to another tenant there is no impact to the services, but information about new "
        "tenant could take time to propagate (up to an hour). If you just transferred your subscription "
        "and see this error message, please try back later."
    )
    raise _unauthorized("InvalidAuthenticationTokenTenant", message, message, tenant_id)


def _check_audience(audience: str, cloud: Cloud, tenant_id: str) -> None:
    if audience.rstrip("/") in cloud.arm_audiences:
        return
    allowed = ",".join(f"'{a}/','{a}'" for a in sorted(cloud.arm_audiences, reverse=True))
    message = (
        f"The access token has been obtained for wrong audience or resource '{audience}'. "
        f"It should exactly match with one of the allowed audiences {allowed}."
    )
    raise _unauthorized("InvalidAuthenticationTokenAudience", message, message, tenant_id)


def _expired(claims: dict[str, Any], tenant_id: str) -> ArmError:
    expiry, now = (_american(t) for t in (datetime.fromtimestamp(claims["exp"], UTC), datetime.now(UTC)))
    message = f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'."
    return _unauthorized("ExpiredAuthenticationToken", message, message, tenant_id)


def _american(time: datetime) -> str:
    return f"{time.month}/{time.day}/{time.year} {time.hour % 12 or 12}:{time:%M:%S %p}"


def _read(token: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return claims


def _unauthorized(code: str, message: str, description: str, tenant_id: str) -> ArmError:
    challenge = (
        f'Bearer authorization_uri="https://login.windows.net/{tenant_id}", error="invalid_token", '
        f'error_description="{description}"'
    )
    return refused(401, code, message, {"www-authenticate": challenge})
