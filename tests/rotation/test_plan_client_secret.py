"""The essential step for the client secret, as a table: each rule, and which one comes first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from backend.rotation.planning.plan import (
    AppCredential,
    Leave,
    Moment,
    PutBack,
    Renew,
    Seen,
    credential_step,
    superseded_ends,
)
from backend.rotation.planning.version_history import Version
from backend.rotation.running.client_secret import ClientSecretKind
from tests.support import phrases
from tests.support.rotation.plan_cases import (
    A_SECOND,
    ALL_THREE,
    FORCED,
    JUST_NOW,
    MOMENT,
    NEW,
    NOT_OURS,
    NOT_VERIFIED,
    NOW,
    OLD,
    ORPHAN,
    REVOKED,
    SERVED,
    SUNDAY,
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

RULES = ClientSecretKind.rules
IN_USE = moment()
ALWAYS_DUE = moment(due_before=NOW)
FORCED_IN_USE = moment(force=True)


def live(count: int, *, ended: int = 0, of_others: int = 0) -> list[AppCredential]:
    """Return so many live client secrets of this app, the served one included, and others that do not count."""
    mine = [credential("c", made=ago(days=8)), *(credential(f"o{i}", made=ago(days=9 + i)) for i in range(count - 1))]
    over = [credential(f"e{i}", made=ago(days=200), left=0) for i in range(ended)]
    return [*mine, *over, *(credential(f"t{i}", made=ago(days=9), is_own=False) for i in range(of_others))]


def near(made: datetime, left: timedelta, *, is_own: bool = True) -> Seen:
    """Return a look at a served client secret that has so much time left."""
    one = AppCredential(id="key of c", starts=made, ends=NOW + left, is_own=is_own)
    served = own("c", made) if is_own else version("c", made, credential_id="key of c")
    return seen([served], [one])


DUE = own("c", ago(days=8))

SECRETS: dict[str, tuple[Seen, Moment, object]] = {
    "the vault has none": (seen([]), IN_USE, Renew),
    "the vault has none, and as many as there may be are on the app": (seen([], live(6)), IN_USE, Renew),
    # by its age
    "made before the week began": (seen([own("c", SUNDAY - A_SECOND)]), IN_USE, Renew),
    "made in the week's first second": (seen([own("c", SUNDAY)]), IN_USE, Leave),
    "made a second less than a day ago": (seen([own("c", ago(days=1) + A_SECOND)]), ALWAYS_DUE, Leave),
    "made a day ago": (seen([own("c", ago(days=1))]), ALWAYS_DUE, Renew),
    "others' is judged like this app's": (seen([version("c", ago(days=4))]), MOMENT, Renew),
    "others' of today is left": (seen([version("c", ago(hours=1))], [NOT_OURS]), MOMENT, Leave),
    # forced
    "forced": (seen([SERVED], ALL_THREE[:1]), FORCED_IN_USE, Renew),
    "forced, made an hour ago": (seen([own("c", ago(hours=1))]), FORCED_IN_USE, Renew),
    "forced, made a second less than an hour ago": (seen([own("c", ago(hours=1) + A_SECOND)]), FORCED_IN_USE, Leave),
    "forced, one was made within the hour and not stored": (
        seen([SERVED], [*ALL_THREE[:1], YOUNG_ORPHAN]),
        FORCED_IN_USE,
        Leave,
    ),
    "forced and due, one was made within the hour and not stored": (
        seen([DUE], [credential("c", made=ago(days=8)), YOUNG_ORPHAN]),
        FORCED_IN_USE,
        Renew,
    ),
    "forced, others made and stored one within the hour": (seen([version("c", JUST_NOW)], [THEIRS]), FORCED, Renew),
    "forced, one was put back within the hour": (
        seen([own("c", JUST_NOW, follows="b", restored_from="b"), own("b", ago(days=3))]),
        FORCED_IN_USE,
        Renew,
    ),
    # nothing shows that CIPP uses it
    "due, and restarted in the second in which it was stored": (seen([DUE]), moment(restarted=ago(days=8)), Leave),
    "due, and restarted a second later": (seen([DUE]), moment(restarted=ago(days=8) + A_SECOND), Renew),
    "due, and no restart is known": (seen([DUE]), MOMENT, Leave),
    "not used, and forced": (seen([DUE]), FORCED, Renew),
    "not used, and near its expiry": (near(ago(days=136), timedelta(days=44)), MOMENT, Renew),
    "not used, and revoked": (seen([DUE], validity=REVOKED), MOMENT, Renew),
    "not used, and others stored it": (seen([version("c", ago(days=8))]), MOMENT, Renew),
    "not used, and this app put it back": (
        seen([own("c", ago(days=8), follows="b", restored_from="a"), version("a", ago(days=9))]),
        MOMENT,
        Renew,
    ),
    # at most six
    "due, and five are live": (seen([DUE], live(5)), IN_USE, Renew),
    "due, and six are live": (seen([DUE], live(6)), IN_USE, Leave),
    "due, and six are live, which others created": (seen([DUE], live(5, of_others=6)), IN_USE, Renew),
    "due, and six are there, of which one ends now": (seen([DUE], live(5, ended=1)), IN_USE, Renew),
    "forced, and five are live": (seen([SERVED], live(5)), FORCED_IN_USE, Renew),
    "forced, and six are live": (seen([SERVED], live(6)), FORCED_IN_USE, Leave),
    "revoked, and six are live": (seen([DUE], live(6), validity=REVOKED), IN_USE, Renew),
    "near its expiry, and six are live": (
        seen([DUE], [credential("c", made=ago(days=170), left=10), *live(6)[1:]]),
        IN_USE,
        Renew,
    ),
    # near its expiry
    "45 days of half a year are left": (
        near(ago(days=135), timedelta(days=45)),
        moment(due_before=ago(days=200)),
        Leave,
    ),
    "a second less than 45 days": (near(ago(days=136), timedelta(days=45) - A_SECOND), IN_USE, Renew),
    "less than 45 days, others created it": (
        near(ago(days=136), timedelta(days=45) - A_SECOND, is_own=False),
        moment(due_before=ago(days=200)),
        Renew,
    ),
    "a third of a short life is left": (near(ago(days=2), timedelta(days=1)), IN_USE, Leave),
    "a second less than a third": (near(ago(days=2), timedelta(days=1) - A_SECOND), IN_USE, Renew),
    "near its expiry, made a second less than a day ago": (
        near(ago(days=1) + A_SECOND, timedelta(hours=10)),
        IN_USE,
        Leave,
    ),
    "near its expiry, made a day ago": (near(ago(days=1), timedelta(hours=10)), IN_USE, Renew),
    "it lives for 26 hours, less than a third are left": (near(ago(hours=18), timedelta(hours=8)), IN_USE, Renew),
    "it lives for a second longer, and is of today": (
        near(ago(hours=18), timedelta(hours=8) + A_SECOND),
        IN_USE,
        Leave,
    ),
    "it lives for 23 hours, and was made just now": (near(ago(hours=1), timedelta(hours=22)), IN_USE, Leave),
    "its expiry is unknown": (seen([SERVED], ALL_THREE[:1], ends=None), IN_USE, Leave),
    "the served one is not on Graph's list": (seen([SERVED], [], ends=NOW + timedelta(days=10)), IN_USE, Leave),
    # it does not sign in
    "revoked, and an earlier one signs in": (
        seen([SERVED, NEW], ALL_THREE, validity=REVOKED, earlier="b"),
        IN_USE,
        (PutBack, "b"),
    ),
    "that comes before all else": (
        seen([DUE, NEW], [*live(6), ORPHAN], validity=REVOKED, earlier="b", is_locked=False),
        FORCED,
        (PutBack, "b"),
    ),
    "none signs in": (seen([SERVED, NEW], ALL_THREE[:2], validity=REVOKED), IN_USE, Renew),
    "none signs in, and it was made within the hour": (
        seen([own("c", JUST_NOW)], [YOUNG_ORPHAN], validity=REVOKED),
        FORCED,
        Renew,
    ),
    "it cannot be read": (seen([SERVED], is_readable=False), IN_USE, Renew),
    # it is too new to know
    "not verified yet": (seen([SERVED], validity=NOT_VERIFIED), IN_USE, Leave),
    "not verified yet, and due": (seen([DUE], validity=NOT_VERIFIED), IN_USE, Leave),
    "not verified yet, and forced": (seen([SERVED], validity=NOT_VERIFIED), FORCED_IN_USE, Leave),
    "not verified yet, an earlier one signs in": (
        seen([SERVED, NEW], ALL_THREE, validity=NOT_VERIFIED, earlier="b"),
        IN_USE,
        Leave,
    ),
    "not verified yet, and near its expiry": (
        seen([SERVED], [credential("c", made=ago(days=170), left=10)], validity=NOT_VERIFIED),
        IN_USE,
        Leave,
    ),
    # others' version under this app's
    "others' version lies under this app's": (seen(UNDER), IN_USE, (PutBack, "b")),
    "it comes before an earlier one": (seen(UNDER, validity=REVOKED, earlier="a"), FORCED, (PutBack, "b")),
    "it comes before one that is not verified": (seen(UNDER, validity=NOT_VERIFIED), IN_USE, (PutBack, "b")),
    "it comes before one that cannot be read": (seen(UNDER, is_readable=False), IN_USE, (PutBack, "b")),
    # one that was put back is as old as it was
    "put back, and due": (
        seen(
            [
                own("c", ago(minutes=1), follows="b", restored_from="a"),
                version("b", ago(days=1)),
                version("a", ago(days=9)),
            ]
        ),
        MOMENT,
        Renew,
    ),
    "put back, and not due": (
        seen(
            [
                own("c", ago(minutes=1), follows="b", restored_from="a"),
                version("b", ago(hours=1)),
                version("a", ago(days=3)),
            ]
        ),
        MOMENT,
        Leave,
    ),
    "put back twice": (
        seen(
            [
                own("d", ago(minutes=1), follows="c", restored_from="b"),
                version("c", ago(hours=1)),
                own("b", ago(hours=2), follows="x", restored_from="a"),
                version("a", ago(days=9)),
            ]
        ),
        MOMENT,
        Renew,
    ),
    "put back from a version that is gone": (
        seen([own("c", ago(hours=2), follows="b", restored_from="a")]),
        IN_USE,
        Leave,
    ),
    "put back, from versions that name each other: not followed for ever": (
        seen([own("c", ago(hours=2), restored_from="b"), own("b", ago(days=9), restored_from="c")]),
        IN_USE,
        Leave,
    ),
    # what is not essential does not come before
    "an orphan does not come before": (seen([DUE], [credential("c", made=ago(days=8)), ORPHAN]), IN_USE, Renew),
    "nor does the lock": (seen([DUE], is_locked=False), IN_USE, Renew),
    "an orphan alone is not a reason": (seen([SERVED], [*ALL_THREE[:1], ORPHAN], is_locked=False), IN_USE, Leave),
}


@pytest.mark.parametrize(("look", "now", "expected"), SECRETS.values(), ids=SECRETS)
def test_client_secret_step(look: Seen, now: Moment, expected: object) -> None:
    assert what(credential_step(look, now, RULES)) == expected


REASONS: dict[str, tuple[Seen, Moment, str]] = {
    "made just now and forced": (seen([own("c", JUST_NOW)]), FORCED_IN_USE, "Force it again after 12:55 UTC"),
    "not due": (seen([SERVED]), IN_USE, "Not due: the current version was stored at 2026-08-02 12:00 UTC"),
    "not used": (
        seen([DUE]),
        moment(restarted=None, outdated=("cippabc12", "cippabc12-proc")),
        "Restart 'cippabc12', 'cippabc12-proc' (ExecFunctionAppRestart)",
    ),
    "too many": (seen([DUE], live(6)), IN_USE, "6 client secrets of this app are on the app registration"),
    "too many, nothing to restart": (seen([DUE], live(7)), IN_USE, "A later run removes those"),
    "too many, one app is outdated": (seen([DUE], live(6)), moment(outdated=("cippabc12",)), "Restart 'cippabc12'"),
    "not verified": (seen([SERVED], validity=NOT_VERIFIED, refusal="Entra refused."), IN_USE, "yet. Entra refused."),
    "revoked": (seen([SERVED], validity=REVOKED, refusal="Entra refused."), IN_USE, "sign in. Entra refused."),
    "near": (near(ago(days=170), timedelta(days=10)), IN_USE, "2026-08-15"),
    "none": (seen([]), IN_USE, "The vault doesn't have a client secret"),
}


@pytest.mark.parametrize(("look", "now", "words"), REASONS.values(), ids=REASONS)
def test_client_secret_step_states_its_reason(look: Seen, now: Moment, words: str) -> None:
    assert words in credential_step(look, now, RULES).reason


SUPERSEDED: dict[str, tuple[Sequence[Version], Sequence[AppCredential], datetime | None]] = {
    "the first to expire": ([SERVED, NEW, OLD], ALL_THREE, ALL_THREE[2].ends),
    "none but the served one": ([SERVED], ALL_THREE, None),
    "one that has expired": ([SERVED, NEW], [ALL_THREE[0], credential("b", made=ago(days=38), left=0)], None),
    "one that expires in a second": (
        [SERVED, NEW],
        [ALL_THREE[0], AppCredential(id="key of b", starts=ago(days=38), ends=NOW + A_SECOND)],
        NOW + A_SECOND,
    ),
    "the served one was stored before, too": (
        [SERVED, own("b", ago(days=9), credential_id="KEY of c")],
        ALL_THREE,
        None,
    ),
    "Graph names the served one in capitals, and it was stored before, too": (
        [SERVED, own("b", ago(days=9), credential_id="key of c")],
        [AppCredential(id="KEY of C", starts=ago(days=9), ends=ago(days=-90), is_own=True)],
        None,
    ),
    "one that others stored": (
        [SERVED, version("t", ago(days=9), credential_id=NOT_OURS.id)],
        [ALL_THREE[0], NOT_OURS],
        NOT_OURS.ends,
    ),
}


@pytest.mark.parametrize(("versions", "on_app", "expected"), SUPERSEDED.values(), ids=SUPERSEDED)
def test_first_expiry_of_what_was_superseded(
    versions: Sequence[Version], on_app: Sequence[AppCredential], expected: datetime | None
) -> None:
    assert superseded_ends(seen(versions, on_app), NOW) == expected


def test_rules_of_the_client_secret() -> None:
    assert (RULES.noun, RULES.most_live, RULES.ages) == (phrases.CLIENT_SECRET, 6, True)
