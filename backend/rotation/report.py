"""What a rotation tells: each key, what became of it, why, and what to do."""

from datetime import datetime
from typing import Literal

from backend.values import Value

Outcome = Literal["rotated", "unchanged", "failed", "planned", "postponed"]
Kind = Literal["RefreshToken", "TenantRefreshToken", "ClientSecret"]


class KeyReport(Value, frozen=True):
    """What became of one key; `expires` is the end of what the vault now serves, where it is known."""

    name: str
    kind: Kind
    outcome: Outcome
    reason: str
    advice: str | None = None
    expires: datetime | None = None


class Rotation(Value, frozen=True):
    """One run. A dry run changes nothing, and tells in `would_do` what it would do."""

    run_id: str
    dry_run: bool
    started: datetime
    ended: datetime
    would_do: list[str]
    keys: list[KeyReport]
    warnings: list[str]
