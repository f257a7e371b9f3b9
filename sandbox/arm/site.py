"""A function app or a container as ARM stores it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from sandbox.arm.host_binding import HostBinding
from sandbox.arm.key_references import References
from sandbox.arm.resource import Resource
from sandbox.moment import moment

_START_TAKES: Final = timedelta(seconds=3)


@dataclass(frozen=True)
class Instance:
    """One running instance of an app. A restart creates a new one."""

    started: datetime
    name: str = field(default_factory=lambda: secrets.token_hex(32))


@dataclass(frozen=True)
class Deployment:
    """One deployment from source control. `status` 4 means success, 3 means failure."""

    id: str
    message: str
    author: str
    author_email: str
    deployer: str
    started: datetime
    ended: datetime
    active: bool = False
    status: int = 4


@dataclass(frozen=True)
class Function:
    """One function of an app, as its host reported it."""

    name: str
    bindings: tuple[dict[str, Any], ...]
    language: str


@dataclass(kw_only=True)
class Site(Resource):
    """An app. `site_config` is the whole of `config/web`."""

    type: ClassVar[str] = "Microsoft.Web/sites"

    plan: str
    host_label: str = ""  # before the suffix of its host name. Empty: its name.
    plan_group: str = ""  # empty: the group of the app
    principal_id: str
    tenant_id: str
    system_identity: bool = True
    user_identities: dict[str, dict[str, str]] = field(default_factory=dict)  # principal and client ID, by ID
    modified: datetime
    state: str = "Running"
    https_only: bool = True
    app_settings: dict[str, str] = field(default_factory=dict)
    connection_strings: dict[str, Any] = field(default_factory=dict)
    slot_config_names: dict[str, Any] = field(default_factory=dict)
    site_config: dict[str, Any] = field(default_factory=dict)
    auth_settings: dict[str, Any] = field(default_factory=dict)
    source_control: dict[str, Any] | None = None
    deployments: list[Deployment] = field(default_factory=list)
    functions: tuple[Function, ...] = ()
    host_keys: dict[str, Any] = field(default_factory=dict)
    changed_properties: dict[str, Any] = field(default_factory=dict)  # properties from a PATCH or PUT
    bindings: dict[str, HostBinding] = field(default_factory=dict)  # of custom host names, in the order of binding
    publishing: dict[str, bool] = field(default_factory=dict)  # whether FTP and SCM accept passwords
    package: dict[str, Any] | None = None  # the last deployment from an address, or by its deployment site
    host: str = ""  # the address of a running host that a test started
    references: References = field(default_factory=References)
    instances: tuple[Instance, ...] = ()  # the last one might not have started yet

    @property
    def linux(self) -> bool:
        """Whether it runs on Linux."""
        return self.kind is not None and "linux" in self.kind

    @property
    def container(self) -> bool:
        """Whether it is a web app that runs one container."""
        parts = (self.kind or "").split(",")
        return "container" in parts and "functionapp" not in parts

    @property
    def plan_id(self) -> str:
        """The ID of its plan."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.plan_group or self.group}"
        return f"{group}/providers/Microsoft.Web/serverfarms/{self.plan}"

    def start(self, now: datetime) -> None:
        """Start the app if it is stopped."""
        if self.state != "Running":
            self.state = "Running"
            self.modified = now
            self.instances = (Instance(now),)

    def stop(self, now: datetime) -> None:
        """Stop the app if it is running."""
        if self.state != "Stopped":
            self.state = "Stopped"
            self.modified = now
            self.instances = ()

    def restart(self, now: datetime, *, at_once: bool = False) -> None:
        """Replace the instance of a running app. A stopped app stays as it is."""
        if self.state == "Running":
            started = now if at_once or self.container else now + _START_TAKES
            self.instances = (*self.running(now), Instance(started))

    def running(self, now: datetime) -> tuple[Instance, ...]:
        """Return the running instances: the newest one that has started."""
        return tuple(i for i in self.instances if i.started <= now)[-1:]

    def snapshot(self) -> dict[str, Any]:
        """Return the app as `/sandbox/state` shows it."""
        return {
            "state": self.state,
            "appSettings": self.app_settings,
            "siteConfig": self.site_config,
            "sourceControl": self.source_control,
            "kind": self.kind,
            "identities": [self.principal_id] * self.system_identity + [*self.user_identities],
            "package": self.package,
            "authSettings": self.auth_settings,
            "hostNameBindings": {one.name: one.properties(self.name) for one in self.bindings.values()},
            "deployments": [
                {
                    "id": d.id,
                    "status": d.status,
                    "message": d.message,
                    "author": d.author,
                    "deployer": d.deployer,
                    "active": d.active,
                    "startTime": moment(d.started),
                    "endTime": moment(d.ended),
                }
                for d in self.deployments
            ],
        }
