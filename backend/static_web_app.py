"""CIPP's static web app, and what it is. A CIPP in a container has none, which is a fact and no error."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from backend.clients import Clients
from backend.discovery import Discovery, backends_of
from backend.errors import NotFoundError, while_trying_to
from backend.portal import Portal
from backend.redaction import public_url, redact
from backend.values import Value

if TYPE_CHECKING:
    from azure.mgmt.web import WebSiteManagementClient

NONE: Final = "This CIPP has no static web app: none is linked to its main app (it may run in a container)."


class NoStaticWebAppError(NotFoundError):
    """This CIPP has no static web app."""


class StaticWebAppState(Value, frozen=True):
    """The static web app as ARM shows it. `exists` is false where this CIPP has none; `reason` says so."""

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


class StaticWebApp:
    """The service of the static web app. Needs Reader."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._known: Mapping[str, Any] | None = None
        self._known_until = 0.0

    @property
    def resource(self) -> Mapping[str, Any]:
        """The static web app as ARM lists it, remembered for `discovery_lifetime_seconds`; that there is none is not.

        Raises:
            NoStaticWebAppError: This CIPP has none.
        """
        known = self._known
        return known if known and time.monotonic() < self._known_until else self._look()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.resource["name"])

    @property
    def group(self) -> str:
        """Its resource group."""
        return str(self.resource["id"]).strip("/").split("/")[3]

    @property
    def host_name(self) -> str:
        """The host name that Azure gave it."""
        return str(self.resource["properties"]["defaultHostname"])

    @property
    def client(self) -> "WebSiteManagementClient":
        """The SDK's client for its subscription."""
        return self._clients.web(str(self.resource["id"]).split("/")[2])

    @property
    def operations(self) -> Any:  # noqa: ANN401 - the SDK's own type asks for models where it takes objects
        """The SDK's operations on static web apps."""
        return self.client.static_sites

    def state(self) -> StaticWebAppState:
        """Show the static web app; none is an answer, too."""
        try:
            site = self._look()
        except NoStaticWebAppError as error:
            return StaticWebAppState(exists=False, reason=str(error))
        with while_trying_to(f"list the builds of static web app '{self.name}'"):
            listed = self.operations.get_static_site_builds(self.group, self.name)
            builds: list[Mapping[str, Any]] = [build.as_dict()["properties"] for build in listed]
        properties = site["properties"]
        last = max(builds, key=lambda build: str(build.get("lastUpdatedOn") or ""), default={})
        return StaticWebAppState(
            exists=True,
            name=site["name"],
            host_name=properties.get("defaultHostname"),
            plan=(site.get("sku") or {}).get("name"),
            linked_backends=sorted(app.rpartition("/")[2] for app in backends_of(properties)),
            repository=public_url(properties.get("repositoryUrl")),
            branch=redact(branch) if (branch := properties.get("branch")) else None,
            last_build=moment_of(last.get("lastUpdatedOn")),
            last_build_status=last.get("status"),
            link=Portal(self._discovery.deployment()).link(site["id"], "staticsite"),
        )

    def _look(self) -> Mapping[str, Any]:
        site = self._discovery.static_web_app()
        if site is None:
            self._known = None
            raise NoStaticWebAppError(NONE)
        self._known_until = time.monotonic() + self._clients.limits.discovery_lifetime_seconds
        self._known = site
        return site


def moment_of(text: object) -> datetime | None:
    """Read Azure's time; this service leaves the zone away, and means UTC."""
    if not text:
        return None
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0)
