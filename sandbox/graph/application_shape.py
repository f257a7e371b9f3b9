"""An application in Graph's format."""

import copy
from typing import Any, Final

from sandbox.application import Application
from sandbox.moment import moment

# The properties of a new application, in Graph's order.
_UNTOUCHED: Final[dict[str, Any]] = {
    "id": None,
    "deletedDateTime": None,
    "appId": None,
    "applicationTemplateId": None,
    "disabledByMicrosoftStatus": None,
    "createdDateTime": None,
    "displayName": None,
    "description": None,
    "groupMembershipClaims": None,
    "identifierUris": [],
    "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None,
    "nativeAuthenticationApisEnabled": None,
    "notes": None,
    "publisherDomain": None,
    "serviceManagementReference": None,
    "signInAudience": "AzureADMyOrg",
    "tags": [],
    "tokenEncryptionKeyId": None,
    "uniqueName": None,
    "samlMetadataUrl": None,
    "defaultRedirectUri": None,
    "certification": None,
    "optionalClaims": None,
    "servicePrincipalLockConfiguration": None,
    "requestSignatureVerification": None,
    "addIns": [],
    "api": {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": None,
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
    },
    "appRoles": [],
    "info": {
        "logoUrl": None,
        "marketingUrl": None,
        "privacyStatementUrl": None,
        "supportUrl": None,
        "termsOfServiceUrl": None,
    },
    "keyCredentials": [],
    "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    "passwordCredentials": [],
    "publicClient": {"redirectUris": []},
    "requiredResourceAccess": [],
    "verifiedPublisher": {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None},
    "web": {
        "homePageUrl": None,
        "logoutUrl": None,
        "redirectUris": [],
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
        "redirectUriSettings": [],
    },
    "spa": {"redirectUris": []},
}
READ_ONLY: Final = frozenset({"id", "appId", "deletedDateTime", "createdDateTime", "publisherDomain", "certification"})
PATCHABLE: Final = frozenset(_UNTOUCHED) - READ_ONLY


def as_graph(app: Application, publisher_domain: str, *, with_keys: bool = False) -> dict[str, Any]:
    """Return the whole application. Include the certificates' public keys only if they were selected."""
    return copy.deepcopy(_UNTOUCHED) | {
        **{name: _completed(_UNTOUCHED.get(name), value) for name, value in app.properties.items()},
        "id": app.id,
        "appId": app.app_id,
        "createdDateTime": moment(app.created),
        "displayName": app.display_name,
        "publisherDomain": publisher_domain,
        "passwordCredentials": [password.as_graph() for password in app.passwords],
        "keyCredentials": [key.as_graph(with_key=with_keys) for key in app.keys],
    }


def _completed(untouched: object, value: object) -> object:
    """Return a complex property with all its members."""
    if isinstance(untouched, dict) and isinstance(value, dict):
        return copy.deepcopy(untouched) | value
    return value
