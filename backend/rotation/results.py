"""The results of a rotation: the outcome of each key, why, and what to do."""

from datetime import datetime
from typing import Literal

import msgspec

from backend.credentials.kinds import Kind
from backend.errors import joined
from backend.values import ActionResult, Value, counted

Outcome = Literal["rotated", "unchanged", "failed", "planned", "postponed"]
ProofOutcome = Literal["proven", "dead", "unproven", "skipped"]


class KeyReport(Value, frozen=True):
    """The result for one key. `current_since` and `expires` are those of the current version, None if unknown."""

    name: str
    kind: Kind
    outcome: Outcome
    reason: str
    advice: str | None = None
    current_since: datetime | None = None
    expires: datetime | None = None

    @property
    def text(self) -> str:
        """The reason. If the key was not rotated in this run and should be, the advice follows."""
        return joined(self.reason, self.advice or "") if self.outcome in {"failed", "postponed"} else self.reason


class Rotation(ActionResult, frozen=True):
    """One run. A dry run changes nothing. Its `would_do` lists what a run would do."""

    run_id: str
    dry_run: bool
    started: datetime
    ended: datetime
    would_do: list[str]
    keys: list[KeyReport]
    warnings: list[str]

    @property
    def summary(self) -> str:
        """What a run would do, or how many keys had each outcome."""
        return " ".join(self.would_do) or counted(key.outcome for key in self.keys)


class KeyProof(Value, frozen=True):
    """Whether one key can sign in now.

    `skipped` means that the tenant is excluded in CIPP, or that the key is not set up. `unproven` means that the
    sign-in was refused or timed out for a reason other than the key.
    """

    name: str
    kind: Kind
    outcome: ProofOutcome
    reason: str
    advice: str | None = None


class RunReport(Value, frozen=True):
    """One past run, or the run in progress (without `ended`), with the number of keys by outcome.

    `keys` leaves out unchanged keys. An overview has the keys of the latest run, and of a run that the caller names.
    `keys_available` shows which runs have some.

    `done` is how many of the `total` keys are finished. `step` is what the run in progress does now. `estimated_end` is
    when it ends if it takes as long as similar runs. It is None without similar runs, or if it takes longer already.
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
    done: int = 0
    step: str | None = None
    estimated_end: datetime | None = None
    keys_available: bool = False
    keys: tuple[KeyReport, ...] = ()


class KeyState(Value, frozen=True):
    """The state of one key. `ends` None means unknown. `overlapping` are old ones that can still sign in.

    `display_name` is the name of a direct tenant in CIPP's table Tenants.
    """

    name: str
    kind: Kind
    display_name: str | None
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
    """How long CIPP keeps working, and the past, current and next runs.

    `sign_in_works_until` is when users can't sign in to CIPP any more, which runs on without them. It is None if that
    is unknown, and if CIPP's users don't sign in with a secret of its own. Then `sign_in_sentence` is None, too.
    """

    works_until: datetime | None
    sentence: str
    sign_in_works_until: datetime | None
    sign_in_sentence: str | None
    running: RunReport | None
    runs: list[RunReport]
    next_week_starts: datetime
    next_week_starts_local: str
    time_zone: str
    keys: list[KeyState]
    apps: list[AppState]
    not_rotated: list[str]
    notes: list[str]


class KeyRuns(Value, frozen=True):
    """The runs of the last 26 weeks, the newest first, or one run with its keys.

    `by_week` is `by` of the weekly timer's runs. `has_more`: further runs by others than the weekly timer are left out.
    """

    runs: list[RunReport]
    by_week: str
    has_more: bool


class Details(msgspec.Struct, frozen=True):
    """What a run knows about a key besides its report. The API does not show it.

    - `scopes` are those of a renewed token.
    - `is_revoked`: Microsoft Entra ID refused the key for good.
    - `is_timeout`: a service timed out, so the state of the key is unknown.
    - `common_cause` is equal for all keys that fail for the same reason, "" if the reason is the key's own.
    - `is_unsettled`: the vault's list does not have the served version yet, so a version that this app overwrote may
      be missing, or a chore was not done. The next run lists the versions again.
    - `is_spare`: CIPP works without the key, so its expiry is not an alert.
    """

    scopes: frozenset[str] | None = None
    is_revoked: bool = False
    is_timeout: bool = False
    common_cause: str = ""
    is_unsettled: bool = False
    is_spare: bool = False
