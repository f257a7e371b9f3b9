"""The report before CIPP's migration: everything that can be read, at the same time. Nothing is written.

Requires Reader on CIPP's resource group, listUsers on the static web app, and the settings of the main app. What can't
be read is a finding. Never run against real Azure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.access.allowed_users import TABLE as USERS
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import at_address, fetched, listed, listed_by_link
from backend.cipp.sign_in_setup import read_sign_in_setup
from backend.concurrency import background
from backend.errors import BackendError, NotFoundError
from backend.hosting.functions.migration.people import (
    MayRun,
    finding_on_setup,
    findings_on_permissions,
    findings_on_rows,
    findings_on_users,
    may_run_by,
    moved,
)
from backend.hosting.functions.migration.script import (
    STORAGE_ACCOUNTS,
    Group,
    MainSettings,
    creates_site,
    deleted_by,
    findings_on,
    lost_settings,
    lost_tags,
    main_settings_of,
    picks_of,
)
from backend.hosting.results.migration import Finding, MigrationReport, MovedDomain, MovedUser, Part, verdict_of
from backend.installation.discovery import Discovery
from backend.readings import Json, objects_of, properties_of, text_of, texts_by_name, texts_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from backend.access.tables import AccessTables
    from backend.access.users.writer import AllowedUsersWriter
    from backend.hosting.hosting import Domains, UserRoles

T = TypeVar("T")
ROLES_API: Final = "2022-04-01"
_NO_STORAGE: Final = "CIPP's storage account is not configured."
_SET_IT: Final = "Set CIPP_STORAGE."
SHARES_API: Final = "2023-05-01"
SUMMARY: Final = {
    "Ready": "Nothing that this app can see speaks against the migration.",
    "NotReady": "Don't run CIPP's migration script yet.",
    "Unknown": "Some things could not be read. Read the findings before you run the script.",
}


class MigrationPreflight:
    """The service of the report."""

    def __init__(  # noqa: PLR0913 - what the report reads
        self,
        clients: Clients,
        discovery: Discovery,
        access: "AccessTables",
        *,
        users: "UserRoles",
        domains: "Domains",
        listed: "AllowedUsersWriter",
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._access = access
        self._users = users
        self._domains = domains
        self._listed = listed

    def report(self, caller: str | None) -> MigrationReport:
        """Return the report. `caller` is the object ID in Entra of who calls, None if it is unknown.

        Raises:
            NotConfiguredError: CIPP's resource group is unknown.
        """
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        found = _Findings()
        settings = found.started("Settings", "the settings of the main app", self._main_settings)
        group = found.started("Picks", "what is in CIPP's resource group", partial(self._group, settings))
        may_run = found.started("Permission", "your roles", partial(self._may_run, caller))
        setup = found.started("SignIn", "CIPP's setup of the sign-in", self._setup)
        users = found.started("Users", "the users of the static web app", self._moved_users)
        domains = found.started("Domains", "the domains of the static web app", self._moved_domains)
        listed_users = found.started("Users", f"CIPP's table {USERS}", self._listed_users)
        held = found.started("Deleted", "the roles on the site that the script creates", self._roles_on_target)
        tags = found.started("Group", "the tags of the resource group", partial(self._tags, subscription, name))
        seen = found.of(group)
        picks, deleted = (picks_of(seen), deleted_by(seen)) if seen else ([], [])
        if seen:
            found.all += findings_on(seen, picks, deleted)
            if seen.shares is None:
                found.all.append(_unread("Deleted", "the file shares of the storage account", "Azure refused."))
        permissions = found.of(may_run) or MayRun()
        found.all += findings_on_permissions(permissions, name)
        status = found.of(setup)
        if problem := finding_on_setup(status):
            found.all.append(problem)
        people, hosts = found.of(users), found.of(domains)
        found.all += findings_on_users(people) if people is not None else ()
        listed_names = found.of(listed_users)
        found.all += findings_on_rows(people or (), listed_names or ())
        found.all += _on_roles(found.of(held) or 0, deployment.vault_name or "") if seen and creates_site(seen) else ()
        found.all += _on_domains(hosts or ())
        gone_tags, of_main = found.of(tags), found.of(settings)
        gone_settings = lost_settings(of_main.names) if of_main else None
        found.all += _on_losses(gone_tags or (), gone_settings or ())
        verdict = verdict_of(found.all)
        order = ("Blocking", "Unknown", "Loss", "Note")
        return MigrationReport(
            verdict=verdict,
            summary=SUMMARY[verdict],
            findings=sorted(found.all, key=lambda one: order.index(one.severity)),
            target=deployment.vault_name,
            main_app=deployment.main_app,
            may_run=dict(permissions.actions),
            sign_in_setup=status,
            picks=picks,
            deleted=deleted,
            users=people,
            domains=hosts,
            lost_tags=gone_tags,
            lost_settings=gone_settings,
        )

    def _group(self, settings: "Future[MainSettings]") -> Group:
        """Return what is in the group. Requires Microsoft.Web/sites/read and serverfarms/read."""
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        web, resources = self._clients.web(subscription), self._clients.resources(subscription)
        with while_trying_to(f"list what is in resource group '{name}'"):
            sites = background.start(
                lambda: listed(web.web_apps.list_by_resource_group, name, include_slots=True), name="list apps"
            )
            plans = background.start(
                lambda: listed(web.app_service_plans.list_by_resource_group, name), name="list plans"
            )
            found = listed(resources.resources.list_by_resource_group, name)
            apps, all_plans = sites.result(), plans.result()
        account = next(
            (text_of(one.get("name")) for one in found if text_of(one.get("type")).lower() == STORAGE_ACCOUNTS), ""
        )
        static = self._discovery.static_web_app()
        try:
            own_account = settings.result().account
        except BackendError:
            own_account = ""
        return Group(
            main_app=deployment.main_app or "",
            this_app=deployment.answering_app or "",
            vault=deployment.vault_name or "",
            account=own_account,
            static_web_app=text_of(static.get("name")) if static else "",
            resources=found,
            sites=apps,
            shares=self._shares(subscription, account) if account else [],
            busy_plans=_busy(all_plans, apps),
        )

    def _shares(self, subscription: str, account: str) -> list[str] | None:
        """Return the names of the file shares, None if they can't be read.

        Requires Microsoft.Storage/storageAccounts/fileServices/shares/read.
        """
        scope = self._discovery.deployment().resource_id("Microsoft.Storage/storageAccounts", account)
        try:
            found = self._arm(subscription, f"{scope}/fileServices/default/shares", f"api-version={SHARES_API}")
        except BackendError:
            return None
        return [text_of(share.get("name")) for share in found]

    def _may_run(self, caller: str | None) -> MayRun:
        """Return whether the caller has the permissions by their roles, also those of groups.

        Requires Microsoft.Authorization/roleAssignments/read and roleDefinitions/read.
        """
        if not caller:
            return MayRun()
        subscription, name = self._discovery.deployment().group()
        here = f"/subscriptions/{subscription}/resourceGroups/{name}/providers/Microsoft.Authorization/roleAssignments"
        query = f"api-version={ROLES_API}&$filter=atScope()+and+assignedTo('{caller}')"
        assignments = self._arm(subscription, here, query)
        plain, conditional = dict[str, None](), dict[str, None]()
        for one in map(properties_of, assignments):
            roles = conditional if one.get("condition") else plain
            roles[text_of(one.get("roleDefinitionId"))] = None
        return may_run_by(self._of_roles(subscription, plain), self._of_roles(subscription, conditional))

    def _of_roles(self, subscription: str, roles: Iterable[str]) -> list[Json]:
        return [one for role in sorted(roles) if role for one in self._permissions(subscription, role)]

    def _permissions(self, subscription: str, role: str) -> Sequence[Json]:
        with while_trying_to("read a role definition"):
            url = f"{self._clients.cloud.arm}{role}?api-version={ROLES_API}"
            found = at_address(self._clients.resources(subscription), url)
        return objects_of(properties_of(found).get("permissions"))

    def _roles_on_target(self) -> int:
        """Return how many role assignments are exactly on the site that the script creates, also those of this app.

        Requires Microsoft.Authorization/roleAssignments/read. Azure may keep assignments on a site that is gone.
        """
        deployment = self._discovery.deployment()
        if not deployment.vault_name:
            return 0
        subscription, _ = deployment.group()
        site = deployment.resource_id("Microsoft.Web/sites", deployment.vault_name)
        path = f"{site}/providers/Microsoft.Authorization/roleAssignments"
        try:
            found = self._arm(subscription, path, f"api-version={ROLES_API}&$filter=atScope()")
        except NotFoundError:
            return 0
        return sum(text_of(properties_of(one).get("scope")).lower() == site.lower() for one in found)

    def _setup(self) -> str:
        """Return the state of CIPP's row of the sign-in's setup, "" without one."""
        row = read_sign_in_setup(self._clients)
        if row is None:
            raise NotFoundError(_NO_STORAGE, advice=_SET_IT)
        return text_of(row.get("Status"))

    def _listed_users(self) -> list[str]:
        """Return the names of the users in CIPP's table, none without the table."""
        try:
            return [*self._listed.read().users]
        except NotFoundError:
            return []

    def _moved_users(self) -> list[MovedUser]:
        custom = self._access.read().custom_roles
        return [moved(user, custom) for user in self._users.users().users]

    def _moved_domains(self) -> list[MovedDomain]:
        domains = self._domains.domains()
        looks = [
            background.start(partial(self._dns, domain.name, domain.state), name="look up a domain")
            for domain in domains
        ]
        return [look.result() for look in looks]

    def _dns(self, domain: str, state: str) -> MovedDomain:
        """Return what Azure's own lookup shows of a domain. Requires Microsoft.Web/sites/analyzeCustomHostname/read."""
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        sites = self._clients.web(subscription).web_apps
        try:
            with while_trying_to(f"look up the domain '{domain}'"):
                found = properties_of(
                    fetched(sites.analyze_custom_hostname, group, deployment.main_app or "", host_name=domain)
                )
        except BackendError:
            return MovedDomain(name=domain, state=state)
        return MovedDomain(
            name=domain,
            state=state,
            cnames=texts_of(found.get("cNameRecords")),
            addresses=texts_of(found.get("aRecords")),
            texts=[*texts_of(found.get("txtRecords")), *texts_of(found.get("alternateTxtRecords"))],
        )

    def _tags(self, subscription: str, group: str) -> list[str]:
        with while_trying_to(f"read the tags of resource group '{group}'"):
            found = fetched(self._clients.resources(subscription).resource_groups.get, group)
        return lost_tags(texts_by_name(found.get("tags")))

    def _main_settings(self) -> MainSettings:
        """Return what the settings of the main app name. Requires Microsoft.Web/sites/config/list/action on it."""
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        sites = self._clients.web(subscription).web_apps
        with while_trying_to(f"read the settings of '{deployment.main_app}'"):
            found = properties_of(fetched(sites.list_application_settings, group, deployment.main_app or ""))
        return main_settings_of(found)

    def _arm(self, subscription: str, path: str, query: str) -> list[Json]:
        client: Any = self._clients.resources(subscription)
        with while_trying_to(f"read {path}"):
            return listed_by_link(partial(at_address, client), f"{self._clients.cloud.arm}{path}?{query}")


class _Findings:
    """The findings so far. A read that fails becomes one."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self._reads: dict[int, tuple[Part, str]] = {}

    def started(self, part: Part, what: str, read: Callable[[], T]) -> "Future[T]":
        """Start a read."""
        future = background.start(read, name=f"migration: {what}")
        self._reads[id(future)] = part, what
        return future

    def of(self, future: "Future[T]") -> T | None:
        """Return what was read, None with a finding if that failed."""
        try:
            return future.result()
        except BackendError as error:
            self.all.append(_unread(*self._reads[id(future)], str(error)))
            return None


def _unread(part: Part, what: str, reason: str) -> Finding:
    return Finding(severity="Unknown", part=part, text=f"Couldn't read {what}. {reason}")


def _busy(plans: Sequence[Json], sites: Sequence[Json]) -> set[str]:
    """Return the IDs of the plans on which more apps are than the group shows."""
    shown: dict[str, int] = {}
    for site in sites:
        plan = text_of(properties_of(site).get("serverFarmId")).lower()
        shown[plan] = shown.get(plan, 0) + 1
    return {
        plan_id
        for plan in plans
        if (plan_id := text_of(plan.get("id")).lower())
        and _whole(properties_of(plan).get("numberOfSites")) > shown.get(plan_id, 0)
    }


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _on_roles(count: int, site: str) -> Iterator[Finding]:
    if count:
        yield Finding(
            severity="Loss",
            part="Deleted",
            text=f"The script removes all role assignments on the site '{site}', {count} now, also those of this app. "
            "Afterwards, run deploy.sh --rights-only, and assign the roles of others again.",
        )


def _on_domains(domains: Sequence[MovedDomain]) -> Iterator[Finding]:
    if not domains:
        return
    names = ", ".join(domain.name for domain in domains)
    yield Finding(
        severity="Loss",
        part="Domains",
        text=f"The script deletes the static web app with its domains: {names}. Afterwards, add each one again with "
        "ExecBackendDomainAdd, and change its DNS records to those that ListBackendDomains shows.",
    )
    if stray := [domain.name for domain in domains if domain.texts]:
        yield Finding(
            severity="Note",
            part="Domains",
            text=f"These domains have TXT records that may stop Azure from binding them: {', '.join(stray)}. A TXT "
            "record asuid.<domain> must have the ID of the new app, or not exist.",
        )


def _on_losses(tags: Sequence[str], settings: Sequence[str]) -> Iterator[Finding]:
    if tags:
        yield Finding(
            severity="Loss", part="Group", text=f"The resource group loses these tags: {', '.join(tags)}. Note them."
        )
    if settings:
        yield Finding(
            severity="Loss",
            part="Settings",
            text=f"The new app gets none of these settings: {', '.join(settings)}. Note their values, and set what "
            "you need again.",
        )
