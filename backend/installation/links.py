"""The links on CIPP's Backend page to each resource in the Azure portal.

Every link works: if a resource's name is unknown, the link opens its nearest known parent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from backend.azure.clients import Clients
from backend.cipp.tables import CippTables
from backend.concurrency.cached import MARGIN_SECONDS, Attempt, Cached
from backend.concurrency.deadline import Deadline
from backend.configuration.problems import setting_problems
from backend.installation.discovery import Discovery, Found
from backend.installation.installation import Deployment, misfits
from backend.installation.portal import Portal
from backend.installation.results import PortalLinks
from backend.installation.shape_links import SITES, plan_link, shape_links

FIRST_STORAGE_WAIT_SECONDS: Final = 2.4  # beside the wait for Azure, so that the links still come within 3 s
STORAGE_WAIT_SECONDS: Final = 0.4
STORAGE_LIFETIME_SECONDS: Final = 3.0
MANAGEMENT = "https://management.cipp.app"
VAULTS = "Microsoft.KeyVault/vaults"


class Links:
    """The service behind ExecBackendURLs."""

    def __init__(
        self,
        environ: Mapping[str, str],
        clients: Clients,
        discovery: Discovery,
        tables: CippTables,
        states: Callable[[Deadline], list[str]],
    ) -> None:
        """Create it. `states` returns warnings about the state of the installation, by a deadline."""
        self._states = states
        self._environ = environ
        self._discovery = discovery
        self._tables = tables
        self._storage = StorageWarning(clients)
        self._last: tuple[Found, str, list[str], list[str], PortalLinks] | None = None

    def links(self) -> PortalLinks:
        """Return names and links. It never fails or waits long: missing information becomes a warning."""
        look, deadline = self._storage.look()
        found, zone = self._discovery.found(), self._tables.zone_name()
        storage_problem = self._storage.by(look, deadline)
        states = self._states(deadline)
        problems = [*self._tables.zone_problems, *([storage_problem] if storage_problem else [])]
        last = self._last
        if last is None or last[0] is not found or last[1:4] != (zone, problems, states):
            last = self._last = (
                found,
                zone,
                problems,
                states,
                portal_links(found, self._environ, zone, problems, states),
            )
        return last[4]


class StorageWarning:
    """Why the settings don't lead to CIPP's tables, as of the last check. The links wait for it only briefly.

    A storage account that timed out causes no warning here, because `ListBackendRights` waits longer for it.
    """

    def __init__(self, clients: Clients) -> None:
        self._problem = Cached(
            clients.storage_problem,
            action="check whose storage it is",
            lifetime=STORAGE_LIFETIME_SECONDS,
            abandoned_seconds=clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
            survives_writes="a write does not change whose storage it is",
        )
        self._wait_seconds = FIRST_STORAGE_WAIT_SECONDS

    def look(self) -> tuple[Attempt[str | None] | None, Deadline]:
        """Return the check in progress, or a new one if the last is old, and the deadline for waiting."""
        return self._problem.begin(), Deadline.after(self._wait_seconds)

    def by(self, look: Attempt[str | None] | None, deadline: Deadline) -> str | None:
        """Return the problem, as of the check if it completes before the deadline."""
        if look:
            look.wait(deadline)
        self._wait_seconds = STORAGE_WAIT_SECONDS
        return self._problem.peek()


def portal_links(
    found: Found,
    environ: Mapping[str, str],
    timezone: str,
    problems: Sequence[str] = (),
    states: Sequence[str] = (),
) -> PortalLinks:
    """Return the links for a discovery's result. `states` and `problems` become warnings, without duplicates."""
    deployment = found.deployment
    warnings = [*states, *_unknowns(deployment, environ), *setting_problems(environ), *found.warnings]
    warnings += [problem for problem in problems if problem not in warnings]
    portal = Portal(deployment)
    by_shape = shape_links(found, portal, environ)
    app = portal.id_of(SITES, deployment.main_app)
    vault = found.vault_id or portal.id_of(VAULTS, deployment.vault_name)
    hosted = environ.get("CIPP_HOSTED", "").lower() == "true"
    return PortalLinks(
        subscription=deployment.subscription_id,
        resource_group_name=deployment.resource_group,
        function_name=deployment.main_app,
        static_web_app_name=by_shape.static_web_app_name,
        hosted=hosted,
        os=by_shape.operating_system,
        sku=by_shape.sku,
        timezone=timezone,
        resource_group=portal.link(None),
        key_vault=portal.link(vault, "secrets"),
        function_app=portal.link(app, "appServices"),
        function_config=portal.link(app, "configuration"),
        function_deployment=by_shape.function_deployment,
        app_service_plan=plan_link(found, portal),
        static_web_app_domains=by_shape.static_web_app_domains,
        static_web_app_roles=by_shape.static_web_app_roles,
        domains=by_shape.domains,
        log_stream=by_shape.log_stream,
        container_settings=by_shape.container_settings,
        cloud_shell=deployment.cloud.cloud_shell,
        management=MANAGEMENT if hosted else None,
        warnings=(*warnings, *by_shape.warnings),
    )


def _unknowns(deployment: Deployment, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each unknown name, with the setting to set."""
    unknowns = [f"The value of {name} is not a valid name in Azure. Correct it." for name in misfits(environ)]
    if not deployment.subscription_id:
        unknowns.append(
            "The subscription is unknown: neither WEBSITE_OWNER_NAME nor this app's identity shows it. "
            "Set CIPP_SUBSCRIPTION_ID."
        )
    if not deployment.resource_group:
        unknowns.append(
            "The resource group is unknown: neither WEBSITE_RESOURCE_GROUP nor this app's identity shows it. "
            "Set CIPP_RESOURCE_GROUP."
        )
    if not deployment.main_app:
        unknowns.append("The function app is unknown: WEBSITE_SITE_NAME is not set. Set CIPP_FUNCTION_APP.")
    if not deployment.vault_name:
        unknowns.append("The key vault is unknown. Set CIPP_KV_NAME, or set CIPP_FUNCTION_APP to the same name.")
    return unknowns
