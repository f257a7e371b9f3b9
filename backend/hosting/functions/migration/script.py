"""What CIPP's migration script takes as parts of CIPP, and what it deletes. Pure.

Source: the contract of CIPP as a container, section 9, from the script that CIPP publishes. Never run against real
Azure.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backend.hosting.results.migration import Deleted, Finding, Pick
from backend.installation.installation import OFFLOAD_SUFFIXES, main_app_of
from backend.installation.shape import app_of_slot, is_of_a_container
from backend.readings import Json, properties_of, text_of

SITES: Final = "microsoft.web/sites"
STORAGE_ACCOUNTS: Final = "microsoft.storage/storageaccounts"
VAULTS: Final = "microsoft.keyvault/vaults"
STATIC_SITES: Final = "microsoft.web/staticsites"
COMPONENTS: Final = "microsoft.insights/components"
DETECTORS: Final = "microsoft.alertsmanagement/smartdetectoralertrules"
PLANS: Final = "Microsoft.Web/serverfarms"
SHARES: Final = "Microsoft.Storage/storageAccounts/fileServices/shares"
STORAGE: Final = "azurewebjobsstorage"
# App Service names the share of an app like the app, and may append some digits.
_SHARE_DIGITS: Final = "(?:[0-9a-f]{4,12})?"
KEPT_TAGS: Final = ("linux", "ng")  # the deployment sets these two, and replaces all others
CARRIED_SETTINGS: Final = (STORAGE, "website_resource_group")
OF_EVERY_FUNCTION_APP: Final = (
    "applicationid",
    "applicationinsights_connection_string",
    "applicationsecret",
    "appinsights_instrumentationkey",
    "azurewebjobsdashboard",
    "functions_extension_version",
    "functions_worker_process_count",
    "functions_worker_runtime",
    "functions_worker_runtime_version",
    "ftpsstate",
    "refreshtoken",
    "scm_do_build_during_deployment",
    "tenantid",
    "website_contentazurefileconnectionstring",
    "website_contentshare",
    "website_enable_sync_update_site",
    "website_run_from_package",
)


@dataclass(frozen=True)
class Group:
    """CIPP's resource group. `resources` are as the group lists them, `sites` as App Service does.

    `account` and `static_web_app` are the names of CIPP's own, "" if unknown. `shares` are those of the picked account,
    None if unknown. `busy_plans` are the IDs, in lower case, of plans with apps that the script keeps.
    """

    main_app: str
    this_app: str
    vault: str
    account: str
    static_web_app: str
    resources: Sequence[Json]
    sites: Sequence[Json]
    shares: Sequence[str] | None = None
    busy_plans: Collection[str] = ()


@dataclass(frozen=True)
class MainSettings:
    """The names of the main app's settings, and of the storage account in them, "" if they don't name one."""

    names: Sequence[str]
    account: str


def main_settings_of(settings: Json) -> MainSettings:
    """Return what an app's settings name. Their values are dropped, because they may be secrets."""
    texts = {name.lower(): text_of(value) for name, value in settings.items()}
    found = re.search(r"(?:^|;)\s*AccountName=([a-z0-9]{3,24})(?:;|$)", texts.get(STORAGE, ""), re.IGNORECASE)
    return MainSettings(sorted(settings), found[1] if found else texts.get(f"{STORAGE}__accountname", ""))


def picks_of(group: Group) -> list[Pick]:
    """Return what the script takes: the first of each type, and the first app without a dash in its name."""
    apps = [text_of(site.get("name")) for site in group.sites if _is_deleted(site)]
    mains = [name for name in apps if name and "-" not in name and not app_of_slot(name)]
    return [
        _pick("MainApp", mains, group.main_app),
        _pick("StorageAccount", _named(group, STORAGE_ACCOUNTS), group.account),
        _pick("KeyVault", _named(group, VAULTS), group.vault),
        _pick("StaticWebApp", _named(group, STATIC_SITES), group.static_web_app),
    ]


def _pick(part: str, found: Sequence[str], own: str) -> Pick:
    name = next(iter(found), None)
    is_cipps = None if name is None or not own else name.lower() == own.lower()
    return Pick(part=part, name=name, is_cipps=is_cipps, others=list(found[1:]))  # type: ignore[arg-type]


def deleted_by(group: Group) -> list[Deleted]:
    """Return what the script deletes, this app first, then what is not CIPP's."""
    found = [*_sites(group), *_plans(group), *_insights(group), *_shares(group), *_static_web_app(group)]
    return sorted(found, key=lambda one: (not one.is_this_app, one.is_cipps, one.type.lower(), one.name.lower()))


def _static_web_app(group: Group) -> Iterator[Deleted]:
    """Yield the first static web app, which the script deletes last. Others stay."""
    for name in _named(group, STATIC_SITES)[:1]:
        yield Deleted(type="Microsoft.Web/staticSites", name=name, is_cipps=_is(name, group.static_web_app))


def _sites(group: Group) -> Iterator[Deleted]:
    """Yield the apps and their deployment slots. Azure deletes the slots with their app."""
    for site in group.sites:
        name = text_of(site.get("name"))
        if _is_deleted(site) and name:
            own = _is(_app_of(name), group.this_app)
            yield Deleted(
                type="Microsoft.Web/sites/slots" if app_of_slot(name) else "Microsoft.Web/sites",
                name=name,
                is_cipps=_is(main_app_of(_app_of(name)), group.main_app) and not own,
                is_this_app=own,
            )


def _plans(group: Group) -> Iterator[Deleted]:
    """Yield the plans of the deleted apps. One with another app on it stays."""
    owners: dict[str, list[str]] = {}
    for site in group.sites:
        plan = text_of(properties_of(site).get("serverFarmId"))
        if plan:
            owners.setdefault(plan.lower(), []).append(text_of(site.get("name")) if _is_deleted(site) else "")
    for resource in group.resources:
        if text_of(resource.get("type")).lower() != PLANS.lower():
            continue
        apps = owners.get(text_of(resource.get("id")).lower(), [])
        if not apps or "" in apps or text_of(resource.get("id")).lower() in group.busy_plans:
            continue
        yield Deleted(
            type=PLANS,
            name=text_of(resource.get("name")),
            is_cipps=all(_is(main_app_of(_app_of(app)), group.main_app) for app in apps),
            is_this_app=any(_is(_app_of(app), group.this_app) for app in apps),
        )


def _insights(group: Group) -> Iterator[Deleted]:
    """Yield all Application Insights of the group and their alerts. CIPP's has the name of its app."""
    for resource in group.resources:
        kind, name = text_of(resource.get("type")), text_of(resource.get("name"))
        if kind.lower() in (COMPONENTS, DETECTORS):
            subject = name.rpartition(" ")[2] if kind.lower() == DETECTORS else name
            own = _is(subject, group.this_app)
            yield Deleted(type=kind, name=name, is_cipps=_is_cipps(subject, group) and not own, is_this_app=own)


def _shares(group: Group) -> Iterator[Deleted]:
    """Yield all file shares of the storage account. Those of CIPP's apps have an app's name, with or without digits."""
    for share in group.shares or ():
        own = _is_share_of(share, group.this_app)
        is_cipps = any(_is_share_of(share, app) for app in _apps(group.main_app))
        yield Deleted(type=SHARES, name=share, is_cipps=is_cipps and not own, is_this_app=own)


def findings_on(group: Group, picks: Sequence[Pick], deleted: Sequence[Deleted]) -> Iterator[Finding]:
    """Yield what is wrong with the picks, and what else than CIPP's would be deleted."""
    if any(one.is_this_app for one in deleted):
        yield Finding(
            severity="Blocking",
            part="Deleted",
            text=f"The script deletes this app, '{group.this_app}', because it is in CIPP's resource group. Deploy it "
            "into a resource group of its own first, with deploy.sh.",
        )
    for pick in picks:
        yield from _on_pick(pick)
    if others := [f"{one.name} ({one.type})" for one in _others(deleted)]:
        yield Finding(
            severity="Blocking",
            part="Deleted",
            text=f"The script deletes what does not look like CIPP's: {', '.join(others)}. Move it to another resource "
            "group or storage account, or make sure that you don't need it.",
        )
    if any(is_of_a_container(text_of(site.get("kind"))) for site in group.sites):
        yield Finding(
            severity="Blocking",
            part="Picks",
            text="The group already has a container, as after a migration that broke off. See the states of "
            "ListBackend before you run the script again.",
        )
    if group.vault and not _is(group.vault, group.main_app):
        yield Finding(
            severity="Note",
            part="Name",
            text=f"The container gets the name of the vault, '{group.vault}', not '{group.main_app}'. After the "
            f"migration, set CIPP_FUNCTION_APP of this app to '{group.vault}'.",
        )


def _others(deleted: Sequence[Deleted]) -> list[Deleted]:
    """Return what is not CIPP's. The static web app is a pick, which has its own finding."""
    found = [one for one in deleted if not one.is_cipps and not one.is_this_app]
    return [one for one in found if one.type.lower() != STATIC_SITES]


def creates_site(group: Group) -> bool:
    """Return whether the script creates its site: no container has the name yet. Only then it removes roles on it."""
    return not any(_is(text_of(site.get("name")), group.vault) and not _is_deleted(site) for site in group.sites)


def _on_pick(pick: Pick) -> Iterator[Finding]:
    if pick.name is None and pick.part != "StaticWebApp":
        yield Finding(severity="Blocking", part="Picks", text=f"The script finds no {pick.part} in the resource group.")
    elif pick.is_cipps is False:
        yield Finding(
            severity="Blocking",
            part="Picks",
            text=f"The script takes '{pick.name}' as CIPP's {pick.part}, and it is not. Move it to another resource "
            "group.",
        )
    elif pick.others:
        yield Finding(
            severity="Blocking",
            part="Picks",
            text=f"The script takes the first {pick.part} that Azure lists, and there are others: "
            f"{', '.join(pick.others)}. Move them to another resource group.",
        )
    elif pick.name is not None and pick.is_cipps is None:
        yield Finding(
            severity="Unknown",
            part="Picks",
            text=f"The script takes '{pick.name}' as CIPP's {pick.part}. Whether it is CIPP's is unknown to this app. "
            "Check that yourself before you run the script.",
        )


def lost_tags(tags: Collection[str]) -> list[str]:
    """Return the tags of the group that the deployment removes: all but its own two."""
    return sorted(tag for tag in tags if tag.lower() not in KEPT_TAGS and not tag.lower().startswith("hidden-"))


def lost_settings(names: Collection[str]) -> list[str]:
    """Return the settings of the main app that someone added: the new site gets none of them."""
    known = (*CARRIED_SETTINGS, *OF_EVERY_FUNCTION_APP)
    return sorted(name for name in names if name.lower() not in known)


def _named(group: Group, kind: str) -> list[str]:
    return [text_of(one.get("name")) for one in group.resources if text_of(one.get("type")).lower() == kind]


def _app_of(name: str) -> str:
    """Return the name of the app that a site or a deployment slot is of."""
    return app_of_slot(name) or name


def _is_deleted(site: Json) -> bool:
    """Return whether the script deletes a site: its kind lacks `container`."""
    return not is_of_a_container(text_of(site.get("kind")))


def _is_cipps(name: str, group: Group) -> bool:
    """Return whether a name is exactly that of CIPP's main app or of one of its offload apps.

    A name that only begins so can be of anything, such as an export that someone needs.
    """
    return name.lower() in _apps(group.main_app)


def _apps(main_app: str) -> list[str]:
    """Return the names that CIPP's apps can have in lower case, none if the main app is unknown."""
    name = main_app.lower()
    return [name, *(f"{name}-{suffix}" for suffix in OFFLOAD_SUFFIXES)] if name else []


def _is_share_of(share: str, app: str) -> bool:
    return bool(app) and re.fullmatch(re.escape(app.lower()) + _SHARE_DIGITS, share.lower()) is not None


def _is(name: str, other: str) -> bool:
    return bool(name) and name.lower() == other.lower()
