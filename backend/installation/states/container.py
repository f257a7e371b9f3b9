"""The states of CIPP's container itself: its site, its vault and its sign-in. Pure."""

from collections.abc import Mapping
from typing import Final

from backend.installation.app_states import STOPPED, condition_of
from backend.installation.shape import app_of_slot
from backend.installation.states.state import Seen, State, names
from backend.readings import object_of, properties_of, text_of

SIGN_IN_OFF: Final = "S8"  # the most severe: anyone on the internet can act
_PUBLIC_TAGS: Final = ("latest", "dev", "nightly")
_MIGRATED: Final = (
    "CIPP was migrated to this container (tag NG of the resource group). Custom domains, settings of its own and other "
    "tags of the group were not carried over."
)
_SLOTS: Final = (
    "A running slot is another CIPP with the same tables, so every job runs twice. CIPP creates none. Delete them: az "
    "webapp deployment slot delete."
)


def of_the_site(seen: Seen) -> list[State]:
    """S2, S4, S9, S10, S12, S14 and S15, and slots: the container itself."""
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
    elif any(name.lower() == "ng" for name in seen.group_tags or {}):
        found.append(State("S2", "WebApp", _MIGRATED, is_note=True))
    if problem := pinned(seen.main_app.image or ""):
        found.append(State("S9", "WebApp", problem))
    if condition_of(properties_of(site)).state == STOPPED:
        found.append(State("S10", "WebApp", f"CIPP is stopped. Start '{seen.name}': call ExecFunctionAppStart."))
    if slots := [one for one in seen.sites or () if app_of_slot(text_of(one.get("name"))).lower() == seen.name.lower()]:
        text = f"The container has deployment slots: {names(slots)}. {_SLOTS}"
        found.append(State("Slots", "WebApp", text))
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


def of_the_sign_in(seen: Seen) -> list[State]:
    """S8 and S13: who can sign in."""
    if not seen.auth:
        return []  # not read, or not shown
    if text := sign_in_off(seen.auth, seen.name, seen.group):
        return [State(SIGN_IN_OFF, "SignIn", text, is_severe=True)]
    client_id = client_id_of(seen.auth)
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


def sign_in_off(settings: Mapping[str, object], name: str, group: str) -> str | None:
    """Return the sentence of S8 if authsettingsV2 has no sign-in that is on, None if it has one. Pure.

    `settings` must not be empty: Azure always shows some. `name` and `group` are those of the app.
    """
    is_on = str(object_of(settings.get("platform")).get("enabled")).strip().lower() == "true"
    if is_on and client_id_of(settings):
        return None
    return (
        "Sign-in of CIPP is off or not set up. Until it is on, anyone on the internet may call CIPP's API as "
        "superadmin, and in setup mode anyone may connect CIPP to an app of their own. Restrict access to the "
        f"app now: az webapp config access-restriction add --name {name} --resource-group {group} "
        "--priority 100 --action Allow --ip-address <your address>/32. Then complete CIPP's setup."
    )


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
