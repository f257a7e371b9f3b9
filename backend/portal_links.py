"""The links that CIPP's Backend page shows: where in the Azure portal each resource is.

Every link opens something real: where a name is unknown, the nearest known parent.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.deployment import Deployment, misfits
from backend.discovery import Discovery, Found
from backend.portal import Portal
from backend.setting_problems import setting_problems, tier_of
from backend.shared_call import MARGIN_SECONDS, Attempt, SharedCall
from backend.values import Value

FIRST_STORAGE_WAIT_SECONDS: Final = 2.4  # beside the wait for Azure, so that the links still come within 3 s
STORAGE_WAIT_SECONDS: Final = 0.4
STORAGE_LIFETIME_SECONDS: Final = 3.0
MANAGEMENT = "https://management.cipp.app"
VAULTS = "Microsoft.KeyVault/vaults"
SITES = "Microsoft.Web/sites"
STATIC_SITES = "Microsoft.Web/staticSites"


class PortalLinks(Value, frozen=True):
    """The names and the links, in the frontend's own words; None is unknown, and `warnings` says why."""

    subscription: str | None
    resource_group_name: str | None = msgspec.field(name="RGName")
    function_name: str | None
    static_web_app_name: str | None = msgspec.field(name="SWAName")
    hosted: bool
    os: str = msgspec.field(name="OS")
    sku: str | None = msgspec.field(name="SKU")
    timezone: str
    resource_group: str
    key_vault: str
    function_app: str
    function_config: str
    function_deployment: str
    static_web_app_domains: str = msgspec.field(name="SWADomains")
    static_web_app_roles: str = msgspec.field(name="SWARoles")
    cloud_shell: str
    management: str | None
    warnings: tuple[str, ...]


class Links:
    """The service behind ExecBackendURLs."""

    def __init__(self, environ: Mapping[str, str], clients: Clients, discovery: Discovery, tables: CippTables) -> None:
        self._environ = environ
        self._discovery = discovery
        self._tables = tables
        self._storage = StorageWarning(clients)
        self._last: tuple[Found, str, list[str], PortalLinks] | None = None

    def links(self) -> PortalLinks:
        """Return names and links. It never fails or waits long: what Azure did not return becomes a warning."""
        look, ends = self._storage.look()
        found, zone = self._discovery.found(), self._tables.zone_name()
        storage_problem = self._storage.by(look, ends)
        problems = [*self._tables.zone_problems, *([storage_problem] if storage_problem else [])]
        last = self._last
        if last is None or last[0] is not found or last[1:3] != (zone, problems):
            last = self._last = (found, zone, problems, portal_links(found, self._environ, zone, problems))
        return last[3]


class StorageWarning:
    """Why the settings don't lead to CIPP's tables, as it was seen last. The links wait for it once, and only shortly.

    A storage account that timed out gives no warning here: `ListBackendRights` tries it for longer.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._looks = SharedCall(
            self._look,
            name="check whose storage it is",
            abandoned_seconds=clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
        )
        self._problem: str | None = None
        self._wait_seconds = FIRST_STORAGE_WAIT_SECONDS

    def look(self) -> tuple[Attempt[None], float]:
        """Return the look under way, or a new one if the last is old, and until when to wait for it."""
        return self._looks.attempt(STORAGE_LIFETIME_SECONDS), time.monotonic() + self._wait_seconds

    def by(self, look: Attempt[None], moment: float) -> str | None:
        """Return the problem, as of the look if it ended before the moment (of `time.monotonic`)."""
        look.wait(moment)
        self._wait_seconds = STORAGE_WAIT_SECONDS
        return self._problem

    def _look(self) -> None:
        self._problem = self._clients.storage_problem()


def portal_links(found: Found, environ: Mapping[str, str], timezone: str, problems: Sequence[str] = ()) -> PortalLinks:
    """Return the links that follow from what was found. `problems` become warnings, each once."""
    deployment = found.deployment
    warnings = [*_unknowns(deployment, environ), *setting_problems(environ), *found.warnings]
    warnings += [problem for problem in problems if problem not in warnings]
    static_web_app_id = found.static_web_app_id
    static_web_app = static_web_app_id.rpartition("/")[2] if static_web_app_id else None
    if not static_web_app and found.has_no_static_web_app:
        warnings.append(
            f"No static web app is linked to '{deployment.main_app}': this CIPP has none (it may run in a container), "
            "so these two links open the resource group."
        )
    elif not static_web_app and deployment.main_app:
        static_web_app = deployment.template_static_web_app
        warnings.append(
            f"The static web app's name '{static_web_app}' is derived by CIPP's deployment template, not seen in Azure."
            if static_web_app
            else f"The static web app is unknown: '{deployment.main_app}' is no name of CIPP's deployment template, "
            "and Azure did not show the one that is linked to it. Give our identity Reader on the resource group."
        )
    portal = Portal(deployment)
    app = portal.id_of(SITES, deployment.main_app)
    vault = found.vault_id or portal.id_of(VAULTS, deployment.vault_name)
    static = static_web_app_id or portal.id_of(STATIC_SITES, static_web_app)
    hosted = environ.get("CIPP_HOSTED", "").lower() == "true"
    return PortalLinks(
        subscription=deployment.subscription_id,
        resource_group_name=deployment.resource_group,
        function_name=deployment.main_app,
        static_web_app_name=static_web_app,
        hosted=hosted,
        os="Linux" if sys.platform.startswith("linux") else "Windows",
        sku=tier_of(environ),
        timezone=timezone,
        resource_group=portal.link(None),
        key_vault=portal.link(vault, "secrets"),
        function_app=portal.link(app, "appServices"),
        function_config=portal.link(app, "configuration"),
        function_deployment=portal.link(app, "vstscd"),
        static_web_app_domains=portal.link(static, "customDomains"),
        static_web_app_roles=portal.link(static, "roleManagement"),
        cloud_shell=deployment.cloud.cloud_shell,
        management=MANAGEMENT if hosted else None,
        warnings=tuple(warnings),
    )


def _unknowns(deployment: Deployment, environ: Mapping[str, str]) -> list[str]:
    """Say which names are unknown, and which setting would tell."""
    unknowns = [f"The setting {name} holds what can't be a name in Azure. Correct it." for name in misfits(environ)]
    if not deployment.subscription_id:
        unknowns.append(
            "The subscription is unknown: neither WEBSITE_OWNER_NAME nor this app's identity tells it. "
            "Set CIPP_SUBSCRIPTION_ID."
        )
    if not deployment.resource_group:
        unknowns.append(
            "The resource group is unknown: neither WEBSITE_RESOURCE_GROUP nor this app's identity tells it. "
            "Set CIPP_RESOURCE_GROUP."
        )
    if not deployment.main_app:
        unknowns.append("The function app is unknown: WEBSITE_SITE_NAME is not set. Set CIPP_FUNCTION_APP.")
    if not deployment.vault_name:
        unknowns.append("The key vault is unknown. Set CIPP_KV_NAME, or CIPP_FUNCTION_APP that it is named after.")
    return unknowns
