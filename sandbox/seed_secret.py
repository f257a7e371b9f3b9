"""A secret that the seed stores in the vault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class SeedSecret:
    """One secret with one version. Times are aware UTC."""

    value: str = field(repr=False)
    created: datetime
    expires: datetime | None = None
    content_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    managed: bool = False  # it belongs to one of the vault's certificates
