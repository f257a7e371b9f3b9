"""The states in which a migration or an admin leaves a CIPP installation, and the next step of each. Pure.

Source: the contract of CIPP as a container, its table of states S1 to S15. S1 (normal) and S10 (stopped) have no
sentence here: the first is fine, and `app_states` has the second. Never run against real Azure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backend.installation.main_app import MainApp
from backend.installation.results import CardKind
from backend.installation.shape import is_of_a_container, may_be_container
from backend.readings import Json, object_of, properties_of, text_of

_PUBLIC_TAGS: Final = ("latest", "dev", "nightly")
_MOST_SEVERE: Final = "S8"  # anyone on the internet can act
_MIGRATION: Final = "Run the migration script again"


@dataclass(frozen=True)
class State:
    """A state by its code, the card that shows it, and the sentence. A severe one comes first."""

    code: str
    card: CardKind
    text: str
    is_severe: bool = False


@dataclass(frozen=True)
class Seen:
    """What Azure and the vault show of an installation. None is unknown.

    - `sites` and `static_web_apps` are those of CIPP's resource group. `vaults_in_group` are the names of its vaults in
      lower case.
    - `auth` are the properties of the main app's authsettingsV2.
    - `settings` are those of `CippSettings`.
    - `sso_app_id` is SSOAppId in the vault, "" if it is missing.
    - `was_functions` is whether an app with the main app's ID was seen as a function app before, `was_principal` its
      identity then.
    """

    main_app: MainApp
    name: str
    group: str
    vault: str
    this_app: str
    vault_exists: bool | None = None
    vaults_in_group: Collection[str] = ()
    sites: Sequence[Json] | None = None
    static_web_apps: Sequence[Json] | None = None
    auth: Mapping[str, object] | None = None
    settings: Mapping[str, str] | None = None
    sso_app_id: str | None = None
    was_functions: bool = False
    was_principal: str = ""


def states_of(seen: Seen) -> list[State]:
    """Return the states of an installation, severe ones first."""
    found = [*_without_main_app(seen), *_beside_the_container(seen)]
    if seen.main_app.shape.is_container:
        found += [*_of_the_site(seen), *_of_the_sign_in(seen)]
    return sorted(found, key=lambda state: (state.code != _MOST_SEVERE, not state.is_severe))


def _names(sites: Sequence[Json]) -> str:
    return ", ".join(sorted(f"'{text_of(site.get('name'))}'" for site in sites))


def _containers(seen: Seen) -> list[Json]:
    return [site for site in seen.sites or () if may_be_container(text_of(site.get("kind")))]


def _without_main_app(seen: Seen) -> list[State]:
    """S3 and S6: the main app is gone."""
    if seen.main_app.exists is not False or seen.sites is None:
        return []
    new = next((site for site in _containers(seen) if text_of(site.get("name")).lower() in seen.vaults_in_group), None)
    if new:
        name = text_of(new.get("name"))
        return [
            State(
                "S3",
                "WebApp",
                f"CIPP was migrated to the container '{name}', and '{seen.name}' is gone. Set CIPP_FUNCTION_APP of "
                f"this app to '{name}'. Roles on the old app are gone, too: ListBackendRights shows the commands that "
                "grant them on the new one.",
                is_severe=True,
            )
        ]
    others = [site for site in seen.sites if text_of(site.get("name")).lower() != seen.this_app.lower()]
    if seen.vault.lower() in seen.vaults_in_group and not others:
        return [
            State(
                "S6",
                "WebApp",
                f"CIPP is down: its resource group has the vault '{seen.vault}' and no app of CIPP. A migration that "
                f"ends between its deletions and its deployment leaves this. {_MIGRATION}: it deploys the container.",
                is_severe=True,
            )
        ]
    return []


def _beside_the_container(seen: Seen) -> list[State]:
    """S5, S7 and S11: what else is in the resource group of a container."""
    containers = _containers(seen)
    if not containers:
        return []
    found = []
    others = [site for site in seen.sites or () if not is_of_a_container(text_of(site.get("kind")))]
    ours = [site for site in others if text_of(site.get("name")).lower() == seen.this_app.lower()]
    if others:
        own = " One of them is this app: move it to a resource group of its own." if ours else ""
        found.append(
            State(
                "S5",
                "WebApp",
                f"The resource group has the container and also {_names(others)}. CIPP's migration script counts that "
                f"as a partial migration, and deletes these apps when it runs again.{own}",
            )
        )
    if seen.static_web_apps:
        found.append(
            State(
                "S7",
                "WebApp",
                f"The resource group still has the static web app {_names(seen.static_web_apps)}. A migration ended "
                "before its last step, or it was kept. Check that its address is not used, then delete it in the "
                "portal.",
            )
        )
    if len(containers) > 1:
        found.append(
            State(
                "S11",
                "WebApp",
                "The resource group has several containers: "
                f"{_names(containers)}. Two that run with the same tables "
                f"do every job twice. Stop or delete those that are not "
                f"CIPP. This app counts '{seen.name}' as CIPP (CIPP_FUNCTION_APP).",
            )
        )
    return found


def _of_the_site(seen: Seen) -> list[State]:
    """S4, S9, S12, S14 and S15: the container itself."""
    site, found = seen.main_app.site, []
    principal = text_of(object_of(site.get("identity")).get("principalId"))
    if seen.was_functions:
        changed = " and its identity changed" if seen.was_principal and principal != seen.was_principal else ""
        found.append(
            State(
                "S4",
                "WebApp",
                f"'{seen.name}' was function apps and is a container now{changed}. Roles that were granted on the old "
                "app are gone: ListBackendRights shows the commands that grant them again.",
            )
        )
    if problem := pinned(seen.main_app.image or ""):
        found.append(State("S9", "WebApp", problem))
    found += _of_the_vault(seen)
    plan = text_of(properties_of(site).get("serverFarmId"))
    plan_group = plan.split("/")[4] if plan.count("/") >= 8 else ""  # noqa: PLR2004 - parts of a resource ID
    if plan_group and plan_group.lower() != seen.group.lower():
        found.append(
            State(
                "S14",
                "AppServicePlan",
                f"The plan is in resource group '{plan_group}', not in CIPP's. Certificates of CIPP's domains belong "
                "there, and other apps may run on it. Grant this app's identity Reader on that group.",
            )
        )
    if (seen.settings or {}).get("cipp_hosted", "").strip().lower() == "true":
        found.append(
            State("S15", "WebApp", "CyberDrain hosts this CIPP (CIPP_HOSTED is true). Request changes from CyberDrain.")
        )
    return found


def _of_the_vault(seen: Seen) -> list[State]:
    """S12: a container takes its vault from its own name, unless its setting CIPP_KV_NAME names another one."""
    if not seen.vault:
        return []
    certain = seen.settings is not None
    unread = "" if certain else " The settings could not be read, so this is not certain."
    used = (seen.settings or {}).get("cipp_kv_name", "").strip() or seen.name
    if used.lower() != seen.vault.lower():
        text = (
            f"CIPP takes its keys from the vault '{used}', and this app uses '{seen.vault}'. Set CIPP_KV_NAME of "
            f"'{seen.name}' and of this app to the vault that has CIPP's keys.{unread}"
        )
    elif seen.vault_exists is False:
        text = (
            f"CIPP can't read its keys: it takes them from the vault '{used}', which Azure does not show. Set "
            f"CIPP_KV_NAME of '{seen.name}' and of this app to the vault's name.{unread}"
        )
    else:
        return []
    return [State("S12", "WebApp", text, is_severe=certain)]


def _of_the_sign_in(seen: Seen) -> list[State]:
    """S8 and S13: who can sign in."""
    if not seen.auth:
        return []  # not read, or not shown
    client_id = client_id_of(seen.auth)
    is_on = str(object_of(seen.auth.get("platform")).get("enabled")).strip().lower() == "true"
    if not is_on or not client_id:
        return [
            State(
                "S8",
                "SignIn",
                "Sign-in of CIPP is off or not set up. Until it is on, anyone on the internet may call CIPP's API as "
                "superadmin, and in setup mode anyone may connect CIPP to an app of their own. Restrict access to the "
                f"app now: az webapp config access-restriction add --name {seen.name} --resource-group {seen.group} "
                "--priority 100 --action Allow --ip-address <your address>/32. Then complete CIPP's setup.",
                is_severe=True,
            )
        ]
    if seen.sso_app_id and seen.sso_app_id.lower() != client_id.lower():
        return [
            State(
                "S13",
                "SignIn",
                f"A change of CIPP's sign-in was not completed: the vault's SSOAppId is '{seen.sso_app_id}', and the "
                f"app signs users in with '{client_id}'. Complete it on CIPP's page of SSO, or set SSOAppId back.",
            )
        ]
    return []


def client_id_of(settings: Mapping[str, object]) -> str:
    """Return the ID of the app that signs users in, "" if authsettingsV2 has none. Pure."""
    provider = object_of(object_of(settings.get("identityProviders")).get("azureActiveDirectory"))
    return text_of(object_of(provider.get("registration")).get("clientId")).strip()


def pinned(image: str) -> str | None:
    """Return the problem of an image that is not on a public tag, None if it is (S9). `image` is linuxFxVersion."""
    reference = image.partition("|")[2]
    if not reference:
        return None
    if "@" in reference:
        return (
            "The image is pinned by its digest. CIPP can't check for updates, and its page of updates would write a "
            "reference that can't start. Set a tag instead."
        )
    tag = reference.rpartition("/")[2].partition(":")[2] or "latest"
    if tag.lower() in _PUBLIC_TAGS:
        return None
    return (
        f"The image is on tag '{tag}', so CIPP does not get the updates of 'latest'. CIPP's page shows a change that "
        "stays pending. To get updates again, set the tag latest."
    )
