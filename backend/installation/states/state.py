"""One state of a CIPP installation, and what Azure shows of it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from backend.installation.main_app import MainApp
from backend.installation.results import CardKind
from backend.installation.shape import app_of_slot, may_be_container
from backend.readings import Json, text_of


@dataclass(frozen=True)
class State:
    """A state by its code, the card that shows it, and the sentence.

    A severe one comes first. A note is not a problem.
    """

    code: str
    card: CardKind
    text: str
    is_severe: bool = False
    is_note: bool = False


@dataclass(frozen=True)
class Seen:
    """What Azure and the vault show of an installation. None is unknown.

    - `sites`, with their slots, and `static_web_apps` are those of CIPP's resource group.
    - `vaults_in_group` and `storage_in_group` are the names of the group's vaults and storage accounts in lower case,
      () if unknown. `group_tags` are its tags.
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
    storage_in_group: Collection[str] = ()
    group_tags: Mapping[str, str] | None = None
    sites: Sequence[Json] | None = None
    static_web_apps: Sequence[Json] | None = None
    auth: Mapping[str, object] | None = None
    settings: Mapping[str, str] | None = None
    sso_app_id: str | None = None
    was_functions: bool = False
    was_principal: str = ""


def names(sites: Sequence[Json]) -> str:
    """Return the names of sites, sorted."""
    return ", ".join(sorted(f"'{text_of(site.get('name'))}'" for site in sites))


def containers_of(seen: Seen) -> list[Json]:
    """Return the group's sites that can be CIPP's container, without slots."""
    return [site for site in without_slots(seen) if may_be_container(text_of(site.get("kind")))]


def without_slots(seen: Seen) -> list[Json]:
    """Return the group's sites without their slots."""
    return [site for site in seen.sites or () if not app_of_slot(text_of(site.get("name")))]


def is_this_app(site: Json, seen: Seen) -> bool:
    """Return whether a site is this app."""
    return text_of(site.get("name")).lower() == seen.this_app.lower()
