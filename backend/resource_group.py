"""CIPP's resource group, and what is in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import while_trying_to
from backend.portal import Portal
from backend.values import Value, in_whole_seconds

HIDDEN: Final = "hidden-"  # how the portal knows the tags that it does not show


class Group(Value, frozen=True):
    """The group itself."""

    name: str
    location: str
    tags: Mapping[str, str]
    link: str


class Resource(Value, frozen=True):
    """One resource; `state` is its provisioning state, as Azure words it."""

    name: str
    type: str
    kind: str | None
    location: str | None
    state: str | None
    created: datetime | None
    changed: datetime | None
    tags: Mapping[str, str]
    link: str


class Resources(Value, frozen=True):
    """The group and its resources, by type and name."""

    resource_group: Group
    resources: list[Resource]


class ResourceGroup:
    """The service of the group. Needs Microsoft.Resources/subscriptions/resourceGroups/read (Reader)."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def resources(self) -> Resources:
        """List what is in the group."""
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        client, portal = self._clients.resources(subscription), Portal(deployment)

        def listed() -> list[Resource]:
            found = client.resources.list_by_resource_group(name, expand="createdTime,changedTime,provisioningState")
            return [_resource(resource.as_dict(), portal) for resource in found]

        listing = at_once.start(listed, name="list the resources")
        with while_trying_to(f"list the resources of resource group '{name}'"):
            group = client.resource_groups.get(name).as_dict()
            resources = listing.result()
        return Resources(
            resource_group=Group(
                name=group["name"],
                location=group["location"],
                tags=_shown_tags(group),
                link=portal.link(group["id"]),
            ),
            resources=sorted(resources, key=lambda found: (found.type.lower(), found.name.lower())),
        )


def _resource(found: Mapping[str, Any], portal: Portal) -> Resource:
    return Resource(
        name=found["name"],
        type=found["type"],
        kind=found.get("kind"),
        location=found.get("location"),
        state=found.get("provisioningState"),
        created=_time(found.get("createdTime")),
        changed=_time(found.get("changedTime")),
        tags=_shown_tags(found),
        link=portal.link(found["id"]),
    )


def _shown_tags(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags without those that Azure hides: `hidden-link: ...` of a function app may hold a key."""
    tags: Mapping[str, str] = found.get("tags") or {}
    return {name: text for name, text in tags.items() if not name.strip().lower().startswith(HIDDEN)}


def _time(text: str | None) -> datetime | None:
    return in_whole_seconds(datetime.fromisoformat(text)) if text else None
