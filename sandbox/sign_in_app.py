"""The app registration with which people sign in to CIPP as a container, as CIPP creates it."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from sandbox import names
from sandbox.application import Application, PasswordCredential, new_secret_text
from sandbox.directory import Directory, ServicePrincipal, Tenant
from sandbox.seed_secret import SeedSecret

_SIGN_IN_SCOPES: Final = (  # openid, profile and email of Microsoft Graph
    "37f7f235-527c-4136-accd-4a02d197296e",
    "14dad69e-099b-42c9-810b-d002981feec1",
    "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
)


def seeded_sign_in(directory: Directory, partner: Tenant, host: str, stored: datetime) -> dict[str, SeedSecret]:
    """Add the app registration with which people sign in to a container. Return its secrets of the vault."""
    secret = PasswordCredential(
        new_secret_text(),
        start=stored,
        end=stored + timedelta(days=730),
        created=stored,
        display_name=f"{names.SSO_DISPLAY_NAME}-Secret",
    )
    directory.applications[names.SSO_APP_ID] = Application(
        id=names.SSO_OBJECT_ID,
        app_id=names.SSO_APP_ID,
        tenant_id=partner.id,
        display_name=names.SSO_DISPLAY_NAME,
        created=stored,
        passwords=(secret,),
        properties={
            "signInAudience": "AzureADMyOrg",
            "web": {
                "homePageUrl": None,
                "logoutUrl": None,
                "redirectUris": [f"https://{host}/.auth/login/aad/callback"],
                "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": True},
                "redirectUriSettings": [],
            },
            "requiredResourceAccess": [
                {
                    "resourceAppId": names.GRAPH_APP_ID,
                    "resourceAccess": [{"id": scope, "type": "Scope"} for scope in _SIGN_IN_SCOPES],
                }
            ],
        },
    )
    principal_id = str(uuid.uuid5(uuid.UUID(names.TENANT_ID), f"{names.SSO_APP_ID}/sso"))
    principal = ServicePrincipal(names.SSO_APP_ID, partner.id, names.SSO_DISPLAY_NAME, id=principal_id)
    directory.add(principals=[principal])
    values = {"SSOAppId": names.SSO_APP_ID, "SSOAppSecret": secret.secret_text, "SSOMultiTenant": "False"}
    return {name: SeedSecret(value, created=stored) for name, value in values.items()}
