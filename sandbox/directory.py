"""Entra's directory: tenants, applications and what signs in with them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Directory:
    """All tenants and what they hold."""

    applications: dict[str, Any] = field(default_factory=dict)

    def snapshot(self) -> dict[str, Any]:
        """Return what `/sandbox/state` shows."""
        return {"applications": {}}
