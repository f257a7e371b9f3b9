"""What else in CIPP's resource group may run with CIPP's tables, so that a row in them can be of another process. Pure.

A row of CIPP's tables does not show which process wrote it. Slots and their names were never read from real Azure.
"""

from collections.abc import Sequence

from backend.hosting.sites import is_named
from backend.installation.installation import Deployment, offload_suffix
from backend.installation.shape import app_of_slot, may_be_container
from backend.readings import Json, text_of


def other_containers(sites: Sequence[Json], deployment: Deployment) -> list[str]:
    """Return the names of the group's containers that are neither CIPP's main app nor this app."""
    return sorted(
        text_of(site.get("name"))
        for site in sites
        if may_be_container(text_of(site.get("kind")))
        and not app_of_slot(text_of(site.get("name")))
        and not is_named(site, deployment.main_app)
        and not is_named(site, deployment.answering_app)
    )


def other_processes(sites: Sequence[Json], deployment: Deployment) -> list[str]:
    """Return the names of other containers, and of the slots of CIPP's apps and of containers."""
    slots = sorted(
        text_of(site.get("name"))
        for site in sites
        if (app := app_of_slot(text_of(site.get("name"))))
        and (may_be_container(text_of(site.get("kind"))) or _is_cipps(app, deployment))
    )
    return [*other_containers(sites, deployment), *slots]


def apps_beside_container(sites: Sequence[Json], deployment: Deployment) -> list[str]:
    """Return the names of the group's apps that are neither a container nor this app, such as CIPP's old function apps.

    After a migration that stopped, they can still run with CIPP's tables.
    """
    names = [text_of(site.get("name")) for site in sites if not may_be_container(text_of(site.get("kind")))]
    this_app = (deployment.answering_app or "").lower()
    return sorted(name for name in names if (app_of_slot(name) or name).lower() != this_app)


def _is_cipps(app: str, deployment: Deployment) -> bool:
    main, suffix = (deployment.main_app or "").lower(), offload_suffix(app)
    return bool(main) and app.lower() in (main, f"{main}-{suffix}")
