"""Everything that Azure Resource Manager stores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.arm.access import AccessControl
from sandbox.arm.host_binding import Certificate
from sandbox.arm.locks import Lock
from sandbox.arm.plain_resource import PlainResource
from sandbox.arm.resource import KeyVault, Plan, Resource, ResourceGroup, StorageAccount
from sandbox.arm.site import Site
from sandbox.arm.static_site import StaticSite
from sandbox.clock import Clock

if TYPE_CHECKING:
    from sandbox.arm.deployments.record import Deployment


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
    plain: dict[str, PlainResource] = field(default_factory=dict)  # by lower-case ID
    locks: dict[str, Lock] = field(default_factory=dict)  # by lower-case scope and name
    deployments: dict[str, "Deployment"] = field(default_factory=dict)  # by lower-case ID
    what_ifs: dict[str, dict[str, Any]] = field(default_factory=dict)  # results, by the key in their address

    def resources(self) -> Iterator[Resource]:
        """Yield every resource of the subscription."""
        yield from self.storage_accounts.values()
        yield from self.vaults.values()
        yield from self.plans.values()
        yield from self.sites.values()
        yield from self.static_sites.values()
        yield from self.certificates.values()
        yield from self.plain.values()

    def snapshot(self) -> dict[str, Any]:
        """Return the part of `/sandbox/state` for these resources."""
        now = self.clock.now()
        return {
            "sites": {s.name: s.snapshot() for s in self.sites.values()},
            "certificates": {c.name: {"host": c.canonical_name, "group": c.group} for c in self.certificates.values()},
            "resources": {r.id: r.shown(self.tenant_id) for r in self.plain.values()},
            "locks": {lock.id: lock.level for lock in self.locks.values()},
            "deployments": {d.id: d.state for d in self.deployments.values()},
            "staticSites": {s.name: s.snapshot(now) for s in self.static_sites.values()},
        }
