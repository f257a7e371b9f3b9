"""The table of permissions in Azure, from the needs that `ListBackendRights` checks."""

import re
from collections.abc import Iterator
from typing import Final

from backend.configuration.clouds import PUBLIC
from backend.configuration.mode import Mode
from backend.health import permissions_needed as needed
from backend.hosting.container import needs as container
from backend.hosting.functions.needs import READS, to_control, to_manage
from backend.installation.needs import ManagedIdentity, Need
from tests.docs.tables import code, table

_IDENTITY: Final = ManagedIdentity("")
_ALL: Final = Mode()
_GROUP: Final = "/subscriptions/x/resourceGroups/cipp"
_APP: Final = "cippabc12"
_ROLE: Final = re.compile(r'az role assignment create .*--role "([^"]+)"')


def permissions() -> str:
    """Return the table: each feature, what it needs on what, and every operation that is checked."""
    heading = ("feature", "needed on", "grant", "operations that are checked")
    return table(
        heading,
        (
            (need.feature.replace(f"'{_APP}'", "the app"), place, grant, ", ".join(map(_operation, need.actions)))
            for need, place, grant in _needs()
        ),
    )


def _operation(action: str) -> str:
    """Return an operation in backquotes, and a description as it is."""
    return action if " " in action else code(action)


def _needs() -> Iterator[tuple[Need, str, str]]:
    """Yield each need, where the permission must be, and what grants it."""
    group = needed.to_read(_IDENTITY, _GROUP, READS)
    yield group, "CIPP's resource group", _role(group)
    app = to_control(_IDENTITY, f"{_GROUP}/providers/Microsoft.Web/sites/{_APP}", _ALL)
    yield app, "CIPP's main app, and each offload app", _role(app)
    site_id = f"{_GROUP}/providers/Microsoft.Web/sites/{_APP}"
    one = container.to_control(_IDENTITY, site_id, _ALL)
    yield one, "CIPP's main app, if it is a container", f"the custom role {code(_role(one))}"
    plan = f"{_GROUP}/providers/Microsoft.Web/serverfarms/{_APP}-plan"
    certificates = container.to_certify(_IDENTITY, plan, _ALL)
    place = "the resource group of the container's App Service plan"
    yield certificates, place, f"the custom role {code(_role(certificates))}"
    site = to_manage(_IDENTITY, f"{_GROUP}/providers/Microsoft.Web/staticSites/cipp-swa-abc12", _ALL)
    yield site, "CIPP's static web app", f"the custom role {code(_role(site))}"
    vault = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{_APP}"
    policy = needed.to_keep_secrets(_IDENTITY, vault, _ALL, by_role=False)
    yield policy, "CIPP's key vault, if it uses access policies", "an access policy with these secret permissions"
    rbac = needed.to_keep_secrets(_IDENTITY, vault, _ALL, by_role=True)
    yield rbac, "CIPP's key vault, if it uses Azure RBAC", _role(rbac)
    account = "cippstgabc12"
    key = needed.to_use_tables_by_key("", "cipp", account)
    yield key, "CIPP's storage account, with a connection string", f"the setting {code('CIPP_STORAGE')}"
    tables = needed.to_use_tables(_IDENTITY, f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{account}", _ALL)
    yield tables, "CIPP's storage account, with this app's identity", _role(tables)
    for permission in needed.GRAPH:
        graph = needed.in_graph(PUBLIC, "", permission, users=container.USERS)
        yield graph, "Microsoft Graph, for CIPP's SAM app", "this application permission"


def _role(need: Need) -> str:
    """Return the role that the need's own command assigns."""
    found = _ROLE.search(need.command)
    if not found:
        raise ValueError(f"The command for {need.feature!r} does not assign a role.")
    return found[1]
