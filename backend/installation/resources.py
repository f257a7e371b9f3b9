"""CIPP's resource group and its resources."""

from collections.abc import Mapping
from typing import Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed
from backend.concurrency import background
from backend.installation.discovery import Discovery
from backend.installation.portal import Portal
from backend.installation.results import Group, Resource, Resources
from backend.readings import text_of, text_or_none, texts_by_name, time_or_none
from backend.values import in_whole_seconds

HIDDEN: Final = "hidden-"  # the prefix of tags that the portal does not show


class ResourceGroup:
    """The service of the group. Requires Microsoft.Resources/subscriptions/resourceGroups/read (Reader)."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def resources(self) -> Resources:
        """Return the group and its resources."""
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        client, portal = self._clients.resources(subscription), Portal(deployment)

        def all_resources() -> list[Resource]:
            expand = "createdTime,changedTime,provisioningState"
            found = listed(client.resources.list_by_resource_group, name, expand=expand)
            return [_resource(resource, portal) for resource in found]

        listing = background.start(all_resources, name="list the resources")
        with while_trying_to(f"list the resources of resource group '{name}'"):
            group = fetched(client.resource_groups.get, name)
            resources = listing.result()
        return Resources(
            resource_group=Group(
                name=text_or_none(group.get("name")) or name,
                location=text_of(group.get("location")),
                tags=_shown_tags(group),
                link=portal.link(text_or_none(group.get("id"))),
            ),
            resources=sorted(resources, key=lambda found: (found.type.lower(), found.name.lower())),
        )


def _resource(found: Mapping[str, Any], portal: Portal) -> Resource:
    return Resource(
        name=text_of(found.get("name")),
        type=text_of(found.get("type")),
        kind=text_or_none(found.get("kind")),
        location=text_or_none(found.get("location")),
        state=text_or_none(found.get("provisioningState")),
        created=in_whole_seconds(time_or_none(found.get("createdTime"))),
        changed=in_whole_seconds(time_or_none(found.get("changedTime"))),
        tags=_shown_tags(found),
        link=portal.link(text_or_none(found.get("id"))),
    )


def _shown_tags(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags without those that Azure hides: `hidden-link: ...` of a function app may hold a key."""
    tags = texts_by_name(found.get("tags"))
    return {name: text for name, text in tags.items() if not name.strip().lower().startswith(HIDDEN)}
