"""The three seeded apps: CIPP's main app, one offload app, and this API's own app."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox import names
from sandbox.arm.resource import shape
from sandbox.arm.site import Deployment, Function, Instance, Site

_FORK: Final = f"https://oauth2:{names.PLANTED}@github.com/contosomsp/CIPP-API"  # the form for private forks
_HTTP: Final = (
    {"type": "httpTrigger", "direction": "in", "name": "Request", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "Response"},
)


def sites(now: datetime, storage_key: str) -> list[Site]:
    """Return the apps, which started some time before `now`."""
    storage = storage_string(storage_key)
    main = _cipp(names.MAIN_SITE, names.MAIN_PRINCIPAL_ID, storage, now)
    main.source_control = {
        "repoUrl": _FORK,
        "branch": "master",
        "isManualIntegration": False,
        "isGitHubAction": True,
        "deploymentRollbackEnabled": False,
        "isMercurial": False,
    }
    main.deployments = _deployments(now)
    return [main, offload_site(now, storage_key), backend_site(now, storage_key)]


def offload_site(now: datetime, storage_key: str) -> Site:
    """Return CIPP's offload app."""
    offload = _cipp(names.OFFLOAD_SITE, names.OFFLOAD_PRINCIPAL_ID, storage_string(storage_key), now)
    offload.app_settings["CIPP_PROCESSOR"] = "true"
    return offload


def backend_site(now: datetime, storage_key: str) -> Site:
    """Return this API's own app."""
    return _backend(storage_string(storage_key), now)


def storage_string(key: str) -> str:
    """Return the connection string of CIPP's storage account, as CIPP's template writes it."""
    return (
        f"DefaultEndpointsProtocol=https;AccountName={names.STORAGE_ACCOUNT};"
        f"AccountKey={key};EndpointSuffix=core.windows.net"
    )


def _cipp(name: str, principal_id: str, storage: str, now: datetime) -> Site:
    return Site(
        **common(name, principal_id, now),
        kind="functionapp",
        plan="cipp-srv-abc12",
        site_config={
            **shape("site_config"),
            "powerShellVersion": "7.4",
            "publishingUsername": f"${name}",
            "scmType": "GitHubAction" if name == names.MAIN_SITE else "None",
            "use32BitWorkerProcess": False,
        },
        app_settings={
            "AzureWebJobsStorage": storage,
            "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING": storage,
            "WEBSITE_CONTENTSHARE": name,
            "FUNCTIONS_EXTENSION_VERSION": "~4",
            "FUNCTIONS_WORKER_RUNTIME": "powershell",
            "FUNCTIONS_WORKER_RUNTIME_VERSION": "7.4",
            "WEBSITE_RUN_FROM_PACKAGE": "1",
            **{
                secret: f"@Microsoft.KeyVault(SecretUri=https://{names.VAULT}.vault.azure.net/secrets/{secret}/)"
                for secret in ("ApplicationID", "ApplicationSecret", "RefreshToken", "TenantID")
            },
        },
        functions=(
            Function("CIPPHttpTrigger", _HTTP, "powershell"),
            Function("CIPPActivityFunction", ({"type": "activityTrigger", "name": "Item"},), "powershell"),
            Function("CIPPOrchestrator", ({"type": "orchestrationTrigger", "name": "Context"},), "powershell"),
            Function(
                "CIPPTimer",
                ({"type": "timerTrigger", "name": "Timer", "schedule": "0 0/15 * * * *"},),
                "powershell",
            ),
        ),
    )


def _backend(storage: str, now: datetime) -> Site:
    name = names.BACKEND_SITE
    return Site(
        **common(name, names.BACKEND_PRINCIPAL_ID, now),
        kind="functionapp,linux",
        plan="cippabc12-backend-plan",
        site_config={
            **shape("site_config"),
            "netFrameworkVersion": "v4.0",
            "publishingUsername": f"${name}",
            "linuxFxVersion": "",
            "functionAppScaleLimit": 100,
        },
        app_settings={
            "AzureWebJobsStorage": storage,
            "DEPLOYMENT_STORAGE_CONNECTION_STRING": storage,
            "CIPP_FUNCTION_APP": names.MAIN_SITE,
        },
        changed_properties={"functionAppConfig": _flex()},
        functions=(
            Function("PublicPing", _HTTP, "python"),
            Function(
                "WeeklyKeyRotation",
                ({"type": "timerTrigger", "name": "timer", "schedule": "0 0 0 * * 0"},),
                "python",
            ),
            Function(
                "KeyRotationCatchUp",
                ({"type": "timerTrigger", "name": "timer", "schedule": "0 20 * * * *"},),
                "python",
            ),
        ),
    )


def common(name: str, principal_id: str, now: datetime) -> dict[str, Any]:
    """Return what all seeded sites have in common."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "subscription_id": names.SUBSCRIPTION_ID,
        "group": names.RESOURCE_GROUP,
        "name": name,
        "location": "West Europe",
        "principal_id": principal_id,
        "tenant_id": names.TENANT_ID,
        "modified": now - timedelta(days=6, hours=3),
        "instances": (Instance(now - timedelta(hours=19), digest),),
        "host_keys": {
            "masterKey": f"{digest[:40]}AzFu==",
            "functionKeys": {"default": f"{digest[12:52]}AzFu=="},
            "systemKeys": {},
        },
    }


def _deployments(now: datetime) -> list[Deployment]:
    made: list[Deployment] = []
    for days, message in ((6, "Merge v10.8.2"), (34, f"Merge v10.8.1 from {_FORK}"), (61, "Merge v10.8.0")):
        started = now - timedelta(days=days, hours=2)
        made.append(
            Deployment(
                id=hashlib.sha1(message.encode(), usedforsecurity=False).hexdigest(),
                message=message,
                author="alex",
                author_email="alex@contosomsp.com",
                deployer="GITHUB_ZIP_DEPLOY_FUNCTIONS_V1",
                started=started,
                ended=started + timedelta(seconds=74),
                active=not made,
            )
        )
    return made


def _flex() -> dict[str, Any]:
    return {
        "deployment": {
            "storage": {
                "type": "blobContainer",
                "value": f"https://{names.STORAGE_ACCOUNT}.blob.core.windows.net/app-package-cippabc12-backend",
                "authentication": {
                    "type": "StorageAccountConnectionString",
                    "userAssignedIdentityResourceId": None,
                    "storageAccountConnectionStringName": "DEPLOYMENT_STORAGE_CONNECTION_STRING",
                },
            }
        },
        "runtime": {"name": "python", "version": "3.12"},
        "scaleAndConcurrency": {
            "alwaysReady": [],
            "maximumInstanceCount": 100,
            "instanceMemoryMB": 512,
            "triggers": None,
        },
        "siteUpdateStrategy": {"type": "Recreate"},
    }
