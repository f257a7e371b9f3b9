"""The permissions that are needed on CIPP's function apps and static web app, and the commands to grant them (bash).

The names of actions are those that ARM derives from the calls of this app.
"""

from functools import partial
from typing import Final

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.mode import Mode, Option
from backend.errors import BackendError
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.functions.static_web_app.site import NoStaticWebAppError, StaticWebApp
from backend.installation.discovery import Discovery
from backend.installation.needs import HostingNeeds, ManagedIdentity, Need, assign, assign_custom
from backend.readings import text_of

READS: Final = (
    "Microsoft.Web/sites/read",
    "Microsoft.Web/sites/config/read",
    "Microsoft.Web/sites/config/appsettings/read",
    "Microsoft.Web/sites/deployments/read",
    "Microsoft.Web/sites/functions/read",
    "Microsoft.Web/sites/instances/read",
    "Microsoft.Web/sites/instances/processes/read",
    "Microsoft.Web/sites/sourcecontrols/read",
    "Microsoft.Web/sites/analyzeCustomHostname/read",
    "Microsoft.Web/serverfarms/read",
    "Microsoft.Web/staticSites/read",
    "Microsoft.Web/staticSites/builds/read",
    "Microsoft.Web/staticSites/customDomains/read",
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleDefinitions/read",
    "Microsoft.Storage/storageAccounts/fileServices/shares/read",
)
SETTINGS_OF_APP: Final = ("Microsoft.Web/sites/config/list/action",)
ON_APP: Final = (
    "Microsoft.Web/sites/start/action",
    "Microsoft.Web/sites/stop/action",
    "Microsoft.Web/sites/restart/action",
    "Microsoft.Web/sites/sync/action",
    *SETTINGS_OF_APP,
    "Microsoft.Web/sites/config/write",
)
USERS_OF_STATIC_WEB_APP: Final = ("Microsoft.Web/staticSites/authproviders/listUsers/action",)
ON_STATIC_WEB_APP: Final = (
    "Microsoft.Web/staticSites/customDomains/write",
    "Microsoft.Web/staticSites/customDomains/delete",
    *USERS_OF_STATIC_WEB_APP,
    "Microsoft.Web/staticSites/authproviders/users/write",
    "Microsoft.Web/staticSites/authproviders/users/delete",
    "Microsoft.Web/staticSites/createUserInvitation/action",
)
# In Azure's list of operations, the invitation is createinvitation. Its access control checks createUserInvitation,
# which a role can't name. So the role grants all actions except those that this app does not call. A test compares
# them with the routes of azure-mgmt-web. Azure refuses a role with a name that it doesn't list: these are listed.
ROLE_ACTIONS: Final = (
    *(action for action in ON_STATIC_WEB_APP if not action.endswith("/action")),
    "Microsoft.Web/staticSites/*/action",
)
ROLE_NOT_ACTIONS: Final = (
    "Microsoft.Web/staticSites/listsecrets/action",
    "Microsoft.Web/staticSites/resetapikey/action",
    "Microsoft.Web/staticSites/zipdeploy/action",
    "Microsoft.Web/staticSites/builds/zipdeploy/action",
    "Microsoft.Web/staticSites/detach/action",
    "Microsoft.Web/staticSites/listappsettings/action",
    "Microsoft.Web/staticSites/listfunctionappsettings/action",
    "Microsoft.Web/staticSites/builds/listappsettings/action",
    "Microsoft.Web/staticSites/builds/listfunctionappsettings/action",
    "Microsoft.Web/staticSites/showDatabaseConnections/action",
    "Microsoft.Web/staticSites/databaseConnections/show/action",
    "Microsoft.Web/staticSites/builds/showDatabaseConnections/action",
    "Microsoft.Web/staticSites/builds/databaseConnections/show/action",
    "Microsoft.Web/staticSites/linkedBackends/validate/action",
    "Microsoft.Web/staticSites/builds/linkedBackends/validate/action",
    "Microsoft.Web/staticSites/customdomains/validate/action",
    "Microsoft.Web/staticSites/validateCustomDomainOwnership/action",
    "Microsoft.Web/staticSites/privateEndpointConnectionProxies/validate/action",
    "Microsoft.Web/staticSites/listConfiguredRoles/action",
    "Microsoft.Web/staticSites/getuser/action",
    "Microsoft.Web/staticSites/publish/action",
)
_LOOK: Final = "look up this app's permissions"


def hosting_needs(discovery: Discovery, apps: FunctionApps, static_web_app: StaticWebApp, mode: Mode) -> HostingNeeds:
    """Return the needs on the apps, and on the static web app if it exists."""
    return HostingNeeds(
        reads=READS,
        resources=(partial(_on_apps, discovery, apps, mode), partial(_on_site, discovery, static_web_app, mode)),
    )


def _on_apps(
    discovery: Discovery, apps: FunctionApps, mode: Mode, identity: ManagedIdentity, deadline: Deadline
) -> list[Need]:
    """Return the needs on the main and offload apps. Without Reader, only the main app is known."""
    deployment = discovery.deployment()
    try:
        shown = background.by(deadline, background.start(apps.apps, name="rights"), what=_LOOK)
        names = [app.name for app in shown if app.is_main or app.offload_suffix]
    except BackendError:
        names = []
    scopes = [deployment.resource_id("Microsoft.Web/sites", name) for name in names or [deployment.main_app or ""]]
    return [to_control(identity, scope, mode) for scope in scopes]


def _on_site(
    discovery: Discovery, app: StaticWebApp, mode: Mode, identity: ManagedIdentity, deadline: Deadline
) -> list[Need]:
    """Return the needs on the static web app. If it isn't listed, its name by CIPP's template is used."""
    deployment = discovery.deployment()
    name = deployment.template_static_web_app
    try:
        looking = background.start(lambda: app.resource, name="rights")
        scope = text_of(background.by(deadline, looking, what=_LOOK).get("id"))
    except NoStaticWebAppError:
        scope = ""
    except BackendError:
        scope = deployment.resource_id("Microsoft.Web/staticSites", name) if name else ""
    return [to_manage(identity, scope, mode)] if scope else []


def to_control(identity: ManagedIdentity, app: str, mode: Mode) -> Need:
    """Return the need to start, stop, restart, configure and deploy one app, by Website Contributor.

    Without controls, only the settings are read. No built-in role grants that without changes.
    """
    name = app.rpartition("/")[2]
    if not mode.allows(Option.CONTROLS):
        role, actions = f"CIPP Backend reads {name}", SETTINGS_OF_APP
        command = assign_custom(identity, role, "Settings of one app, to read", actions, app)
        return Need(f"Settings of '{name}'", "azure", app, actions, command)
    feature = f"Controls and settings of '{name}'"
    return Need(feature, "azure", app, ON_APP, assign(identity, "Website Contributor", app))


def to_manage(identity: ManagedIdentity, static_web_app: str, mode: Mode) -> Need:
    """Return the need to manage domains, users and invitations, by a custom role: every built-in role grants more.

    Without controls, only the users are listed.
    """
    name = static_web_app.rpartition("/")[2]
    if not mode.allows(Option.CONTROLS):
        role, actions = f"CIPP Backend reads {name}", USERS_OF_STATIC_WEB_APP
        command = assign_custom(identity, role, "Users of one static web app, to list", actions, static_web_app)
        return Need("Users of the static web app", "azure", static_web_app, actions, command)
    role, description = f"CIPP Backend on {name}", "Domains, users and invitations of one static web app"
    command = assign_custom(identity, role, description, ROLE_ACTIONS, static_web_app, not_actions=ROLE_NOT_ACTIONS)
    return Need("Domains and users of the static web app", "azure", static_web_app, ON_STATIC_WEB_APP, command)
