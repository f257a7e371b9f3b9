"""Everything that the sandbox stores between two resets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.arm.state import ArmState
from sandbox.clock import Clock
from sandbox.directory import Directory
from sandbox.key_vault.state import Vault
from sandbox.options import Options
from sandbox.registry.images import Registry
from sandbox.tokens import TokenIssuer

if TYPE_CHECKING:
    from sandbox.cipp.life import Life


@dataclass(frozen=True)
class Azure:
    """One emulated Azure. Its parts change in place on one event loop, so nothing is locked.

    `/sandbox/state` shows the `snapshot()` of each part: a vault's is
    `{"secrets": {...}, "deleted": {...}}`, ARM's is `{"sites": {...}, "staticSites": {...}}`,
    the directory's is `{"applications": {...}}`.
    """

    clock: Clock
    tokens: TokenIssuer
    tenant_id: str
    subscription_id: str
    options: Options
    directory: Directory
    vaults: dict[str, Vault]  # by lower-case name
    arm: ArmState
    registry: Registry
    cipp: "Life"
