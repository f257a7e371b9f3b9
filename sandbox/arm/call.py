"""One call that the gateway has accepted, and the resources in its path."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from starlette.datastructures import QueryParams
from starlette.responses import Response

from sandbox.arm.authentication import Caller
from sandbox.arm.errors import group_not_found, refused, resource_not_found
from sandbox.arm.resource import KeyVault, Plan, Resource, ResourceGroup, StorageAccount
from sandbox.arm.site import Site
from sandbox.arm.state import ArmState
from sandbox.arm.static_site import StaticSite
from sandbox.arm.target import Target
from sandbox.clouds import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.azure import Azure

R = TypeVar("R", bound=Resource)

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
GROUP: Final = f"{SUBSCRIPTION}/resourceGroups/{{group}}"


class Performer(Protocol):
    """Makes further calls for the same caller, with the caller's permissions."""

    def __call__(self, method: str, path: str, version: str, body: object) -> Response:
        """Make one call, and return its response."""
        ...

    def knows(self, method: str, path: str) -> bool:
        """Return whether the sandbox implements the call."""
        ...


@dataclass(frozen=True)
class Call:
    """A call as its handler receives it."""

    azure: "Azure"
    cloud: Cloud
    caller: Caller
    target: Target
    now: datetime
    params: dict[str, str]
    query: QueryParams
    raw_body: bytes
    perform: Performer

    @property
    def arm(self) -> ArmState:
        """Everything that Resource Manager stores."""
        return self.azure.arm

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            ArmError: 400. The body is not a JSON object.
        """
        try:
            body = json.loads(self.raw_body or b"{}")
        except ValueError as error:
            raise _invalid_content(str(error)) from error
        if not isinstance(body, dict):
            raise _invalid_content("a JSON object was expected")
        return body

    @property
    def properties(self) -> dict[str, Any]:
        """The body's `properties`, or an empty object if it has none."""
        properties = self.body.get("properties") or {}
        if not isinstance(properties, dict):
            raise _invalid_content("'properties' must be a JSON object")
        return properties

    def flag(self, name: str) -> bool:
        """Return whether the query parameter is true."""
        return self.query.get(name, "").lower() == "true"

    def top(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the first `$top` items, or all of them without `$top`.

        Raises:
            ArmError: 400. `$top` is not a number.
        """
        top = self.query.get("$top", "")
        if top and not top.isdecimal():
            raise refused(400, "InvalidTopInQueryString", f"Invalid value '{top}' for the query parameter '$top'.")
        return items[: int(top)] if top else items

    def group(self) -> ResourceGroup:
        """Return the group in the path."""
        name = self.params["group"]
        group = self.arm.groups.get(name.lower())
        if group is None:
            raise group_not_found(name)
        return group

    def site(self) -> Site:
        """Return the app in the path."""
        return self._find(self.arm.sites, Site, self.params["site"])

    def static_site(self) -> StaticSite:
        """Return the static web app in the path."""
        return self._find(self.arm.static_sites, StaticSite, self.params["static_site"])

    def plan(self) -> Plan:
        """Return the plan in the path."""
        return self._find(self.arm.plans, Plan, self.params["plan"])

    def vault(self) -> KeyVault:
        """Return the vault in the path."""
        return self._find(self.arm.vaults, KeyVault, self.params["vault"])

    def storage_account(self) -> StorageAccount:
        """Return the storage account in the path."""
        return self._find(self.arm.storage_accounts, StorageAccount, self.params["account"])

    def visible(self, resources: "Iterable[R]", action: str | None = None) -> list[R]:
        """Return the resources that the caller may read, limited to the path's group if it has one."""
        group = self.group().name if "group" in self.params else None
        return [
            r
            for r in resources
            if (group is None or r.group == group)
            and self.arm.access.allows(self.caller.object_id, action or f"{r.type}/read", r.id)
        ]

    def _find(self, resources: dict[str, R], kind: type[R], name: str) -> R:
        group = self.group()
        resource = resources.get(name.lower())
        if resource is None or resource.group != group.name:
            raise resource_not_found(kind.type, name, self.params["group"])
        return resource


def _invalid_content(why: str) -> Exception:
    return refused(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{why}'.",
    )
