"""The source of an app's code, its deployments, and whether CIPP's apps run the same version."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed, sent
from backend.errors import AzureError, AzureRefusedError, ConflictError, NotFoundError, joined
from backend.formats import moment_of
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.results.apps import Deployment, Deployments, FunctionApp, Source, SyncAct
from backend.installation.discovery import Discovery
from backend.readings import count_or_none, properties_of, text_of, text_or_none
from backend.text.redaction import public_url, redact

STATUSES: Final = {0: "Pending", 1: "Building", 2: "Deploying", 3: "Failed", 4: "Success"}  # Kudu's DeployStatus
_CONFLICT: Final = 409
COMMIT: Final = r"[0-9a-f]{40}"


class FunctionAppDeployments:
    """The service of the deployments. Reads require Reader, a sync requires Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps

    def deployments(self, name: str | None) -> Deployments:
        """Return an app's source and deployments, the newest first."""
        apps = self._apps.apps()
        app = self._apps.find(name, among=apps)
        found = self._deployments(app)
        of_cipp = [other for other in apps if other.is_main or other.offload_suffix]
        versions = {
            other.name: _version(found) if other.name == app.name else self._version_of_another(other)
            for other in of_cipp
        }
        return Deployments(
            name=app.name,
            source=self._source(app),
            deployments=found,
            same_version=same_version(versions.values()),
            versions=versions,
        )

    def sync(self, name: str | None, *, dry_run: bool, force: bool) -> SyncAct:
        """Pull from the fork. The request is not retried: a second sync would deploy again.

        Raises:
            ConflictError: The app has no repository, a GitHub Action deploys it, a deployment is running, or it is this
                app and `force` is not set.
        """
        app = self._apps.find(name)
        source = self._source(app)
        if source is None:
            raise ConflictError(
                f"Couldn't sync '{app.name}': it is not connected to a repository.",
                advice="Connect it to your fork in the portal (Deployment Center).",
            )
        repository = source.repo_url or "its repository"
        if source.is_git_hub_action:
            where = f"{source.repo_url}/actions" if source.repo_url else "the Actions of its repository"
            raise ConflictError(
                f"Couldn't sync '{app.name}': a GitHub Action deploys it.",
                advice=f"Sync the fork first. Then run the action in {where} (branch {source.branch}).",
            )
        if app.answers_this and not force:
            raise ConflictError(
                f"'{app.name}' is this app, and new code restarts it.",
                advice="To continue, repeat with Force: true.",
            )
        what = f"'{app.name}' with {repository} ({source.branch})"
        if dry_run:
            return SyncAct(dry_run=True, would_do=[f"Sync {what}. New code restarts the app."], name=app.name)
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"sync {what}"):
                sent(self._clients.web(subscription).web_apps.sync_repository, group, app.name, retry_total=0)
        except AzureRefusedError as error:
            if advice := _advice_on_conflict(error):
                raise ConflictError(error.detail, advice=joined(error.advice, advice)) from error
            raise
        return SyncAct(
            dry_run=False,
            done=[f"Synced {what}. ListFunctionAppDeployments shows when the new code is active."],
            name=app.name,
        )

    def _source(self, app: FunctionApp) -> Source | None:
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"read the source control of '{app.name}'"):
                found = fetched(self._clients.web(subscription).web_apps.get_source_control, group, app.name)
        except NotFoundError:
            return None
        properties = properties_of(found)
        address = text_of(properties.get("repoUrl"))
        is_scm = ".scm." in address  # without a repository, Azure returns the app's own deployment site
        if not address or is_scm:
            return None
        return Source(
            repo_url=public_url(address),
            branch=_text(properties.get("branch")),
            is_git_hub_action=properties.get("isGitHubAction") is True,
            is_manual_integration=properties.get("isManualIntegration") is True,
        )

    def _version_of_another(self, app: FunctionApp) -> str | None:
        """Return the version of another app, None if Azure does not show it. That is not an error."""
        try:
            return _version(self._deployments(app))
        except (AzureError, NotFoundError):
            return None

    def _deployments(self, app: FunctionApp) -> list[Deployment]:
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"list the deployments of '{app.name}'"):
            entries = listed(self._clients.web(subscription).web_apps.list_deployments, group, app.name)
        found = [_deployment(entry) for entry in entries]
        return sorted(found, key=lambda deployment: str(deployment.time), reverse=True)


def _advice_on_conflict(error: AzureRefusedError) -> str:
    """Return the advice for a 409 of a sync, "" for other refusals and for causes in the message, such as locks.

    Of the causes of a 409, only another deployment and a conflict of the fork are states of the app.
    """
    cause = error.cause
    if error.status != _CONFLICT or not (cause is None or cause.is_busy):
        return ""
    if cause is None:
        return (
            "Azure does not name the cause. A deployment may be running, or the fork may have a conflict: check the "
            "app's Deployment Center in the portal."
        )
    return "ListFunctionAppDeployments shows the running deployment. The fork may also have a conflict."


def _version(deployments: list[Deployment]) -> str | None:
    return next((deployment.id for deployment in deployments if deployment.active), None)


def _deployment(found: Mapping[str, Any]) -> Deployment:
    properties = properties_of(found)
    status = count_or_none(properties.get("status"))
    return Deployment(
        id=redact(text_or_none(properties.get("id")) or text_of(found.get("name")).rpartition("/")[2]),
        time=moment_of(properties.get("end_time")) or moment_of(properties.get("start_time")),
        author=_text(properties.get("author")),
        message=_text(properties.get("message")),
        status="Unknown" if status is None else STATUSES.get(status, str(status)),
        active=properties.get("active") is True,
    )


def _text(value: object) -> str | None:
    """Return a text without credentials. Its author made the deployment, and Kudu repeats addresses in it."""
    text = text_or_none(value)
    return None if text is None else redact(text)


def same_version(versions: Iterable[str | None]) -> bool | None:
    """Return whether all versions are the same, None if unknown.

    The name of a deployment from a repository is its commit. Every other deployment, such as a zip file, has a unique
    name.
    """
    known = set(versions)
    if not known or not all(known):
        return None
    if len(known) == 1:
        return True
    return False if all(re.fullmatch(COMMIT, str(version)) for version in known) else None
