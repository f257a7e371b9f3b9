"""What the tables of the plan are made of: versions, credentials, moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.rotation.lineage import Version
from backend.rotation.plan import AppCredential, Moment, Step

NOW = datetime(2026, 8, 5, 12, tzinfo=UTC)  # a Wednesday
SUNDAY = datetime(2026, 8, 2, tzinfo=UTC)
MOMENT = Moment(now=NOW, due_before=SUNDAY)
FORCED = Moment(now=NOW, due_before=SUNDAY, force=True)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def version(name: str, made: datetime, **fields: Any) -> Version:  # noqa: ANN401 - any field
    return Version(id=name, created=made, **fields)


def ours(name: str, made: datetime, **fields: Any) -> Version:  # noqa: ANN401 - the same
    return Version(id=name, created=made, ours=True, **{"credential_id": f"key of {name}", **fields})


def credential(
    version_name: str, *, made: datetime, days: float = 180, left: float | None = None, is_ours: bool = True
) -> AppCredential:
    """The credential that a version holds; it lives for `days`, or has so many days left."""
    ends = made + timedelta(days=days) if left is None else NOW + timedelta(days=left)
    return AppCredential(id=f"key of {version_name}", starts=made, ends=ends, ours=is_ours)


def told(step: Step) -> object:
    """A step and what it is about."""
    about = getattr(step, "version_id", None) or getattr(step, "credential_id", None)
    return (type(step), about) if about else type(step)


# One more second and it is another case.
A_SECOND = timedelta(seconds=1)
FRESH = ours("b", ago(days=3), follows="a")
PREVIOUS = ours("a", ago(days=10))

OLD = ours("a", ago(days=45), follows="x")
NEW = ours("b", ago(days=38), follows="a")
SERVED = ours("c", ago(days=3), follows="b")
ALL_THREE = [
    credential("c", made=ago(days=3)),
    credential("b", made=ago(days=38)),
    credential("a", made=ago(days=45)),
]
RESTARTED = Moment(now=NOW, due_before=SUNDAY, restarted=ago(days=2))
LONG_AGO = Moment(now=NOW, due_before=SUNDAY, restarted=ago(days=3))
ORPHAN = credential("nothing", made=ago(minutes=31))
YOUNG_ORPHAN = credential("nothing", made=ago(minutes=30))
NOT_OURS = AppCredential(id="another", starts=ago(days=3), ends=ago(days=-90))
JUST_NOW = ago(minutes=5)
THEIRS = AppCredential(id="another", starts=JUST_NOW, ends=ago(days=-90))
