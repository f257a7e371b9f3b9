"""The states of an installation, and the next step of each. Pure.

Source: the contract of CIPP as a container, its table of states S1 to S15. S1 is the normal one and has no sentence. S2
(migrated) is a note. Never run against real Azure.
"""

from collections.abc import Sequence
from typing import Final

from backend.installation.installation import main_app_of, offload_suffix
from backend.installation.results import CardKind
from backend.installation.shape import is_of_a_container
from backend.installation.states.container import SIGN_IN_OFF, of_the_sign_in, of_the_site
from backend.installation.states.state import Seen, State, containers_of, is_this_app, names, without_slots
from backend.readings import Json, text_of

_MIGRATION: Final = "Run the migration script again"
_HOW: Final = "A migration that ends between its deletions and its deployment leaves this."


def states_of(seen: Seen) -> list[State]:
    """Return the states of an installation, severe ones first."""
    shape = seen.main_app.shape
    if shape.is_known and not shape.is_container:
        found = _beside_function_apps(seen)
    else:
        found = [*_without_main_app(seen), *_beside_the_container(seen)]
    if shape.is_container:
        found += [*of_the_site(seen), *of_the_sign_in(seen)]
    return sorted(found, key=lambda state: (state.code != SIGN_IN_OFF, not state.is_severe, state.is_note))


def _without_main_app(seen: Seen) -> list[State]:
    """S3 and S6: the main app is gone."""
    if seen.main_app.exists is not False or seen.sites is None:
        return []
    containers = [text_of(site.get("name")) for site in containers_of(seen)]
    name = next((name for name in containers if name.lower() in seen.vaults_in_group), None)
    if name:
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
    return [_broken_migration(seen)] if seen.vault.lower() in seen.vaults_in_group and seen.storage_in_group else []


def _broken_migration(seen: Seen) -> State:
    """S6: the vault and a storage account are left. It is certain if no app is left that could be CIPP's main app."""
    left = [site for site in without_slots(seen) if not is_this_app(site, seen)]
    offload = [site for site in left if _is_offload(text_of(site.get("name")), seen.name)]
    rest = f", only {names(left)}" if left else ""
    remains = f"its resource group has the vault '{seen.vault}' and no app '{seen.name}'{rest}. {_HOW}"
    if len(left) == len(offload):
        text = f"CIPP is down: {remains} {_MIGRATION}: it deploys the container."
        return State("S6", "WebApp", text, is_severe=True)
    advice = (
        "If one of these apps is CIPP, set CIPP_FUNCTION_APP of this app to its name. If none is, run the migration "
        "script again: it deletes function apps and deploys the container."
    )
    return State("S6", "WebApp", f"CIPP may be down: {remains} {advice}")


def _is_offload(name: str, main_app: str) -> bool:
    """Return whether a name is that of an offload app of the main app."""
    return offload_suffix(name) is not None and main_app_of(name).lower() == main_app.lower()


def _beside_the_container(seen: Seen) -> list[State]:
    """S5, S7 and S11: what else is in the resource group of a container."""
    containers = containers_of(seen)
    if not containers:
        return []
    found = []
    others = [site for site in without_slots(seen) if not is_of_a_container(text_of(site.get("kind")))]
    if others:
        is_one = any(is_this_app(site, seen) for site in others)
        own = " One of them is this app: move it to a resource group of its own." if is_one else ""
        found.append(
            State(
                "S5",
                "WebApp",
                f"The resource group has the container and also {names(others)}. CIPP's migration script counts that "
                f"as a partial migration, and deletes these apps when it runs again.{own}",
            )
        )
    if seen.static_web_apps:
        found.append(
            State(
                "S7",
                "WebApp",
                f"The resource group still has the static web app {names(seen.static_web_apps)}. A migration ended "
                "before its last step, or it was kept. Check that its address is not used, then delete it in the "
                "portal.",
            )
        )
    if len(containers) > 1:
        found.append(_several(containers, seen, "WebApp"))
    return found


def _beside_function_apps(seen: Seen) -> list[State]:
    """S5 and S11: containers in the resource group of function apps. Their static web app and other apps are normal."""
    containers = [site for site in containers_of(seen) if not is_this_app(site, seen)]
    if not containers:
        return []
    found = [
        State(
            "S5",
            "FunctionApp",
            f"The resource group has CIPP's function app '{seen.name}' and also {names(containers)}, as after a "
            "partial migration. Two CIPPs that run with the same tables do every job twice. If the container is CIPP, "
            "set CIPP_FUNCTION_APP of this app to its name. If not, move it to another resource group. Until then, "
            "don't run CIPP's migration script: it deletes the function apps.",
        )
    ]
    return found + ([_several(containers, seen, "FunctionApp")] if len(containers) > 1 else [])


def _several(containers: Sequence[Json], seen: Seen, card: CardKind) -> State:
    """S11: several containers. CIPP's has the name of its vault."""
    like_vault = [site for site in containers if text_of(site.get("name")).lower() == seen.vault.lower()]
    hint = f" CIPP's has the name of its vault, as {names(like_vault)} does." if like_vault else ""
    return State(
        "S11",
        card,
        f"The resource group has several containers: {names(containers)}. Two that run with the same tables do every "
        f"job twice.{hint} Stop or delete those that are not CIPP. This app counts '{seen.name}' as CIPP "
        "(CIPP_FUNCTION_APP).",
    )
