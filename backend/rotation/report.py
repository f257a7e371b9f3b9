"""What a rotation tells: each key, what became of it, why, and what to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from backend.values import Value

Outcome = Literal["rotated", "unchanged", "failed", "planned", "postponed"]
ProofOutcome = Literal["proven", "dead", "unproven", "skipped"]
Kind = Literal["RefreshToken", "TenantRefreshToken", "ClientSecret", "Certificate"]


class KeyReport(Value, frozen=True):
    """What became of one key; what the vault now serves is of `current_since`, and `expires`, where that is known."""

    name: str
    kind: Kind
    outcome: Outcome
    reason: str
    advice: str | None = None
    current_since: datetime | None = None
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


class KeyProof(Value, frozen=True):
    """Whether one key signs in now.

    `unproven`: refused or silent for a reason that is not the key's; `skipped`: excluded in CIPP, or not set up.
    """

    name: str
    kind: Kind
    outcome: ProofOutcome
    reason: str
    advice: str | None = None


class RunReport(Value, frozen=True):
    """One run of the past, or the one in progress (`ended` is None); counts by outcome.

    `keys` are those that were not unchanged. An overview has those of the latest run, and of a run that its caller
    names. `keys_available` shows which runs have some.
    """

    run_id: str
    by: str
    started: datetime
    ended: datetime | None = None
    seconds: float | None = None
    total: int = 0
    rotated: int = 0
    unchanged: int = 0
    failed: int = 0
    postponed: int = 0
    keys_available: bool = False
    keys: tuple[KeyReport, ...] = ()


class KeyState(Value, frozen=True):
    """One key as it stands. `ends` None is unknown; `overlapping` are old ones that still sign in."""

    name: str
    kind: Kind
    current_since: datetime | None
    ends: datetime | None
    last_proven: datetime | None
    counts: bool
    overlapping: list[str]
    problems: list[str]


class AppState(Value, frozen=True):
    """One CIPP app, and whether it runs with the current client secret."""

    name: str
    runs_with_current_keys: Literal["yes", "no", "unknown"]
    advice: str | None = None


class KeyOverview(Value, frozen=True):
    """How long CIPP keeps working, and what was, is and will be done for it."""

    works_until: datetime | None
    sentence: str
    running: RunReport | None
    runs: list[RunReport]
    next_week_starts: datetime
    next_week_starts_local: str
    time_zone: str
    keys: list[KeyState]
    apps: list[AppState]
    not_rotated: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Details:
    """What a run knows of a key besides its report. The API does not show it.

    `scopes`: those of a token that was renewed. `is_revoked`: Entra refused the key, for good. `is_timeout`: nothing
    responded in time, so nothing is known of the key. `common_cause`: equal for all keys that fail for that reason, ""
    if the reason is the key's own. `is_unsettled`: the vault's list does not have the served version yet, so what
    others stored under it may not be seen, or a chore was not done. The next run lists the versions again.
    """

    scopes: frozenset[str] | None = None
    is_revoked: bool = False
    is_timeout: bool = False
    common_cause: str = ""
    is_unsettled: bool = False
