"""Everything that Azure Resource Manager stores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.arm.access import AccessControl
from sandbox.arm.host_binding import Certificate
from sandbox.arm.resource import KeyVault, Plan, Resource, ResourceGroup, StorageAccount
from sandbox.arm.site import Site
from sandbox.arm.static_site import StaticSite
from sandbox.clock import Clock


@dataclass(frozen=True)
class Operation:
    """A long-running operation. It succeeds at `ends`, or never."""

    ends: datetime | None


@dataclass
class ArmState:
    """One subscription and its resources, each collection by lower-case name."""

    clock: Clock
    subscription_id: str
    subscription_name: str
    tenant_id: str
    groups: dict[str, ResourceGroup] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    static_sites: dict[str, StaticSite] = field(default_factory=dict)
    storage_accounts: dict[str, StorageAccount] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    vaults: dict[str, KeyVault] = field(default_factory=dict)
    access: AccessControl = field(default_factory=AccessControl)
    operations: dict[str, Operation] = field(default_factory=dict)

    def resources(self) -> Iterator[Resource]:
        """Yield every resource of the subscription."""
        yield from self.storage_accounts.values()
        yield from self.vaults.values()
        yield from self.plans.values()
        yield from self.sites.values()
        yield from self.static_sites.values()
        yield from self.certificates.values()

    def snapshot(self) -> dict[str, Any]:
        """Return the part of `/sandbox/state` for these resources."""
        now = self.clock.now()
        return {
            "sites": {s.name: s.snapshot() for s in self.sites.values()},
            "certificates": {c.name: {"host": c.canonical_name, "group": c.group} for c in self.certificates.values()},
            "staticSites": {s.name: s.snapshot(now) for s in self.static_sites.values()},
        }
