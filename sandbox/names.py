"""The names and IDs of the seeded CIPP, the same on every start."""

from typing import Final

SUBSCRIPTION_ID: Final = "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68"
SUBSCRIPTION_NAME: Final = "CIPP Production"
TENANT_ID: Final = "c9a3e1f7-52d8-4b6a-8f14-7e0d2b9c6a35"
TENANT_NAME: Final = "Contoso Managed Services"
TENANT_DOMAIN: Final = "contosomsp.onmicrosoft.com"

LOCATION: Final = "westeurope"
RESOURCE_GROUP: Final = "cipp"
OWN_GROUP: Final = "cipp-backend"  # of this app, if it is not in CIPP's
MAIN_SITE: Final = "cippabc12"
OFFLOAD_SITE: Final = "cippabc12-proc"
BACKEND_SITE: Final = "cippabc12-backend"
VAULT: Final = "cippabc12"
STATIC_SITE: Final = "cipp-swa-abc12"
STORAGE_ACCOUNT: Final = "cippstgabc12"
CUSTOM_DOMAIN: Final = "cipp.contosomsp.com"

# CIPP as a container: the site has the name of the main app and of the vault.
CONTAINER_PLAN: Final = f"{MAIN_SITE}-plan"
SECOND_CONTAINER_SITE: Final = f"{MAIN_SITE}-test"
RENAMED_SITE: Final = "cippxyz89"  # after a migration that changed the name
OTHER_VAULT: Final = "cippkvabc12"
PLAN_GROUP: Final = "shared-plans"

RESOURCE_GROUP_ID: Final = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{RESOURCE_GROUP}"
BACKEND_SITE_ID: Final = f"{RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{BACKEND_SITE}"

# The app registration with which CIPP calls Graph, in the partner's tenant.
SAM_APP_ID: Final = "1d7f4c83-6b2e-4a95-b0c8-3e9a5f7d2146"
SAM_OBJECT_ID: Final = "e5b82d90-17c4-4f3a-9d6e-48a1c0b7f352"
SAM_SERVICE_PRINCIPAL_ID: Final = "70c6f9a4-d3e1-45b8-8a2f-b91e6d0c5738"
SAM_DISPLAY_NAME: Final = "CIPP-SAM"

# The app registration with which people sign in to CIPP as a container.
SSO_APP_ID: Final = "5e2b9c70-d41f-4a86-9b3e-c8f0a7d15264"
SSO_OBJECT_ID: Final = "b90f4d2e-3a75-4c19-8e6d-7f1c52a08b93"
SSO_DISPLAY_NAME: Final = "CIPP-SSO"
OTHER_SSO_APP_ID: Final = "27d6a1f8-904c-4e5b-a3b7-1d8e60c9f542"

# System-assigned identities: `principal` is the object ID in role assignments.
BACKEND_PRINCIPAL_ID: Final = "3f0a9d57-e82b-4c16-97a4-0d5e8b3c7f21"
BACKEND_CLIENT_ID: Final = "a84e2c61-5f09-4d7b-b3e2-6c1d9f0a8b54"
MAIN_PRINCIPAL_ID: Final = "94d1b7e0-2a6c-4e83-8f5d-c07e1a9b3d62"
OFFLOAD_PRINCIPAL_ID: Final = "b62f8e15-c4d9-4073-a1b6-5e8d3f9c0a47"
CONTAINER_PRINCIPAL_ID: Final = "1c7a94e2-6f3d-4b08-9e51-a2d8c04f7b36"
SECOND_CONTAINER_PRINCIPAL_ID: Final = "e09d3b57-81c6-4f2a-b7d4-6a5c1e93f820"

# The service account of CIPP's refresh token.
ADMIN_ID: Final = "d70e5b3c-9a18-4f62-8c4d-1b6f3e0a9d85"
ADMIN_NAME: Final = f"cipp.service@{TENANT_DOMAIN}"

# Users and groups of the partner's tenant. The second group is a member of the third.
MEMBER_ID: Final = "6b0e4f1d-93a7-4c28-b5e0-2d7f8a1c4e96"
MEMBER_NAME: Final = f"alex@{TENANT_DOMAIN}"
GUEST_ID: Final = "c41d7a92-0f5e-4b83-9a6c-e8b25d3f7014"
GUEST_NAME: Final = f"kim_fabrikam.com#EXT#@{TENANT_DOMAIN}"
EMPTY_GROUP_ID: Final = "2f9d6c30-7b1e-4a85-8c4f-d05e9a7b3c61"
GROUP_ID: Final = "8a5c1e74-d26f-4093-b7e8-19f4c0a2d5b3"
OUTER_GROUP_ID: Final = "e37b0d58-4c9a-4f16-a2d7-5b8e6f1c0932"

# Every seeded or issued secret contains this text, so that one search finds all secrets that leave the product.
PLANTED: Final = "PLANTEDb7Rk2Qx9"

GRAPH_APP_ID: Final = "00000003-0000-0000-c000-000000000000"  # Microsoft Graph, everywhere
