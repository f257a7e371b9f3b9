"""What the tables of the plan are made of: versions, credentials, moments, looks."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.credentials.kinds import Validity
from backend.rotation.planning.plan import AppCredential, Moment, Seen, Step
from backend.rotation.planning.version_history import Version

NOW = datetime(2026, 8, 5, 12, tzinfo=UTC)  # a Wednesday
SUNDAY = datetime(2026, 8, 2, tzinfo=UTC)
MOMENT = Moment(now=NOW, due_before=SUNDAY)
FORCED = Moment(now=NOW, due_before=SUNDAY, force=True)
A_SECOND = timedelta(seconds=1)  # one more, and it is another case
REVOKED, NOT_VERIFIED = Validity.REVOKED, Validity.NOT_VERIFIED


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def moment(**fields: Any) -> Moment:  # noqa: ANN401 - any field
    """Return the moment, in which every app has been restarted lately, with other fields."""
    return Moment(**{"now": NOW, "due_before": SUNDAY, "restarted": NOW, **fields})


def version(name: str, made: datetime, **fields: Any) -> Version:  # noqa: ANN401 - any field
    return Version(id=name, created=made, **fields)


def own(name: str, made: datetime, **fields: Any) -> Version:  # noqa: ANN401 - the same
    return Version(id=name, created=made, is_own=True, **{"credential_id": f"key of {name}", **fields})


def credential(
    version_name: str, *, made: datetime, days: float = 180, left: float | None = None, is_own: bool = True
) -> AppCredential:
    """Return the credential that a version holds; it lives for `days`, or has so many days left."""
    ends = made + timedelta(days=days) if left is None else NOW + timedelta(days=left)
    return AppCredential(id=f"key of {version_name}", starts=made, ends=ends, is_own=is_own)


def seen(versions: Sequence[Version], on_app: Sequence[AppCredential] = (), **fields: Any) -> Seen:  # noqa: ANN401
    """Return a look in which the served version signs in, and is what it names on the app."""
    named = versions[0].credential_id if versions else None
    served = next((one for one in on_app if named and one.id.lower() == named.lower()), None)
    ends = served.ends if served else None
    return Seen(**{"versions": versions, "credentials": on_app, "served": served, "ends": ends, **fields})


def what(step: Step) -> object:
    """Return a step's kind, with what it is about."""
    about = getattr(step, "version_id", None) or getattr(step, "credential_id", None)
    return (type(step), about) if about else type(step)


def all_of(steps: Iterable[Step]) -> list[object]:
    """Return what each step is, in their order."""
    return [what(step) for step in steps]


PREVIOUS = own("a", ago(days=10))
OLD = own("a", ago(days=45), follows="x")
NEW = own("b", ago(days=38), follows="a")
SERVED = own("c", ago(days=3), follows="b")
ALL_THREE = [
    credential("c", made=ago(days=3)),
    credential("b", made=ago(days=38)),
    credential("a", made=ago(days=45)),
]
ORPHAN = credential("nothing", made=ago(minutes=30) - A_SECOND)
YOUNG_ORPHAN = credential("nothing", made=ago(minutes=30))
NOT_OURS = AppCredential(id="another", starts=ago(days=3), ends=ago(days=-90))
JUST_NOW = ago(minutes=5)
THEIRS = AppCredential(id="another", starts=JUST_NOW, ends=ago(days=-90))
UNDER = [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))]
