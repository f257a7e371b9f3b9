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
    "Microsoft.Web/staticSites/read",
)
SETTINGS_OF_SITE: Final = ("Microsoft.Web/sites/config/list/action",)
ON_SITE: Final = (
    "Microsoft.Web/sites/start/action",
    "Microsoft.Web/sites/stop/action",
    "Microsoft.Web/sites/restart/action",
    *SETTINGS_OF_SITE,
    "Microsoft.Web/sites/config/write",
)
ON_PLAN: Final = ("Microsoft.Web/serverfarms/read",)


USERS: Final = "Roles by Entra groups, and roles of users by CIPP's table allowedUsers"


def hosting_needs(discovery: Discovery, mode: Mode) -> HostingNeeds:
    """Return the needs on the site, and on its plan, which may be in another resource group."""
    resources = (partial(_on_site, discovery, mode), partial(_on_plan, discovery))
    return HostingNeeds(reads=READS, resources=resources, users=USERS)


def _on_site(discovery: Discovery, mode: Mode, identity: ManagedIdentity, _deadline: Deadline) -> list[Need]:
    deployment = discovery.deployment()
    return [to_control(identity, deployment.resource_id("Microsoft.Web/sites", deployment.main_app or ""), mode)]


def to_control(identity: ManagedIdentity, site: str, mode: Mode) -> Need:
    """Return the need to start, stop, restart and configure the container, by a custom role with only these actions.

    Website Contributor would also grant its deletion, its domains and its publishing credentials. Without controls,
    only the settings are read.
    """
    name = site.rpartition("/")[2]
    if not mode.allows(Option.CONTROLS):
        role, actions = f"CIPP Backend reads {name}", SETTINGS_OF_SITE
        command = assign_custom(identity, role, "Settings of one app, to read", actions, site)
        return Need(f"Settings of '{name}'", "azure", site, actions, command)
    role, description = f"CIPP Backend on {name}", "Start, stop, restart and settings of one app"
    command = assign_custom(identity, role, description, ON_SITE, site)
    return Need(f"Controls and settings of '{name}'", "azure", site, ON_SITE, command)


def _on_plan(discovery: Discovery, identity: ManagedIdentity, deadline: Deadline) -> list[Need]:
    looking = background.start(discovery.main_app.seen, name="rights")
    try:
        seen = background.by(deadline, looking, what="look up this app's permissions")
    except BackendError:
        return []
    plan = text_of(properties_of(seen.site).get("serverFarmId"))
    if not plan:
        return []
    return [Need("Plan and tier of CIPP", "azure", plan, ON_PLAN, assign(identity, "Reader", plan))]
