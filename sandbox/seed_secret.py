"""A secret as the seed hands it to the vault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class SeedSecret:
    """One secret with one version; times are aware UTC."""

    value: str = field(repr=False)
    created: datetime
    expires: datetime | None = None
    content_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    managed: bool = False  # it belongs to a certificate of the vault's own
