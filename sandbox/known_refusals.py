r"""Refusals that a test plants by Azure's code: status, envelope and wording of each.

The wording is from recorded responses and from those that people pasted into public issues (Key Vault's firewall,
private link, recovery and disabled secret, App Service's stopped site, Resource Manager's locks, policies, deny
assignments and subscriptions, storage without shared keys). This project has not seen them from real Azure.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox import names
from sandbox.arm.target import Target, target_of
from sandbox.clouds import Place
from sandbox.key_vault import errors as vault_errors
from sandbox.key_vault.errors import VaultError

_SUBSCRIPTION: Final = f"/subscriptions/{names.SUBSCRIPTION_ID}"
_POLICY: Final = f"{_SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments/1f0cae28"
_POLICY_NAME: Final = "Only approved changes"
_DENY_ID: Final = "7d3e5b1c2a4f4e6d8c9b0a1f2e3d4c5b"
# Responses of a stopped site and its deployment site, shortened.
STOPPED_PAGE: Final = (
    "<!DOCTYPE html>\r\n<html>\r\n<head>\r\n    <title>Web App - Unavailable</title>\r\n</head>\r\n"
    '<body bgcolor="#00abec">\r\n    <div id="content">\r\n'
    '        <h1 id="unavailable">Error 403 - This web app is stopped.</h1>\r\n'
    '        <p id="tryAgain">The web app you have attempted to reach is currently stopped and does not accept any '
    "requests. Please try to reload the page or visit it again soon.</p>\r\n    </div>\r\n</body>\r\n</html>\r\n"
)
_BLOCKED_PAGE: Final = (
    "<!DOCTYPE html>\r\n<html>\r\n<head>\r\n    <title>Web App - Unavailable</title>\r\n</head>\r\n"
    '<body>\r\n    <h1 id="unavailable">Error 403 - Forbidden</h1>\r\n'
    "    <p>The web app you have attempted to reach has blocked your access.</p>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True)
class Refused:
    """The refused call."""

    place: Place
    method: str
    path: str
    now: datetime

    @property
    def target(self) -> Target:
        """The target of the call, in Resource Manager's terms."""
        return target_of(self.method, self.path)

    @property
    def secret(self) -> str:
        """The name of the secret in a path of the vault."""
        return "".join(self.path.strip("/").split("/")[1:2])


def _arm(status: int, code: str, message: str, **more: object) -> Response:
    body = {"error": {"code": code, "message": message, **more}}
    return JSONResponse(body, status, {"x-ms-failure-cause": "gateway"})


def _of_vault(error: VaultError) -> Response:
    return JSONResponse(error.body, error.status)


def _storage(status: int, code: str, message: str) -> Callable[[Refused], Response]:
    def respond(refused: Refused) -> Response:
        request_id = str(uuid.uuid4())
        text = f"{message}\nRequestId:{request_id}\nTime:{refused.now:%Y-%m-%dT%H:%M:%S}.0000000Z"
        body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": text}}}
        headers = {"x-ms-error-code": code, "x-ms-request-id": request_id}
        return JSONResponse(body, status, headers, media_type="application/json;odata=minimalmetadata")

    return respond


def _firewall(refused: Refused) -> Response:
    vault = refused.place.vault
    return _of_vault(
        VaultError(
            403,
            "Forbidden",
            "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\n"
            f"Caller: appid={names.BACKEND_CLIENT_ID};oid={names.BACKEND_PRINCIPAL_ID};"
            f"iss=https://sts.windows.net/{names.TENANT_ID}/\r\nVault: {vault};location={names.LOCATION}",
            "ForbiddenByFirewall",
        )
    )


def _private_link(refused: Refused) -> Response:
    return _of_vault(
        VaultError(
            403,
            "Forbidden",
            "Connection is not an approved private link and caller was ignored because bypass is not set to "
            "'AzureServices' and PublicNetworkAccess is set to 'Disabled'.\r\n"
            f"Vault: {refused.place.vault};location={names.LOCATION}",
            "ForbiddenByConnection",
        )
    )


def _settling(state: str, code: str) -> Callable[[Refused], Response]:
    def respond(refused: Refused) -> Response:
        return _of_vault(vault_errors.settling(refused.secret, state, code))

    return respond


def _policy(refused: Refused) -> Response:
    name = refused.target.scope.rpartition("/")[2]
    identifiers = (
        f'[{{"policyAssignment":{{"name":"{_POLICY_NAME}","id":"{_POLICY}"}},'
        f'"policyDefinition":{{"name":"Deny changes",'
        f'"id":"{_SUBSCRIPTION}/providers/Microsoft.Authorization/policyDefinitions/9c2b"}}}}]'
    )
    info: dict[str, Any] = {
        "policyDefinitionEffect": "deny",
        "policyAssignmentId": _POLICY,
        "policyAssignmentName": "1f0cae28",
        "policyAssignmentDisplayName": _POLICY_NAME,
        "policyAssignmentScope": _SUBSCRIPTION,
    }
    return _arm(
        403,
        "RequestDisallowedByPolicy",
        f"Resource '{name}' was disallowed by policy. Policy identifiers: '{identifiers}'.",
        target=name,
        additionalInfo=[{"type": "PolicyViolation", "info": info}],
    )


def _deny_assignment(refused: Refused) -> Response:
    target = refused.target
    return _arm(
        403,
        "DenyAssignmentAuthorizationFailed",
        f"The client '{names.BACKEND_CLIENT_ID}' with object id '{names.BACKEND_PRINCIPAL_ID}' has permission to "
        f"perform action '{target.action}' on scope '{target.scope}'; however, the access is denied because of the "
        f"deny assignment with name 'Deny assignment of stack cipp' and Id '{_DENY_ID}' at scope '{_SUBSCRIPTION}'.",
    )


def _lock(refused: Refused) -> Response:
    scope = refused.target.scope
    verb = "delete" if refused.method == "DELETE" else "write"
    return _arm(
        409,
        "ScopeLocked",
        f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: "
        f"'{names.RESOURCE_GROUP_ID}'. Please remove the lock and try again.",
    )


def _plain(status: int, code: str, message: str) -> Callable[[Refused], Response]:
    return lambda _: _arm(status, code, message)


def _unregistered(refused: Refused) -> Response:
    namespace = refused.target.provider or "Microsoft.Web"
    return _arm(
        409,
        "MissingSubscriptionRegistration",
        f"The subscription is not registered to use namespace '{namespace}'. See "
        "https://aka.ms/rps-not-found for how to register subscriptions.",
    )


def _page(text: str) -> Callable[[Refused], Response]:
    return lambda _: Response(text, 403, {"content-type": "text/html"})


REFUSALS: Final[dict[str, Callable[[Refused], Response]]] = {
    "ForbiddenByFirewall": _firewall,
    "ForbiddenByConnection": _private_link,
    "SecretDisabled": lambda _: _of_vault(vault_errors.disabled()),
    "ObjectIsBeingRecovered": _settling("recovered", "ObjectIsBeingRecovered"),
    "ObjectIsBeingDeleted": _settling("deleted", "ObjectIsBeingDeleted"),
    "RequestDisallowedByPolicy": _policy,
    "DenyAssignmentAuthorizationFailed": _deny_assignment,
    "ScopeLocked": _lock,
    "MissingSubscriptionRegistration": _unregistered,
    "ReadOnlyDisabledSubscription": _plain(
        409,
        "ReadOnlyDisabledSubscription",
        f"The subscription '{names.SUBSCRIPTION_ID}' is disabled and therefore marked as read only. You cannot perform "
        "any write actions on this subscription until it is re-enabled.",
    ),
    "SubscriptionNotFound": _plain(
        404, "SubscriptionNotFound", f"The subscription '{names.SUBSCRIPTION_ID}' could not be found."
    ),
    "InvalidAuthenticationTokenTenant": _plain(
        401,
        "InvalidAuthenticationTokenTenant",
        "The access token is from the wrong issuer 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/'. It "
        f"must match the tenant 'https://sts.windows.net/{names.TENANT_ID}/' associated with this subscription.",
    ),
    "ExpiredAuthenticationToken": _plain(
        401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."
    ),
    "SiteStopped": _page(STOPPED_PAGE),
    "SiteBlocked": _page(_BLOCKED_PAGE),
    "KeyBasedAuthenticationNotPermitted": _storage(
        403,
        "KeyBasedAuthenticationNotPermitted",
        "Key based authentication is not permitted on this storage account.",
    ),
    "AuthorizationFailure": _storage(
        403, "AuthorizationFailure", "This request is not authorized to perform this operation."
    ),
}
