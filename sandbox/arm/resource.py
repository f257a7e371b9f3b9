"""The properties that every resource in Azure Resource Manager has."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar


def shape(name: str) -> dict[str, Any]:
    """Return the properties that Azure sends for a resource of this kind, as a new object."""
    properties: dict[str, Any] = json.loads(_text(name))
    return properties


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / "shapes" / f"{name}.json").read_text(encoding="utf-8")


@dataclass(kw_only=True)
class Resource:
    """A resource in a group. `location` has its provider's spelling."""

    type: ClassVar[str]

    subscription_id: str
    group: str
    name: str
    location: str
    kind: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ID, in the case in which Azure first stored it."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.group}/providers/{self.type}/{self.name}"

    @property
    def region(self) -> str:
        """The location in the usual spelling: `West Europe` is `westeurope`."""
        return self.location.replace(" ", "").lower()


@dataclass(kw_only=True)
class Plan(Resource):
    """An App Service plan."""

    type: ClassVar[str] = "Microsoft.Web/serverfarms"

    sku: dict[str, Any]
    reserved: bool = False

    @property
    def linux(self) -> bool:
        """Whether its workers run Linux."""
        return self.reserved or (self.kind is not None and "linux" in self.kind)


@dataclass(kw_only=True)
class StorageAccount(Resource):
    """A storage account. The keys are the sandbox's own."""

    type: ClassVar[str] = "Microsoft.Storage/storageAccounts"

    keys: tuple[str, str]
    created: str
    sku: str = "Standard_LRS"
    written: dict[str, Any] = field(default_factory=dict)  # the properties that a caller wrote
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)  # their properties, by name
    file_service: dict[str, Any] = field(default_factory=dict)  # the properties that a caller wrote
    shares: set[str] = field(default_factory=set)  # the names of its file shares


@dataclass(kw_only=True)
class KeyVault(Resource):
    """A vault as ARM shows it. The data plane has its secrets and the permissions on them."""

    type: ClassVar[str] = "Microsoft.KeyVault/vaults"

    created: str
    retention_days: int = 90
    for_deployment: bool = False  # `enabledForDeployment`


@dataclass(frozen=True)
class ResourceGroup:
    """A resource group."""

    subscription_id: str
    name: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ID, in the case in which Azure first stored it."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"
