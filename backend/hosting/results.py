"""The parts of CIPP that Azure hosts, and the results of writes to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

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
    do.
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


class StaticWebAppState(Value, frozen=True):
    """The static web app as ARM shows it. `exists` is false if CIPP does not have one.

    `reason` states why it does not exist, or that it does not have a host name.
    """

    exists: bool
    reason: str | None = None
    name: str | None = None
    host_name: str | None = None
    plan: str | None = None
    linked_backends: list[str] = []  # noqa: RUF012 - msgspec copies the default
    repository: str | None = None
    branch: str | None = None
    last_build: datetime | None = None
    last_build_status: str | None = None
    link: str | None = None


Validation = Literal["cname", "txt"]


class Invitation(Act, frozen=True, kw_only=True):
    """An invitation. Only this response contains the address. Anyone who has it can take the roles."""

    invitation_url: str | None = None
    expires_on: datetime | None = None


@dataclass(frozen=True)
class Guest:
    """A user to invite. `details` is the e-mail address or user name. `domain` defaults to the app's host name."""

    details: str
    provider: str
    roles: Sequence[str]
    hours: int
    domain: str | None


class User(Value, frozen=True):
    """One user with roles. `unknown_roles` are neither CIPP's own roles nor custom roles in its table."""

    user_id: str
    display_name: str
    provider: str
    roles: list[str]
    unknown_roles: list[str]


class UserAct(Act, frozen=True, kw_only=True):
    """A change of a user's roles, or a user's removal."""

    user_id: str


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
    """The result for one app: what ARM showed afterwards, and what it can't show. `kind` is null if it is unknown."""

    name: str
    kind: AppKind | None
    state: str | None
    seen: str
    not_seen: str | None = None


@dataclass(frozen=True)
class Restarted:
    """A restart that Azure confirmed. `moment` is the time in its response, None if it is missing."""

    app: Controlled
    moment: datetime | None


@dataclass(frozen=True)
class Consent:
    """What a request allows. `force` is its field Force.

    `update` is its field Update: the version to which a start of CIPP's container may update CIPP. Function apps are
    not updated by a start, so it has no effect on them.
    """

    force: bool = False
    update: str | None = None


class Control(ActionResult, frozen=True):
    """A start, stop or restart of one or more apps. A dry run lists in `would_do` what it would do."""

    dry_run: bool
    would_do: list[str]
    apps: list[Controlled]

    @property
    def summary(self) -> str:
        """What it would do, or the observed state of each app."""
        return " ".join(self.would_do or [app.seen for app in self.apps])


class DnsRecord(Value, frozen=True):
    """A DNS record to create. `value` is null while Azure has not created the token or the host name yet."""

    type: Literal["CNAME", "TXT", "ALIAS"]
    host: str
    value: str | None


class Domain(Value, frozen=True):
    """One custom domain. `state` is Azure's, for example Ready, Validating or Failed.

    `dns_record` is what Azure still checks for, or null. `routing_record` leads visitors to the app, and is needed
    permanently. For a domain validated by TXT, Azure does not show whether that record exists.
    """

    name: str
    state: str
    validation_token: str | None
    error: str | None
    since: datetime | None
    dns_record: DnsRecord | None
    routing_record: DnsRecord | None = None


class DomainAct(Act, frozen=True, kw_only=True):
    """A domain added or removed. Azure checks for `dns_record`, and `routing_record` leads visitors to the app."""

    domain: str
    dns_record: DnsRecord | None = None
    routing_record: DnsRecord | None = None


SEATS: Final = 25  # users in custom roles, per app, on every plan (Static Web Apps quotas)


class Users(Value, frozen=True):
    """The users, the seats they use, and what Azure can't list."""

    users: list[User]
    seats_used: int
    note: str
    seats: int = SEATS
