"""Where an app's code comes from, what was deployed, and whether CIPP's apps run the same of it."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from backend.act import Act
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureError, AzureRefusedError, ConflictError, NotFoundError, while_trying_to
from backend.function_apps import FunctionApp, FunctionApps
from backend.redaction import public_url, redact
from backend.static_web_app import moment_of
from backend.values import Value

STATUSES: Final = {0: "Pending", 1: "Building", 2: "Deploying", 3: "Failed", 4: "Success"}  # Kudu's DeployStatus
CONFLICT: Final = 409
COMMIT: Final = r"[0-9a-f]{40}"


class Source(Value, frozen=True):
    """The repository that an app is deployed from. `repo_url` is None if its address can't be shown."""

    repo_url: str | None
    branch: str | None
    is_git_hub_action: bool
    is_manual_integration: bool


class Deployment(Value, frozen=True):
    """One deployment."""

    id: str
    time: datetime | None
    author: str | None
    message: str | None
    status: str
    active: bool


class Deployments(Value, frozen=True):
    """What an app runs, and whether the main and the offload apps run the same; None: that cannot be told."""

    name: str
    source: Source | None
    deployments: list[Deployment]
    same_version: bool | None
    versions: Mapping[str, str | None]


class SyncAct(Act, frozen=True, kw_only=True):
    """A sync with the fork."""

    name: str


class FunctionAppDeployments:
    """The service of the deployments. Reading needs Reader, syncing Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps

    def deployments(self, name: str | None) -> Deployments:
        """List an app's deployments, the newest first."""
        apps = self._apps.apps()
        app = self._apps.find(name, among=apps)
        found = self._deployments(app)
        ours = [other for other in apps if other.is_main or other.offload_suffix]
        versions = {
            other.name: _version(found) if other.name == app.name else self._version_of_another(other) for other in ours
        }
        return Deployments(
            name=app.name,
            source=self._source(app),
            deployments=found,
            same_version=same_version(versions.values()),
            versions=versions,
        )

    def sync(self, name: str | None, *, dry_run: bool, force: bool) -> SyncAct:
        """Pull from the fork. Sent once: a second sync would deploy again.

        Raises:
            ConflictError: There is no source control, a GitHub Action must do it, the app answers, or one is running.
        """
        app = self._apps.find(name)
        source = self._source(app)
        if source is None:
            raise ConflictError(
                f"'{app.name}' is not connected to a repository, so there is nothing to sync with. "
                "Connect it to your fork in the portal (Deployment Center)."
            )
        repository = source.repo_url or "its repository"
        if source.is_git_hub_action:
            where = f"{source.repo_url}/actions" if source.repo_url else "the Actions of its repository"
            raise ConflictError(
                f"'{app.name}' is deployed by a GitHub Action, which must be run there: {where} "
                f"(branch {source.branch}). Sync the fork first."
            )
        if app.answers_this and not force:
            raise ConflictError(f"'{app.name}' is the app that answers. Repeat with Force: true if that is meant.")
        what = f"'{app.name}' with {repository} ({source.branch})"
        if dry_run:
            return SyncAct(dry_run=True, would_do=[f"Sync {what}; new code restarts the app."], name=app.name)
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"sync {what}"):
                self._clients.web(subscription).web_apps.sync_repository(group, app.name, retry_total=0)
        except AzureRefusedError as error:
            if error.status == CONFLICT:
                raise ConflictError(
                    f"{error} A deployment is running, or the fork has a conflict: see it there."
                ) from error
            raise
        return SyncAct(
            dry_run=False,
            done=[f"Synced {what}. ListFunctionAppDeployments shows when the new code is active."],
            name=app.name,
        )

    def _source(self, app: FunctionApp) -> Source | None:
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"look at the source control of '{app.name}'"):
                found = self._clients.web(subscription).web_apps.get_source_control(group, app.name).as_dict()
        except NotFoundError:
            return None
        properties = found["properties"]
        address = str(properties.get("repoUrl") or "")
        is_scm = ".scm." in address  # what Azure answers where there is no repository: the app's own deployment site
        if not address or is_scm:
            return None
        return Source(
            repo_url=public_url(address),
            branch=_text(properties.get("branch")),
            is_git_hub_action=bool(properties.get("isGitHubAction")),
            is_manual_integration=bool(properties.get("isManualIntegration")),
        )

    def _version_of_another(self, app: FunctionApp) -> str | None:
        """Answer what another app runs; None where it does not tell, which spoils nothing else."""
        try:
            return _version(self._deployments(app))
        except (AzureError, NotFoundError):
            return None

    def _deployments(self, app: FunctionApp) -> list[Deployment]:
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"list the deployments of '{app.name}'"):
            listed = [
                found.as_dict() for found in self._clients.web(subscription).web_apps.list_deployments(group, app.name)
            ]
        found = [_deployment(entry) for entry in listed]
        return sorted(found, key=lambda deployment: str(deployment.time), reverse=True)


def same_version(versions: Iterable[str | None]) -> bool | None:
    """Tell whether all run the same; None where that cannot be told.

    A deployment from a repository is named by its commit; of others, such as a zip file, each has a name of its own.
    """
    known = set(versions)
    if None in known or not known:
        return None
    if len(known) == 1:
        return True
    return False if all(re.fullmatch(COMMIT, str(version)) for version in known) else None


def _version(deployments: list[Deployment]) -> str | None:
    return next((deployment.id for deployment in deployments if deployment.active), None)


def _deployment(found: Mapping[str, Any]) -> Deployment:
    properties = found["properties"]
    status = properties.get("status")
    return Deployment(
        id=redact(str(properties.get("id") or str(found.get("name")).rpartition("/")[2])),
        time=moment_of(properties.get("end_time") or properties.get("start_time")),
        author=_text(properties.get("author")),
        message=_text(properties.get("message")),
        status=STATUSES.get(status, str(status)),
        active=bool(properties.get("active")),
    )


def _text(value: object) -> str | None:
    """Return a text without credentials: its author is who deployed, and Kudu repeats addresses in it."""
    return None if value is None else redact(str(value))
