"""An app's source control, and its deployments."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.site import Deployment, Site
from sandbox.arm.site_document import scm_host_name
from sandbox.arm.sites import SITE, page
from sandbox.moment import moment

_PULL_TAKES: Final = timedelta(seconds=20)
# The source control properties that a caller can write and the sandbox keeps.
_KEPT: Final = (
    "repoUrl",
    "branch",
    "isManualIntegration",
    "isGitHubAction",
    "deploymentRollbackEnabled",
    "isMercurial",
)


def _control(call: Call, site: Site) -> dict[str, Any]:
    nowhere = {
        "repoUrl": f"https://{scm_host_name(site, call.cloud)}",
        "branch": None,
        "isManualIntegration": False,
        "isGitHubAction": False,
        "deploymentRollbackEnabled": False,
        "isMercurial": False,
    }
    return {
        "id": f"{site.id}/sourcecontrols/web",
        "name": site.name,
        "type": "Microsoft.Web/sites/sourcecontrols",
        "location": site.location,
        "properties": {
            **nowhere,
            **(site.source_control or {}),
            "provisioningState": "Succeeded",
            "gitHubActionConfiguration": None,
        },
    }


def _source_control(call: Call) -> Response:
    site = call.site()
    return JSONResponse(_control(call, site), headers=etag(site.modified))


def _connect(call: Call) -> Response:
    """Connect the app to a repository. Return 201, without a deployment."""
    site = call.site()
    site.source_control = {name: value for name, value in call.properties.items() if name in _KEPT}
    site.modified = call.now
    return JSONResponse(_control(call, site), 201, headers=etag(site.modified))


def _disconnect(call: Call) -> Response:
    site = call.site()
    site.source_control = None
    site.modified = call.now
    return Response(headers=etag(site.modified))


def _sync(call: Call) -> Response:
    """Pull from the repository: deploy a new commit each time."""
    site = call.site()
    if not site.source_control or site.source_control.get("isGitHubAction"):
        raise not_found("Repository not found.")
    ended = call.now + _PULL_TAKES
    pulled = Deployment(secrets.token_hex(20), "Pulled", "alex", "alex@contosomsp.com", "GitHub", call.now, ended, True)  # noqa: FBT003 - active
    site.deployments = [pulled, *(replace(deployment, active=False) for deployment in site.deployments)]
    site.restart(call.now)
    return Response(headers=etag(site.modified))


def _deployment(site: Site, deployment: Deployment) -> dict[str, Any]:
    return {
        "id": f"{site.id}/deployments/{deployment.id}",
        "name": f"{site.name}/{deployment.id}",
        "type": "Microsoft.Web/sites/deployments",
        "location": site.location,
        "properties": {
            "id": deployment.id,
            "status": deployment.status,
            "status_text": "",
            "author_email": deployment.author_email,
            "author": deployment.author,
            "deployer": deployment.deployer,
            "message": deployment.message,
            "progress": "",
            "received_time": moment(deployment.started),
            "start_time": moment(deployment.started),
            "end_time": moment(deployment.ended),
            "last_success_end_time": moment(deployment.ended) if deployment.status == 4 else None,
            "complete": True,
            "active": deployment.active,
            "is_temp": False,
            "is_readonly": True,
            "url": f"https://management.azure.com{site.id}/deployments/{deployment.id}",
            "log_url": f"https://management.azure.com{site.id}/deployments/{deployment.id}/log",
            "site_name": site.name,
        },
    }


def _list(call: Call) -> Response:
    site = call.site()
    return JSONResponse(page([_deployment(site, d) for d in site.deployments]))


def _get(call: Call) -> Response:
    site = call.site()
    for deployment in site.deployments:
        if deployment.id == call.params["deployment"].lower():
            return JSONResponse(_deployment(site, deployment))
    raise not_found(f"Deployment '{call.params['deployment']}' not found.")


OPERATIONS: Final = (
    Operation("GET", f"{SITE}/sourcecontrols/web", _source_control),
    Operation("PUT", f"{SITE}/sourcecontrols/web", _connect),
    Operation("DELETE", f"{SITE}/sourcecontrols/web", _disconnect),
    Operation("POST", f"{SITE}/sync", _sync),
    Operation("GET", f"{SITE}/deployments", _list),
    Operation("GET", f"{SITE}/deployments/{{deployment}}", _get),
)
