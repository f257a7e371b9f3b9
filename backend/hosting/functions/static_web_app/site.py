"""CIPP's static web app. A CIPP in a container does not have one, which is not an error when its state is read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import listed
from backend.concurrency.cached import MARGIN_SECONDS, Cached
from backend.errors import ConflictError, NotFoundError
from backend.formats import moment_of
from backend.hosting.results.static_web_app import StaticWebAppState
from backend.installation.discovery import Discovery, backends_of
from backend.installation.portal import Portal
from backend.readings import object_of, properties_of, text_of, text_or_none
from backend.text.redaction import public_url, redact

if TYPE_CHECKING:
    from azure.mgmt.web import WebSiteManagementClient

NONE: Final = "CIPP has no static web app: none is linked to its main app (it may run in a container)."
CALLS: Final = 3  # of one lookup: the identity's token, the list, the resource group
NO_HOST: Final = (
    "Azure does not show its host name, as with an app that is still being created or that failed. Try again in some "
    "minutes, then check its activity log in the portal."
)


class NoStaticWebAppError(NotFoundError):
    """CIPP does not have a static web app."""


class StaticWebApp:
    """The service of the static web app. Requires Reader."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._site = Cached(
            self._look,
            action="look up the static web app",
            lifetime=lambda _: clients.limits.discovery_lifetime_seconds,
            abandoned_seconds=CALLS * clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
            survives_writes="its name and its host name stay",
        )

    @property
    def resource(self) -> Mapping[str, Any]:
        """The static web app as ARM lists it, cached for `discovery_lifetime_seconds` if it exists.

        Raises:
            NoStaticWebAppError: CIPP does not have one.
        """
        return self._site.get()

    @property
    def name(self) -> str:
        """The static web app's name."""
        return str(self.resource["name"])

    @property
    def group(self) -> str:
        """The static web app's resource group."""
        return str(self.resource["id"]).strip("/").split("/")[3]

    @property
    def shown_host_name(self) -> str | None:
        """The host name that Azure assigned, None if it does not show one yet."""
        return text_or_none(properties_of(self.resource).get("defaultHostname"))

    @property
    def host_name(self) -> str:
        """The host name that Azure assigned.

        Raises:
            ConflictError: Azure does not show one yet.
        """
        if host := self.shown_host_name:
            return host
        name = self.name
        self._site.forget()  # so that the next call reads it again
        raise ConflictError(f"The static web app '{name}' can't be used yet. {NO_HOST}")

    @property
    def client(self) -> "WebSiteManagementClient":
        """The SDK's client for the static web app's subscription."""
        return self._clients.web(str(self.resource["id"]).split("/")[2])

    @property
    def operations(self) -> Any:  # noqa: ANN401 - the SDK's type requires models, but the SDK also takes objects
        """The SDK's operations on static web apps."""
        return self.client.static_sites

    def state(self) -> StaticWebAppState:
        """Return the state of the static web app, also if it does not exist."""
        try:
            site = self._site.reload()
        except NoStaticWebAppError as error:
            return StaticWebAppState(exists=False, reason=str(error))
        with while_trying_to(f"list the builds of static web app '{self.name}'"):
            found = listed(self.operations.get_static_site_builds, self.group, self.name)
        builds: list[Mapping[str, Any]] = [properties_of(build) for build in found]
        properties = properties_of(site)
        last = max(builds, key=lambda build: text_of(build.get("lastUpdatedOn")), default={})
        branch = text_or_none(properties.get("branch"))
        return StaticWebAppState(
            exists=True,
            reason=None if text_or_none(properties.get("defaultHostname")) else NO_HOST,
            name=site["name"],
            host_name=text_or_none(properties.get("defaultHostname")),
            plan=text_or_none(object_of(site.get("sku")).get("name")),
            linked_backends=sorted(app.rpartition("/")[2] for app in backends_of(properties)),
            repository=public_url(text_or_none(properties.get("repositoryUrl"))),
            branch=redact(branch) if branch else None,
            last_build=moment_of(last.get("lastUpdatedOn")),
            last_build_status=text_or_none(last.get("status")),
            link=Portal(self._discovery.deployment()).link(site["id"], "staticsite"),
        )

    def _look(self) -> Mapping[str, Any]:
        site = self._discovery.static_web_app()
        if site is None:
            self._site.forget()
            raise NoStaticWebAppError(NONE)
        return site
