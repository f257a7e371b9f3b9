"""The package of an app: `extensions/onedeploy` on Flex Consumption with its container, and `extensions/ZipDeploy`.

A Flex app stores its package with its own identity. If the identity lacks the permission, the deployment fails after
the call as in reports of users (Azure/azure-functions-host and Azure/azure-dev issues). Not run against real Azure.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, app_service_refused, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.site import Site
from sandbox.arm.sites import SITE
from sandbox.arm.state import ArmState

_BLOB_WRITE: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
_ONE_DEPLOY: Final = f"{SITE}/extensions/onedeploy"
_ZIP_DEPLOY: Final = f"{SITE}/extensions/ZipDeploy"


def _shown(site: Site, way: str = "onedeploy") -> dict[str, Any]:
    return {
        "id": f"{site.id}/extensions/{way}",
        "name": way,
        "type": "Microsoft.Web/sites/extensions",
        "location": site.location,
        "properties": {"provisioningState": "Succeeded", **(site.package or {})},
    }


def _put(call: Call) -> Response:
    """Deploy a package from its address. The sandbox does not fetch it."""
    site, given = call.site(), call.properties
    uri = given.get("packageUri")
    if not isinstance(uri, str) or not uri.startswith("https://"):
        raise app_service_refused(400, "BadRequest", "51021", "The parameter packageUri has an invalid value.")
    way = call.target.scope.rpartition("/")[2]
    if way.lower() == "onedeploy":
        check_container(call.arm, site)
    elif _is_flex(call, site):
        raise app_service_refused(400, "BadRequest", "51021", f"The plan FlexConsumption does not support {way}.")
    site.package = {name: value for name, value in given.items() if value is not None}
    site.modified = call.now
    site.restart(call.now)
    return JSONResponse(_shown(site, way), headers=etag(site.modified))


def _is_flex(call: Call, site: Site) -> bool:
    plan = call.arm.plans.get(site.plan.lower())
    return plan is not None and plan.sku["tier"] == "FlexConsumption"


def _get(call: Call) -> Response:
    site = call.site()
    if site.package is None:
        raise not_found("Cannot find a deployment of a package.")
    return JSONResponse(_shown(site, call.target.scope.rpartition("/")[2]))


def check_container(arm: ArmState, site: Site) -> None:
    """Accept the app's container for packages, or refuse it as App Service does.

    Raises:
        ArmError: 400. The container does not exist, or the app's identity may not write to it.
    """
    config = site.changed_properties.get("functionAppConfig") or {}
    storage = (config.get("deployment") or {}).get("storage") or {}
    authentication = storage.get("authentication") or {}
    address = urlsplit(str(storage.get("value", "")))
    account = arm.storage_accounts.get((address.hostname or "").partition(".")[0])
    if authentication.get("type") == "StorageAccountConnectionString":
        return
    if account is None or address.path.strip("/") not in account.containers:
        raise _inaccessible("404 (The specified container does not exist.)")
    principal = _principal(site, authentication)
    if principal is None or not arm.access.allows_data(principal, _BLOB_WRITE, account.id):
        raise _inaccessible("403 (This request is not authorized to perform this operation using this permission.)")


def _principal(site: Site, authentication: dict[str, Any]) -> str | None:
    if authentication.get("type") == "SystemAssignedIdentity":
        return site.principal_id if site.system_identity else None
    wanted = str(authentication.get("userAssignedIdentityResourceId", "")).lower()
    return next((one["principalId"] for known, one in site.user_identities.items() if known.lower() == wanted), None)


def _inaccessible(reason: str) -> ArmError:
    message = (
        "InaccessibleStorageException: Failed to access storage account for deployment: BlobUploadFailedException: "
        f"Failed to upload blob to storage account: Response status code does not indicate success: {reason}"
    )
    return app_service_refused(400, "BadRequest", "51021", message)


OPERATIONS: Final = (
    Operation("GET", _ONE_DEPLOY, _get),
    Operation("PUT", _ONE_DEPLOY, _put),
    Operation("GET", _ZIP_DEPLOY, _get),
    Operation("PUT", _ZIP_DEPLOY, _put),
)
