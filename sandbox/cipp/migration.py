"""CIPP's migration from function apps to a container, as its published script does it, step by step.

The steps have the numbers of the contract of CIPP as a container. Here, sign-in of the new site is on immediately. A
real container sets it up at its first start, and restarts.
"""

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox import names
from sandbox.arm.access import CONTRIBUTOR, RoleAssignment
from sandbox.arm.seed_container import auth_settings, container_plan, container_sites
from sandbox.cipp import written
from sandbox.clouds import CLOUDS
from sandbox.container.layout import Layout
from sandbox.key_vault.secret import SecretVersion
from sandbox.key_vault.state import SECRET_PERMISSIONS
from sandbox.moment import moment
from sandbox.registry.images import reference
from sandbox.sign_in_app import seeded_sign_in
from sandbox.tables.rows import Row

if TYPE_CHECKING:
    from sandbox.arm.resource import KeyVault, StorageAccount
    from sandbox.arm.site import Site
    from sandbox.arm.static_site import StaticSite
    from sandbox.azure import Azure
    from sandbox.tables.rows import Rows

STEPS: Final = range(6, 14)  # after the checks
_READY: Final = ("secrets_stored", "complete")
_RENAMED: Final = {"full editor": "fulleditor"}
_BASE: Final = ("superadmin", "admin", "editor", "readonly")
_OF_INSIGHTS: Final = ("microsoft.insights/components", "microsoft.alertsmanagement/smartdetectoralertrules")
_SETUP: Final = ("SSOMigration", "SSO", "MigrationConfig")


class MigrationError(Exception):
    """The script refuses. The message states why."""


async def prepare(azure: "Azure", rows: "Rows") -> None:
    """Set up the sign-in on CIPP's page, as an admin does before the migration. It happens once."""
    partner, now = azure.directory.tenant(names.TENANT_ID), azure.clock.now()
    if partner is None or await rows.read(*_SETUP) is not None:
        return
    target = _target(azure).name
    host = f"{target}.{CLOUDS[0].site_suffix}"
    for name, secret in seeded_sign_in(azure.directory, partner, host, now).items():
        at = now.replace(microsecond=0)
        azure.vaults[target].add(name, SecretVersion(uuid.uuid4().hex, secret.value, created=at, updated=at))
    columns = written.sign_in_row(host, now).columns
    await rows.write(Row(*_SETUP, {**(columns or {}), "Status": "secrets_stored"}), azure.clock)


async def migrate(azure: "Azure", rows: "Rows", stop_after: int) -> None:
    """Run the script up to and including a step, as if it broke there.

    Raises:
        MigrationError: The group is migrated, or the sign-in is not set up.
    """
    sites = _sites(azure)
    containers = [site for site in sites if site.container]
    if containers and len(containers) == len(sites) and "NG" in azure.arm.groups[names.RESOURCE_GROUP].tags:
        raise MigrationError("Already migrated: the group has a container, the tag NG, and no other app.")
    row = await rows.read(*_SETUP)
    if (row or {}).get("Status") not in _READY and not any(site.auth_settings for site in containers):
        raise MigrationError("The sign-in is not set up. Prepare it first.")
    for number, step in zip(STEPS, _STEPS, strict=True):
        if number <= stop_after:
            await step(azure, rows)


async def _copy_users(azure: "Azure", rows: "Rows") -> None:
    """Give the users of the static web app a row, without roles that do not exist. Superadmin stands alone."""
    static = _static(azure)
    for user in static.users if static else ():
        roles = [_RENAMED.get(role.lower(), role.lower()) for role in user.roles]
        known = [role for role in roles if role in _BASE or await rows.read("CustomRoles", "CustomRoles", role)]
        if "@" not in user.display_name or not known:
            continue
        own = ["superadmin"] if "superadmin" in known else known
        columns = {"Roles": json.dumps(own), "ManualRoles": json.dumps(own), "AutoRoles": "[]", "Source": "Manual"}
        await rows.write(Row("allowedUsers", "User", user.display_name.lower(), columns), azure.clock)


async def _unlink(azure: "Azure", _rows: "Rows") -> None:
    if static := _static(azure):
        static.linked, static.provided = [], []


async def _delete_sites(azure: "Azure", _rows: "Rows") -> None:
    """Delete every site that is not a container, the roles on it, and its plan if no other app is on it."""
    for site in _sites(azure):
        if site.container:
            continue
        del azure.arm.sites[site.name.lower()]
        azure.cipp.processes.pop(site.name, None)
        _drop_assignments(azure, site.id)
        if not any(other.plan_id.lower() == site.plan_id.lower() for other in azure.arm.sites.values()):
            azure.arm.plans.pop(site.plan.lower(), None)


async def _delete_insights(azure: "Azure", _rows: "Rows") -> None:
    for resource_id, resource in [*azure.arm.plain.items()]:
        if resource.group == names.RESOURCE_GROUP and resource.type.lower() in _OF_INSIGHTS:
            del azure.arm.plain[resource_id]


async def _delete_shares(azure: "Azure", _rows: "Rows") -> None:
    _account(azure).shares.clear()


async def _sweep_assignments(azure: "Azure", _rows: "Rows") -> None:
    """Delete the roles on the container's future ID. The script does so only if the site does not exist."""
    name = _target(azure).name
    if name not in azure.arm.sites:
        _drop_assignments(azure, f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{name}")


async def _deploy(azure: "Azure", rows: "Rows") -> None:
    """Deploy the container with a new identity. All tags of the group are replaced."""
    vault, account, now = _target(azure), _account(azure), azure.clock.now()
    placed = Layout(vault.name, vault.name, names.RESOURCE_GROUP, migrated=True, state="")
    (site,) = container_sites(now, account.keys[0], reference("", azure.registry), azure.options, placed)
    site.auth_settings = auth_settings(names.SSO_APP_ID)
    azure.arm.sites[site.name.lower()] = site
    plan = container_plan(placed)
    azure.arm.plans[plan.name.lower()] = plan
    group = azure.arm.groups[names.RESOURCE_GROUP]
    azure.arm.groups[names.RESOURCE_GROUP] = replace(group, tags={"Linux": "true", "NG": "true"})
    vault.for_deployment = True
    azure.vaults[vault.name].permissions[site.principal_id] = SECRET_PERMISSIONS
    assignment = RoleAssignment(str(uuid.uuid4()), site.principal_id, CONTRIBUTOR, site.id, moment(now))
    azure.arm.access.assignments.append(assignment)
    site.restart(now, at_once=True)
    await rows.write(written.address_row(f"{vault.name}.{CLOUDS[0].site_suffix}"), azure.clock)


async def _delete_static_web_app(azure: "Azure", _rows: "Rows") -> None:
    if static := _static(azure):
        del azure.arm.static_sites[static.name]


_STEPS: Final = (
    _copy_users,
    _unlink,
    _delete_sites,
    _delete_insights,
    _delete_shares,
    _sweep_assignments,
    _deploy,
    _delete_static_web_app,
)


def _drop_assignments(azure: "Azure", scope: str) -> None:
    access = azure.arm.access
    access.assignments = [one for one in access.assignments if one.scope.lower() != scope.lower()]


def _sites(azure: "Azure") -> "list[Site]":
    return [site for site in azure.arm.sites.values() if site.group == names.RESOURCE_GROUP]


def _static(azure: "Azure") -> "StaticSite | None":
    """Return the first static web app of the group."""
    return next((one for one in azure.arm.static_sites.values() if one.group == names.RESOURCE_GROUP), None)


def _account(azure: "Azure") -> "StorageAccount":
    """Return the first storage account of the group."""
    return next(one for one in azure.arm.storage_accounts.values() if one.group == names.RESOURCE_GROUP)


def _target(azure: "Azure") -> "KeyVault":
    """Return the first vault of the group. The container gets its name."""
    return next(one for one in azure.arm.vaults.values() if one.group == names.RESOURCE_GROUP)
