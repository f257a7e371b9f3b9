"""What a caller of `/sandbox/reset` may choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How the sandbox is seeded and how it behaves until the next reset."""

    direct_tenants: int = 3
    propagation_seconds: float = 2.0  # until a new client secret or certificate signs in
    latency_seconds: Mapping[str, float] = field(default_factory=dict)  # by host, or "vault" for every vault
    vault_writes_per_10s: int = 300
