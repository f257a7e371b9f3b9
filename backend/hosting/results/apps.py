"""The apps of CIPP, their settings and code, and the results of writes to them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from backend.installation.app_states import AppCondition
from backend.operations.results import Operation
from backend.values import Act, ActionResult, Value


class Deployment(Value, frozen=True):
    """One deployment."""

    id: str
    time: datetime | None
    author: str | None
    message: str | None
    status: str
    active: bool


class SyncAct(Act, frozen=True, kw_only=True):
    """A sync with the fork."""

    name: str


class Setting(Value, frozen=True):
    """One setting. A masked value is null. A Key Vault reference is shown, because it does not contain a value."""

    name: str
    value: str | None
    masked: bool
    key_vault_reference: str | None
    reference_status: str | None
    slot_setting: bool


class SettingsAct(Act, frozen=True, kw_only=True):
    """A write of settings, with names but without values.

    A name that the app already has is shown as Azure spells it. A new one that does not look like a name is shown as
    `***`, because it may be a value in the wrong field.
    """

    name: str
    set: list[str]
    removed: list[str]


Action = Literal["start", "stop", "restart"]

AppKind = Literal["FunctionApp", "WebApp"]


class FunctionApp(Value, frozen=True):
    """One app as ARM shows it. `state` is Azure's, such as `Running` or `Stopped`, or `Unknown` if it is missing.

    `kind` is the site's own, `WebApp` for a container of CIPP. `problems` state what keeps it from working, and what to
    do. `condition` is whether it runs by its state and what blocks it. Only `ListBackend` also calls a container.
    """

    name: str
    kind: AppKind | None
    state: str
    is_main: bool
    offload_suffix: str | None
    answers_this: bool
    default_host_name: str | None
    portal_link: str
    problems: list[str] = []  # noqa: RUF012 - msgspec copies the default
    condition: AppCondition = "Unknown"


class Source(Value, frozen=True):
    """The repository that an app is deployed from. `repo_url` is null if its address can't be shown."""

    repo_url: str | None
    branch: str | None
    is_git_hub_action: bool
    is_manual_integration: bool


class Deployments(Value, frozen=True):
    """An app's deployments. `same_version` is whether the main and the offload apps run the same, null if unknown."""

    name: str
    source: Source | None
    deployments: list[Deployment]
    same_version: bool | None
    versions: Mapping[str, str | None]


class Controlled(Value, frozen=True):
    """The result for one app: what ARM showed afterwards, and what it can't show. `kind` is null if it is unknown.

    `operation` is the start of CIPP's container, which continues after the response if its outcome is `running`.
    """

    name: str
    kind: AppKind | None
    state: str | None
    seen: str
    not_seen: str | None = None
    operation: Operation | None = None
    condition: AppCondition = "Unknown"  # Starting: it was started, and did not become ready yet


class Restarted(msgspec.Struct, frozen=True):
    """A restart that Azure confirmed. `moment` is the time in its response, None if it is missing."""

    app: Controlled
    moment: datetime | None


class Consent(msgspec.Struct, frozen=True):
    """What a request allows. `force` is its field Force.

    `update` is its field Update: the version to which a start of CIPP's container may update CIPP. Function apps are
    not updated by a start, so it has no effect on them. `by` is the caller's name, "" for this app itself.
    """

    force: bool = False
    update: str | None = None
    by: str = ""


class Control(ActionResult, frozen=True):
    """A start, stop or restart of one or more apps. A dry run lists in `would_do` what it would do."""

    dry_run: bool
    would_do: list[str]
    apps: list[Controlled]

    @property
    def summary(self) -> str:
        """What it would do, or the observed state of each app."""
        return " ".join(self.would_do or [app.seen for app in self.apps])

    @property
    def continues(self) -> bool:
        """Whether an app is still starting."""
        return any(app.operation is not None and app.operation.is_running for app in self.apps)
