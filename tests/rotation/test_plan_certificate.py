"""What is done next with the certificate, as a table: each rule, and which one comes first."""

from datetime import datetime, timedelta

import pytest

from backend.rotation.lineage import Version
from backend.rotation.plan import AppCredential, Disable, Leave, Moment, PutBack, Remove, Renew, certificate_step
from tests.rotation.plan_cases import (
    A_SECOND,
    ALL_THREE,
    FORCED,
    JUST_NOW,
    MOMENT,
    NEW,
    NOT_OURS,
    NOW,
    OLD,
    ORPHAN,
    RESTARTED,
    SERVED,
    THEIRS,
    YOUNG_ORPHAN,
    ago,
    credential,
    ours,
    told,
    version,
)

# The versions, what is on the app, the end of what the vault serves, the moment, and the step.
YEAR = credential("c", made=ago(days=3), days=365)
LASTING = credential("c", made=ago(days=9), days=365)  # older than its version
CERTIFICATES: dict[str, tuple[list[Version], list[AppCredential], datetime | None, Moment, object]] = {
    "the vault has none": ([], [], None, MOMENT, Renew),
    "it cannot be read": ([version("c", ago(days=3))], [YEAR], None, MOMENT, Renew),
    "it is not on the app": ([SERVED], [], NOW + timedelta(days=300), MOMENT, Renew),
    "theirs is not on the app": (
        [version("c", ago(days=3), credential_id="x")],
        [NOT_OURS],
        NOW + timedelta(days=300),
        MOMENT,
        Renew,
    ),
    "a year is left": ([SERVED], [YEAR], YEAR.ends, MOMENT, Leave),
    "it is never due by its age": (
        [ours("c", ago(days=300))],
        [credential("c", made=ago(days=300), left=65)],
        NOW + timedelta(days=65),
        MOMENT,
        Leave,
    ),
    "more than 45 days are left": (
        [SERVED],
        [credential("c", made=ago(days=319), left=46)],
        NOW + timedelta(days=45) + A_SECOND,
        MOMENT,
        Leave,
    ),
    "45 days are left": (
        [SERVED],
        [credential("c", made=ago(days=320), left=45)],
        NOW + timedelta(days=45),
        MOMENT,
        Renew,
    ),
    "it has ended": ([SERVED], [credential("c", made=ago(days=366), left=-1)], ago(days=1), MOMENT, Renew),
    "theirs with 30 days left, however long it was meant to live": (
        [version("c", ago(hours=1), credential_id="key of c")],
        [credential("c", made=ago(hours=1), left=30, is_ours=False)],
        NOW + timedelta(days=30),
        MOMENT,
        Renew,
    ),
    "ours that may not live longer, with more than a third left": (
        [ours("c", ago(days=1))],
        [credential("c", made=ago(days=1), left=29)],
        NOW + timedelta(days=29),
        MOMENT,
        Leave,
    ),
    "with a third left": (
        [ours("c", ago(days=20))],
        [credential("c", made=ago(days=20), left=10)],
        NOW + timedelta(days=10),
        MOMENT,
        Renew,
    ),
    "forced": ([SERVED], [YEAR], YEAR.ends, FORCED, Renew),
    # force makes at most one an hour
    "forced within the hour": ([ours("c", JUST_NOW)], [LASTING], LASTING.ends, FORCED, Leave),
    "forced, and one was made within the hour, and not stored": (
        [SERVED],
        [YEAR, YOUNG_ORPHAN],
        YEAR.ends,
        FORCED,
        Leave,
    ),
    "forced, and others made and stored one within the hour": (
        [version("c", JUST_NOW, credential_id=THEIRS.id)],
        [THEIRS],
        THEIRS.ends,
        FORCED,
        Renew,
    ),
    "someone stored between our look and our write": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        [],
        None,
        FORCED,
        (PutBack, "b"),
    ),
    "theirs does not sign in": (
        [
            ours("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=2), dead=True),
            version("a", ago(days=9), credential_id=""),
        ],
        [YEAR],
        YEAR.ends,
        MOMENT,
        Leave,
    ),
    "an orphan comes before renewing": (
        [SERVED],
        [YEAR, ORPHAN],
        None,
        FORCED,
        (Remove, "key of nothing"),
    ),
    "a young orphan": ([SERVED], [YEAR, YOUNG_ORPHAN], YEAR.ends, MOMENT, Leave),
    "someone else's is no orphan": ([SERVED], [YEAR, NOT_OURS], YEAR.ends, MOMENT, Leave),
    "superseded, and ended": (
        [SERVED, NEW],
        [YEAR, credential("b", made=ago(days=366), left=-1)],
        YEAR.ends,
        MOMENT,
        (Remove, "key of b"),
    ),
    "superseded long ago, and everything restarted": (
        [SERVED, NEW, OLD],
        [YEAR, *ALL_THREE[1:]],
        YEAR.ends,
        RESTARTED,
        (Remove, "key of a"),
    ),
    "superseded long ago, but nobody knows of a restart": (
        [SERVED, NEW, OLD],
        [YEAR, *ALL_THREE[1:]],
        YEAR.ends,
        MOMENT,
        (Disable, "a"),
    ),
    "an old version of ours": (
        [SERVED, ours("b", ago(days=30)), ours("a", ago(days=45))],
        [YEAR],
        YEAR.ends,
        MOMENT,
        (Disable, "a"),
    ),
}


@pytest.mark.parametrize(("versions", "on_app", "ends", "moment", "expected"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate(
    versions: list[Version], on_app: list[AppCredential], ends: datetime | None, moment: Moment, expected: object
) -> None:
    assert told(certificate_step(versions, on_app, moment, ends=ends)) == expected


@pytest.mark.parametrize(("moment", "words"), [(FORCED, "at most one an hour"), (MOMENT, "Not due")])
def test_certificate_just_made_has_its_reason(moment: Moment, words: str) -> None:
    step = certificate_step([ours("c", JUST_NOW)], [LASTING], moment, ends=LASTING.ends)
    assert (type(step), words in step.reason) == (Leave, True)
