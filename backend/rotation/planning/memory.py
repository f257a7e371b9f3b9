"""What the history keeps about each key between runs. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from backend.rotation.results import KeyProof, KeyReport


@dataclass(frozen=True)
class KeyMemory:
    """What the history keeps about one key.

    - `failures` counts failed tries in a row.
    - `dead_since` is when Microsoft Entra ID first refused the key for good, None if the key is valid.
    - `tried` is when a run last completed for the served version and checked which versions it replaced.

    A cause that several keys share has an entry, too. It shows when the admin was alerted.
    """

    name: str
    tried: datetime | None = None
    failures: int = 0
    proven: datetime | None = None
    proof_tried: datetime | None = None
    dead_since: datetime | None = None
    problem: str = ""
    advice: str = ""
    scopes: str = ""
    alerted: datetime | None = None
    told_unknown: bool = False


def tried(
    memory: KeyMemory, report: KeyReport, now: datetime, *, is_revoked: bool = False, is_unsettled: bool = False
) -> KeyMemory:
    """Return the entry of a key after a try.

    A rotation or an unchanged key resets the failures. A rotation counts as a sign-in check. `is_revoked`: Microsoft
    Entra ID refused the key for good. `is_unsettled`: the vault's list did not have the served version yet. Then
    `tried` stays, and the next run lists the versions again.
    """
    if report.outcome == "failed":
        return replace(
            memory,
            tried=now,
            failures=memory.failures + 1,
            dead_since=(memory.dead_since or now) if is_revoked else memory.dead_since,
            problem=report.reason,
            advice=report.advice or "",
        )
    if report.outcome == "rotated":
        return replace(
            memory,
            tried=memory.tried if is_unsettled else now,
            failures=0,
            proven=now,
            proof_tried=now,
            dead_since=None,
            problem="",
            advice="",
        )
    if report.outcome == "unchanged":
        settled = memory.tried if is_unsettled else _settled(memory.tried, report.current_since)
        return replace(memory, tried=settled, failures=0, dead_since=None, problem="", advice="")
    return memory


def _settled(last: datetime | None, stored: datetime | None) -> datetime | None:
    """Return `tried` for a version stored at that time. It is not the current time: a newer version may be unlisted."""
    return stored if stored and (last is None or last < stored) else last


def is_doubted(memory: KeyMemory) -> bool:
    """Return whether a key failed its last try or sign-in check, so that a run checks it even if it is not due."""
    return memory.failures > 0 or memory.dead_since is not None


def proof_tried(memory: KeyMemory, proof: KeyProof, now: datetime, *, began: datetime) -> KeyMemory:
    """Return the entry of a key after a sign-in check.

    A successful check marks the key as valid. If Microsoft Entra ID refused the key for good, `dead_since` keeps the
    time of the first refusal. A check can take minutes, and it may have signed in before a run failed. So a failure of
    a run since the check `began` stays. Both times are the vault's, in whole seconds.
    """
    has_failed_since = is_doubted(memory) and memory.tried is not None and memory.tried >= began
    if proof.outcome == "proven" and not has_failed_since:
        return replace(memory, proof_tried=now, proven=now, dead_since=None)
    if proof.outcome == "dead":
        return replace(
            memory,
            proof_tried=now,
            dead_since=memory.dead_since or now,
            problem=proof.reason,
            advice=proof.advice or "",
        )
    return replace(memory, proof_tried=now)
