"""The seeded deployment: CIPP as its template creates it, and this API's own app."""

import base64
import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Final

from sandbox import names
from sandbox.arm.access import CONTRIBUTOR, OWNER, READER, Role, RoleAssignment
from sandbox.arm.resource import KeyVault, Plan, Resource, ResourceGroup, StorageAccount
from sandbox.arm.seed_container import container_plan, container_sites
from sandbox.arm.seed_sites import backend_site, offload_site, sites
from sandbox.arm.state import ArmState
from sandbox.arm.static_site import Backend, CustomDomain, StaticSite, User
from sandbox.clock import Clock
from sandbox.container.layout import layout
from sandbox.options import Options

_TAGS: Final = {"product": "CIPP"}


def seed_arm(clock: Clock, options: Options, image: str = "") -> ArmState:
    """Return the resources that Azure Resource Manager starts with. A container runs this image."""
    now = clock.now()
    created = now - timedelta(days=401, hours=7)
    state = ArmState(clock, names.SUBSCRIPTION_ID, names.SUBSCRIPTION_NAME, names.TENANT_ID)
    state.access.now, state.access.lag = clock.now, timedelta(seconds=options.role_lag_seconds)
    storage = _storage(created)
    storage.shares = {names.MAIN_SITE, names.OFFLOAD_SITE}  # of the apps' content
    state.storage_accounts[storage.name] = storage
    if options.shape == "container":
        _seed_container(state, created, image, options)
    else:
        _seed_functions(state, now, created)
    if options.own_group:
        _move_own_app(state, created)
    _assign(state, names.ADMIN_ID, OWNER, f"/subscriptions/{names.SUBSCRIPTION_ID}", created)
    return state


def _seed_functions(state: ArmState, now: datetime, created: datetime) -> None:
    hidden = {"hidden-title": "A title that only the portal shows"}
    group = _group(state, names.RESOURCE_GROUP, {**_TAGS, **hidden})
    state.vaults[names.VAULT] = _vault(created, names.VAULT)
    state.plans = {p.name: p for p in _plans()}
    storage_key = state.storage_accounts[names.STORAGE_ACCOUNT].keys[0]
    state.sites = {s.name: s for s in sites(now, storage_key)}
    state.static_sites[names.STATIC_SITE] = _static_site(created, state.sites[names.MAIN_SITE])
    for principal in (names.MAIN_PRINCIPAL_ID, names.BACKEND_PRINCIPAL_ID):
        _assign(state, principal, CONTRIBUTOR, group.id, created)


def _seed_container(state: ArmState, created: datetime, image: str, options: Options) -> None:
    """Seed one container, and the remains of a migration that the option `state` names."""
    placed, now = layout(options), state.clock.now()
    group = _group(state, names.RESOURCE_GROUP, {"Linux": "true", **({"NG": "true"} if placed.migrated else {})})
    if placed.plan_group != group.name:
        _group(state, placed.plan_group, {})
    state.vaults[placed.vault] = _vault(created, placed.vault)
    state.vaults[placed.vault].for_deployment = True
    of_functions, own_plan = _plans()
    storage_key = state.storage_accounts[names.STORAGE_ACCOUNT].keys[0]
    found = container_sites(now, storage_key, image, options, placed)
    plans = [own_plan, *([container_plan(placed)] if found else [])]
    for site in found:
        _assign(state, site.principal_id, CONTRIBUTOR, site.id, created)
    if placed.state == "S5":
        plans.append(of_functions)
        found.append(offload_site(now, storage_key))
    state.plans = {plan.name: plan for plan in plans}
    state.sites = {site.name: site for site in [*found, backend_site(now, storage_key)]}
    if placed.state == "S7" and placed.site:
        state.static_sites[names.STATIC_SITE] = _static_site(created, state.sites[placed.site])
    if placed.migrated:  # the role of the old function app remains
        _assign(state, names.MAIN_PRINCIPAL_ID, CONTRIBUTOR, group.id, created)
    # In S4, the role of this app was on the old site, and was deleted with it.
    _assign(state, names.BACKEND_PRINCIPAL_ID, READER if placed.state == "S4" else CONTRIBUTOR, group.id, created)


def _move_own_app(state: ArmState, created: datetime) -> None:
    """Put this app and its plan into a resource group of their own, on which its identity is Reader."""
    site = state.sites[names.BACKEND_SITE]
    site.group = state.plans[site.plan].group = names.OWN_GROUP
    _assign(state, names.BACKEND_PRINCIPAL_ID, READER, _group(state, names.OWN_GROUP, {}).id, created)


def _group(state: ArmState, name: str, tags: dict[str, str]) -> ResourceGroup:
    state.groups[name] = ResourceGroup(names.SUBSCRIPTION_ID, name, names.LOCATION, tags)
    return state.groups[name]


def _assign(state: ArmState, principal: str, role: Role, scope: str, created: datetime) -> None:
    state.access.assignments.append(_assignment(principal, role, scope, created))


def _assignment(principal: str, role: Role, scope: str, created: datetime) -> RoleAssignment:
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{principal}/{role.id}"))
    return RoleAssignment(name, principal, role, scope, _time(created))


def _storage(created: datetime) -> StorageAccount:
    first, second = (
        base64.b64encode(hashlib.sha512(f"{names.STORAGE_ACCOUNT}/{n}".encode()).digest()).decode()
        for n in ("key1", "key2")
    )
    return StorageAccount(
        subscription_id=names.SUBSCRIPTION_ID,
        group=names.RESOURCE_GROUP,
        name=names.STORAGE_ACCOUNT,
        location=names.LOCATION,
        kind="StorageV2",
        keys=(first, second),
        created=_time(created),
    )


def _vault(created: datetime, name: str) -> KeyVault:
    return KeyVault(
        subscription_id=names.SUBSCRIPTION_ID,
        group=names.RESOURCE_GROUP,
        name=name,
        location=names.LOCATION,
        created=_time(created),
    )


def _plans() -> list[Plan]:
    consumption = {"name": "Y1", "tier": "Dynamic", "size": "Y1", "family": "Y", "capacity": 0}
    flex = {"name": "FC1", "tier": "FlexConsumption", "size": "FC1", "family": "FC", "capacity": 0}
    return [
        Plan(
            subscription_id=names.SUBSCRIPTION_ID,
            group=names.RESOURCE_GROUP,
            name=name,
            location="West Europe",
            kind=kind,
            sku=sku,
        )
        for name, kind, sku in (
            ("cipp-srv-abc12", "functionapp", consumption),
            ("cippabc12-backend-plan", "functionapp,linux", flex),
        )
    ]


def _static_site(created: datetime, main: Resource) -> StaticSite:
    return StaticSite(
        subscription_id=names.SUBSCRIPTION_ID,
        group=names.RESOURCE_GROUP,
        name=names.STATIC_SITE,
        location="West Europe",
        default_hostname="nice-sand-0abc12345.3.azurestaticapps.net",
        repository_url=f"https://{names.PLANTED}@github.com/contosomsp/CIPP",
        branch="main",
        created=created,
        api_key=hashlib.sha256(names.STATIC_SITE.encode()).hexdigest(),
        users=[
            User("5d1c6a0f2be84f3a9c7d8e1b40f6a293", "alex@contosomsp.com", "aad", ["superadmin"]),
            User("9f40b7c2d1e64a58b3a6c5d7e8f90122", "sam@contosomsp.com", "aad", ["editor"]),
            User("c37e5f8a90d24b16a8e1f2c3d4b5a697", "kim@contosomsp.com", "aad", ["readonly"]),
        ],
        domains={names.CUSTOM_DOMAIN: CustomDomain(names.CUSTOM_DOMAIN, created + timedelta(days=1))},
        linked=[Backend(main.name, main.id, main.region, created + timedelta(hours=1))],
        # CIPP's template gives this link the name of the static web app.
        provided=[Backend(names.STATIC_SITE, main.id, main.location, created + timedelta(hours=1))],
    )


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
