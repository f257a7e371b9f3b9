"""The essential step for the certificate, as a table: each rule, and which one comes first."""

from datetime import datetime, timedelta

import pytest

from backend.rotation.planning.plan import (
    AppCredential,
    Disable,
    Leave,
    Moment,
    PutBack,
    Renew,
    Seen,
    credential_chores,
    credential_step,
)
from backend.rotation.running.sam_certificate import CertificateKind
from tests.support.rotation.plan_cases import (
    A_SECOND,
    FORCED,
    JUST_NOW,
    MOMENT,
    NEW,
    NOT_OURS,
    NOT_VERIFIED,
    NOW,
    ORPHAN,
    REVOKED,
    SERVED,
    THEIRS,
    UNDER,
    YOUNG_ORPHAN,
    ago,
    credential,
    moment,
    own,
    seen,
    version,
    what,
)

RULES = CertificateKind.rules
YEAR = credential("c", made=ago(days=3), days=365)
BEFORE = credential("b", made=ago(days=38), days=365)
ONE_MORE = credential("a", made=ago(days=45), days=365)
OLDER_THAN_ITS_VERSION = credential("c", made=ago(days=9), days=365)


def ending(left: timedelta, made: datetime, *, is_own: bool = True, **fields: object) -> Seen:
    """Return a look at a served certificate that has so much time left."""
    one = AppCredential(id="key of c", starts=made, ends=NOW + left, is_own=is_own)
    make = own if is_own else version
    return seen([make("c", made, **{"credential_id": "key of c", **fields})], [one])


def expiring(left: timedelta) -> Seen:
    """Return a look at a served certificate with so much time left, and an earlier one that has not expired."""
    served = AppCredential(id="key of c", starts=ago(days=320), ends=NOW + left, is_own=True)
    return seen([own("c", ago(days=320)), own("b", ago(days=330))], [served, BEFORE])


DAYS_45 = timedelta(days=45)
DAYS_7 = timedelta(days=7)
FORCED_IN_USE = moment(force=True)
NOT_CONFIRMED = moment(restarted=ago(days=325))
BY_CIPP = version("b", ago(days=38), credential_id="key of b")
ON_APP_BY_CIPP = credential("b", made=ago(days=38), days=365, is_own=False)
# This app stored "c" over "a", and others had stored "b" meanwhile. Then a version was stored between them.
THIRD = [own("c", ago(minutes=1), follows="a"), own("o", ago(minutes=2), follows="a"), *UNDER[1:]]
SECOND = [own("c", ago(minutes=1), follows="a"), own("o", ago(minutes=2), follows="a", enabled=False), *UNDER[1:]]
CERTIFICATES: dict[str, tuple[Seen, Moment, object]] = {
    "the vault has none": (seen([]), MOMENT, Renew),
    "the vault has none, and as many as there may be are on the app": (
        seen([], [YEAR, BEFORE, ONE_MORE]),
        MOMENT,
        Renew,
    ),
    "it cannot be read": (seen([SERVED], [YEAR], is_readable=False), MOMENT, Renew),
    # Graph's list may be old: what signs in is on the app
    "it signs in, and Graph does not list it": (seen([SERVED], [], served=YEAR, ends=YEAR.ends), MOMENT, Leave),
    "Graph does not list it, and it is revoked": (seen([SERVED], [], ends=YEAR.ends, validity=REVOKED), MOMENT, Renew),
    "others' is revoked": (seen([version("c", ago(days=3))], [NOT_OURS], validity=REVOKED), MOMENT, Renew),
    "not verified yet": (seen([SERVED], [], ends=YEAR.ends, validity=NOT_VERIFIED), MOMENT, Leave),
    "not verified yet, and forced": (seen([SERVED], [YEAR], validity=NOT_VERIFIED), FORCED, Leave),
    "not verified yet, and near its expiry": (
        seen([SERVED], [credential("c", made=ago(days=360), left=5)], validity=NOT_VERIFIED),
        MOMENT,
        Leave,
    ),
    # by its expiry alone
    "a year is left": (seen([SERVED], [YEAR]), MOMENT, Leave),
    "it is never due by its age": (ending(timedelta(days=65), ago(days=300)), moment(due_before=NOW), Leave),
    "its expiry is unknown": (seen([SERVED], [YEAR], ends=None), MOMENT, Leave),
    "45 days of a year are left": (ending(DAYS_45, ago(days=320)), MOMENT, Leave),
    "a second less than 45 days": (ending(DAYS_45 - A_SECOND, ago(days=320)), MOMENT, Renew),
    "it has expired": (ending(timedelta(days=-1), ago(days=366)), MOMENT, Renew),
    "nothing shows that CIPP uses it, and it is near its expiry": (
        ending(DAYS_45 - A_SECOND, ago(days=320)),
        moment(restarted=None),
        Renew,
    ),
    "others' with 45 days left, however long it was meant to live": (
        ending(DAYS_45, ago(hours=1), is_own=False),
        MOMENT,
        Leave,
    ),
    "a second less than that": (ending(DAYS_45 - A_SECOND, ago(hours=1), is_own=False), MOMENT, Renew),
    "this app's with a third of a short life left": (ending(timedelta(days=10), ago(days=20)), MOMENT, Leave),
    "a second less than a third": (ending(timedelta(days=10) - A_SECOND, ago(days=20)), MOMENT, Renew),
    "others' that this app put back counts as others'": (
        ending(timedelta(days=40), ago(days=20), restored_from="b"),
        MOMENT,
        Renew,
    ),
    "made today, less than a third of its life left": (ending(timedelta(hours=7), ago(hours=17)), MOMENT, Renew),
    # forced
    "forced": (seen([SERVED], [YEAR]), FORCED, Renew),
    "forced, made an hour ago": (seen([own("c", ago(hours=1))], [OLDER_THAN_ITS_VERSION]), FORCED, Renew),
    "forced, made a second less than an hour ago": (
        seen([own("c", ago(hours=1) + A_SECOND)], [OLDER_THAN_ITS_VERSION]),
        FORCED,
        Leave,
    ),
    "forced, one was made within the hour and not stored": (seen([SERVED], [YEAR, YOUNG_ORPHAN]), FORCED, Leave),
    "forced, others made and stored one within the hour": (
        seen([version("c", JUST_NOW, credential_id=THEIRS.id)], [THEIRS]),
        FORCED,
        Renew,
    ),
    # at most three
    "forced, and two are live": (seen([SERVED, NEW], [YEAR, BEFORE]), FORCED_IN_USE, Renew),
    "forced, and three are live": (seen([SERVED, NEW], [YEAR, BEFORE, ONE_MORE]), FORCED, Leave),
    "forced, and three are there, of which one ends now": (
        seen([SERVED, NEW], [YEAR, BEFORE, credential("a", made=ago(days=45), left=0)]),
        FORCED_IN_USE,
        Renew,
    ),
    "revoked, and three are live": (seen([SERVED], [YEAR, BEFORE, ONE_MORE], validity=REVOKED), MOMENT, Renew),
    "near its expiry, and three are live": (
        seen([SERVED], [credential("c", made=ago(days=350), left=15), BEFORE, ONE_MORE]),
        MOMENT,
        Renew,
    ),
    # CIPP's weekly run removes from the app all but the newest two, so at most one is new until CIPP has read its keys
    "forced, and CIPP might use the one before": (seen([SERVED, NEW], [YEAR, BEFORE]), FORCED, Leave),
    "forced, and CIPP read its keys before it was stored": (
        seen([SERVED, NEW], [YEAR, BEFORE]),
        moment(force=True, restarted=SERVED.created),
        Leave,
    ),
    "forced, and CIPP has read its keys since": (
        seen([SERVED, NEW], [YEAR, BEFORE]),
        moment(force=True, restarted=SERVED.created + A_SECOND),
        Renew,
    ),
    "forced, and CIPP might use one by CIPP": (seen([SERVED, BY_CIPP], [YEAR, ON_APP_BY_CIPP]), FORCED, Leave),
    "forced, CIPP's is served, and it might use the one before": (
        seen([version("c", ago(days=3), credential_id="key of c"), NEW], [YEAR, BEFORE]),
        FORCED,
        Leave,
    ),
    "forced, and the one before is not on the app any more": (seen([SERVED, NEW], [YEAR]), FORCED, Renew),
    "forced, and the one before has expired": (
        seen([SERVED, NEW], [YEAR, credential("b", made=ago(days=38), left=0)]),
        FORCED,
        Renew,
    ),
    "forced, and the one before is disabled": (
        seen([SERVED, own("b", ago(days=38), enabled=False)], [YEAR, BEFORE]),
        FORCED,
        Renew,
    ),
    "forced, and it is unknown which the one before is": (
        seen([SERVED, version("b", ago(days=38))], [YEAR]),
        FORCED,
        Leave,
    ),
    "forced, and the one before is the same": (
        seen([SERVED, own("b", ago(days=38), credential_id="KEY of c")], [YEAR]),
        FORCED,
        Renew,
    ),
    "near its expiry, and CIPP might use the one before": (expiring(timedelta(days=40)), NOT_CONFIRMED, Leave),
    "in its last week, and CIPP might use the one before": (expiring(DAYS_7 - A_SECOND), NOT_CONFIRMED, Renew),
    "a week before its expiry, and CIPP might use the one before": (expiring(DAYS_7), NOT_CONFIRMED, Leave),
    "near its expiry, and CIPP has read its keys since": (expiring(timedelta(days=40)), moment(), Renew),
    "revoked, and CIPP might use the one before": (
        seen([SERVED, NEW], [YEAR, BEFORE], validity=REVOKED),
        MOMENT,
        Renew,
    ),
    # one that fell out of the newest two is never put back
    "others' version is third": (seen(THIRD), FORCED, Leave),
    "others' version is second, because the one above is disabled": (seen(SECOND), FORCED, (PutBack, "b")),
    "an earlier one signs in and is second": (
        seen([SERVED, NEW], [YEAR, BEFORE], validity=REVOKED, earlier="b"),
        MOMENT,
        (PutBack, "b"),
    ),
    "an earlier one signs in and is third": (
        seen([SERVED, NEW, own("a", ago(days=45))], [YEAR, BEFORE, ONE_MORE], validity=REVOKED, earlier="a"),
        MOMENT,
        Renew,
    ),
    # others' version under this app's
    "others' version lies under this app's": (seen(UNDER), FORCED, (PutBack, "b")),
    "others' does not sign in": (
        seen([UNDER[0], version("b", ago(minutes=2), is_refused=True), UNDER[2]], [YEAR]),
        MOMENT,
        Leave,
    ),
    # what is not essential does not come before
    "an orphan does not come before": (seen([SERVED], [YEAR, credential("no one", made=ago(hours=2))]), FORCED, Renew),
    "an orphan alone is not a reason": (seen([SERVED], [YEAR, ORPHAN]), MOMENT, Leave),
}


@pytest.mark.parametrize(("look", "now", "expected"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_certificate_step(look: Seen, now: Moment, expected: object) -> None:
    assert what(credential_step(look, now, RULES)) == expected


JUST_MADE = seen([own("c", JUST_NOW)], [OLDER_THAN_ITS_VERSION])
REASONS: dict[str, tuple[Seen, Moment, str]] = {
    "made just now and forced": (JUST_MADE, FORCED, "at most one an hour"),
    "not due": (JUST_MADE, MOMENT, "Not due: it expires on 2027-07-27."),
    "not due, its expiry is unknown": (seen([SERVED], [YEAR], ends=None), MOMENT, "Not due: the current version was"),
    "forced": (seen([SERVED], [YEAR]), FORCED, "Forced."),
    "too many": (seen([SERVED], [YEAR, BEFORE, ONE_MORE]), FORCED, "3 certificates of this app are on"),
    "too many, and Azure does not list CIPP's apps": (
        seen([SERVED], [YEAR, BEFORE, ONE_MORE]),
        moment(force=True, outdated=None),
        "unknown which keys they have",
    ),
    "none": (seen([]), MOMENT, "The vault doesn't have a certificate"),
    "unreadable": (seen([SERVED], is_readable=False), MOMENT, "can't be read as a certificate"),
}


@pytest.mark.parametrize(("look", "now", "words"), REASONS.values(), ids=REASONS)
def test_certificate_step_states_its_reason(look: Seen, now: Moment, words: str) -> None:
    assert words in credential_step(look, now, RULES).reason


def test_rules_of_the_certificate() -> None:
    assert (RULES.noun, RULES.most_live, RULES.ages) == ("certificate", 3, False)


def certificates(makers: str, days: float = 365) -> Seen:
    """Return a look at versions that are 10 days apart, the newest first, each with its certificate on the app.

    A letter of `makers` is "o" for a version of this app, "c" for one of CIPP.
    """
    versions, on_app = [], []
    for number, maker in enumerate(makers):
        name, made, is_own = f"v{number}", ago(days=3 + 10 * number), maker == "o"
        versions.append((own if is_own else version)(name, made, credential_id=f"key of {name}"))
        on_app.append(credential(name, made=made, days=days, is_own=is_own))
    return seen(versions, on_app)


SHIELDED: dict[str, tuple[Seen, Moment, list[str]]] = {
    "CIPP might use the one before": (certificates("oo"), MOMENT, []),
    "CIPP might use the third": (certificates("ooo"), moment(restarted=None), ["v1"]),
    "the third is by CIPP": (certificates("ooc"), moment(restarted=None), ["v1"]),
    "the one between is by CIPP": (certificates("oco"), moment(restarted=None), []),
    "CIPP has read its keys since the third": (certificates("ooo"), moment(restarted=ago(days=5)), []),
    "CIPP has read its keys since": (certificates("ooo"), moment(), []),
    "the third has expired": (certificates("ooo", days=22), moment(restarted=None), []),
}


@pytest.mark.parametrize(("look", "now", "expected"), SHIELDED.values(), ids=SHIELDED)
def test_certificate_that_cipp_might_use_stays_among_the_newest_two(
    look: Seen, now: Moment, expected: list[str]
) -> None:
    chores = credential_chores(look, now, RULES)
    assert [step.version_id for step in chores if isinstance(step, Disable)] == expected
