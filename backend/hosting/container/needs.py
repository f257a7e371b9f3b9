"""The permissions that are needed on CIPP's container and its plan, and the commands to grant them (bash).

The names of actions are those that ARM derives from the calls of this app. Never run against real Azure.
"""

from functools import partial
from typing import Final

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.mode import Mode, Option
from backend.errors import BackendError
from backend.installation.discovery import Discovery
from backend.installation.needs import HostingNeeds, ManagedIdentity, Need, assign, assign_custom
from backend.readings import properties_of, text_of

READS: Final = (
    "Microsoft.Web/sites/read",
    "Microsoft.Web/sites/config/read",
    "Microsoft.Web/sites/config/appsettings/read",
    "Microsoft.Web/sites/hostNameBindings/read",
    "Microsoft.Web/sites/analyzeCustomHostname/read",
    "Microsoft.Web/staticSites/read",
)
SETTINGS_OF_SITE: Final = ("Microsoft.Web/sites/config/list/action",)
ON_SITE: Final = (
    "Microsoft.Web/sites/start/action",
    "Microsoft.Web/sites/stop/action",
    "Microsoft.Web/sites/restart/action",
    *SETTINGS_OF_SITE,
    "Microsoft.Web/sites/config/write",
    "Microsoft.Web/sites/containerlogs/action",  # whether a start failed, for the roll back of a version
    "Microsoft.Web/sites/hostNameBindings/write",
    "Microsoft.Web/sites/hostNameBindings/delete",
)
ON_PLAN: Final = ("Microsoft.Web/serverfarms/read",)
# On the plan's resource group, because a new certificate has no scope of its own yet.
READ_CERTIFICATES: Final = ("Microsoft.Web/certificates/read",)
ON_CERTIFICATES: Final = (
    *READ_CERTIFICATES,
    "Microsoft.Web/certificates/write",
    "Microsoft.Web/certificates/delete",
    "Microsoft.Web/serverfarms/join/action",
)


USERS: Final = "Roles by Entra groups, and roles of users by CIPP's table allowedUsers"


def hosting_needs(discovery: Discovery, mode: Mode) -> HostingNeeds:
    """Return the needs on the site, and on its plan, which may be in another resource group."""
    resources = (partial(_on_site, discovery, mode), partial(_on_plan, discovery, mode))
    return HostingNeeds(reads=READS, resources=resources, users=USERS)


def _on_site(discovery: Discovery, mode: Mode, identity: ManagedIdentity, _deadline: Deadline) -> list[Need]:
    deployment = discovery.deployment()
    return [to_control(identity, deployment.resource_id("Microsoft.Web/sites", deployment.main_app or ""), mode)]


def to_control(identity: ManagedIdentity, site: str, mode: Mode) -> Need:
    """Return the need to start, stop, restart and configure the container, and to bind its domains, by a custom role.

    Website Contributor would also grant its deletion and its publishing credentials. Without controls, only the
    settings are read.
    """
    name = site.rpartition("/")[2]
    if not mode.allows(Option.CONTROLS):
        role, actions = f"CIPP Backend reads {name}", SETTINGS_OF_SITE
        command = assign_custom(identity, role, "Settings of one app, to read", actions, site)
        return Need(f"Settings of '{name}'", "azure", site, actions, command)
    role, description = f"CIPP Backend on {name}", "Start, stop, restart, settings and domains of one app"
    command = assign_custom(identity, role, description, ON_SITE, site)
    return Need(f"Controls, settings and domains of '{name}'", "azure", site, ON_SITE, command)


def to_certify(identity: ManagedIdentity, plan: str, mode: Mode) -> Need:
    """Return the need for the certificates of domains, in the resource group of the plan, by a custom role.

    The role covers all certificates of App Service in that group. Without controls, they are only read.
    """
    group, name = plan.partition("/providers/")[0], plan.rpartition("/")[2]
    if not mode.allows(Option.CONTROLS):
        role, actions = f"CIPP Backend reads certificates of {name}", READ_CERTIFICATES
        command = assign_custom(identity, role, "Certificates of domains, to read", actions, group)
        return Need("Certificates of domains", "azure", group, actions, command)
    role, description = f"CIPP Backend certificates of {name}", "Certificates of domains of one app"
    command = assign_custom(identity, role, description, ON_CERTIFICATES, group)
    return Need("Certificates of domains", "azure", group, ON_CERTIFICATES, command)


def _on_plan(discovery: Discovery, mode: Mode, identity: ManagedIdentity, deadline: Deadline) -> list[Need]:
    looking = background.start(discovery.main_app.seen, name="rights")
    try:
        seen = background.by(deadline, looking, what="look up this app's permissions")
    except BackendError:
        return []
    plan = text_of(properties_of(seen.site).get("serverFarmId"))
    if not plan:
        return []
    tier = Need("Plan and tier of CIPP", "azure", plan, ON_PLAN, assign(identity, "Reader", plan))
    return [tier, to_certify(identity, plan, mode)]
