"""What is done next with the client secret, as a table: each rule, and which one comes first."""

from typing import Any

import pytest

from backend.rotation.lineage import Version
from backend.rotation.plan import (
    AppCredential,
    AppSeen,
    Disable,
    Leave,
    Lock,
    Moment,
    PutBack,
    Remove,
    Renew,
    client_secret_step,
)
from tests.rotation.plan_cases import (
    ALL_THREE,
    FORCED,
    JUST_NOW,
    LONG_AGO,
    MOMENT,
    NEW,
    NOT_OURS,
    NOW,
    OLD,
    ORPHAN,
    RESTARTED,
    SERVED,
    SUNDAY,
    THEIRS,
    YOUNG_ORPHAN,
    ago,
    credential,
    ours,
    told,
    version,
)

# The versions, what is on the app, the rest of what was seen, the moment, and the step.
SECRETS: dict[str, tuple[list[Version], list[AppCredential], dict[str, Any], Moment, object]] = {
    "the vault has none": ([], [], {}, MOMENT, Renew),
    "the vault has none: what is on the app is nobody's business yet": ([], [ORPHAN], {}, MOMENT, Renew),
    "made before the week began": ([ours("c", ago(days=4))], [], {}, MOMENT, Renew),
    "made in this week": ([SERVED], ALL_THREE[:1], {}, MOMENT, Leave),
    "never twice in a day": ([ours("c", ago(hours=23))], [], {}, Moment(now=NOW, due_before=NOW), Leave),
    "after a day": ([ours("c", ago(hours=24))], [], {}, Moment(now=NOW, due_before=NOW), Renew),
    "unless it is forced": ([ours("c", ago(hours=1))], [], {}, FORCED, Renew),
    # force makes at most one an hour
    "forced within the hour": ([ours("c", ago(minutes=59))], [], {}, FORCED, Leave),
    "forced within the hour, although it is due": (
        [ours("c", ago(minutes=59))],
        [],
        {},
        Moment(now=NOW, due_before=NOW, force=True),
        Leave,
    ),
    "forced, and one was made within the hour, and not stored": (
        [SERVED],
        [*ALL_THREE[:1], YOUNG_ORPHAN],
        {},
        FORCED,
        Leave,
    ),
    "forced, and others made and stored one within the hour": ([version("c", JUST_NOW)], [THEIRS], {}, FORCED, Renew),
    "forced, and one was put back within the hour": (
        [ours("c", JUST_NOW, follows="b", restored_from="b"), ours("b", ago(days=3))],
        [],
        {},
        FORCED,
        Renew,
    ),
    "theirs is judged like ours": ([version("c", ago(days=4))], [], {}, MOMENT, Renew),
    "theirs of today is left": ([version("c", ago(hours=1))], [NOT_OURS], {}, MOMENT, Leave),
    # near its end
    "less than 45 days are left": ([SERVED], [credential("c", made=ago(days=3), left=44.9)], {}, MOMENT, Leave),
    "less than 45 days of half a year": ([SERVED], [credential("c", made=ago(days=136), left=44)], {}, MOMENT, Renew),
    "45 days of half a year": ([SERVED], [credential("c", made=ago(days=135), left=45)], {}, MOMENT, Leave),
    "less than a third of a short life": ([SERVED], [credential("c", made=ago(days=21), left=9)], {}, MOMENT, Renew),
    "a third of a short life": ([SERVED], [credential("c", made=ago(days=20), left=10)], {}, MOMENT, Leave),
    "near its end, but made today": (
        [ours("c", ago(hours=23))],
        [credential("c", made=ago(hours=23), left=0.4)],
        {},
        MOMENT,
        Leave,
    ),
    "it would not outlive the day in which it may not be made again": (
        [ours("c", ago(hours=17))],
        [credential("c", made=ago(hours=17), left=7 / 24)],
        {},
        MOMENT,
        Renew,
    ),
    "a short one is not made anew at once": (
        [ours("c", ago(hours=1))],
        [credential("c", made=ago(hours=1), left=22 / 24)],
        {},
        MOMENT,
        Leave,
    ),
    # it does not sign in
    "it does not sign in, an earlier one does": (
        [SERVED, NEW],
        ALL_THREE,
        {"signs_in": False, "earlier": "b"},
        MOMENT,
        (PutBack, "b"),
    ),
    "that comes before all else": (
        [SERVED, NEW],
        [*ALL_THREE, ORPHAN],
        {"signs_in": False, "earlier": "b"},
        FORCED,
        (PutBack, "b"),
    ),
    "none signs in": ([SERVED, NEW], ALL_THREE[:2], {"signs_in": False}, MOMENT, Renew),
    "none signs in, and it was made an hour ago": (
        [ours("c", ago(hours=1))],
        [],
        {"signs_in": False},
        MOMENT,
        Renew,
    ),
    "none signs in, but an orphan goes first, since its place may be needed": (
        [SERVED, NEW],
        [ORPHAN],
        {"signs_in": False},
        MOMENT,
        (Remove, "key of nothing"),
    ),
    "someone else's under ours comes before an earlier one": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        [],
        {"signs_in": False, "earlier": "a"},
        MOMENT,
        (PutBack, "b"),
    ),
    # one that was put back is as old as it was
    "put back, and due": (
        [
            ours("c", ago(minutes=1), follows="b", restored_from="a"),
            version("b", ago(days=1)),
            version("a", ago(days=9)),
        ],
        [],
        {},
        MOMENT,
        Renew,
    ),
    "put back, and not due": (
        [
            ours("c", ago(minutes=1), follows="b", restored_from="a"),
            version("b", ago(hours=1)),
            version("a", ago(days=3)),
        ],
        [],
        {},
        MOMENT,
        Leave,
    ),
    "put back twice": (
        [
            ours("d", ago(minutes=1), follows="c", restored_from="b"),
            version("c", ago(hours=1)),
            ours("b", ago(hours=2), follows="x", restored_from="a"),
            version("a", ago(days=9)),
        ],
        [],
        {},
        MOMENT,
        Renew,
    ),
    "put back from a version that is gone": (
        [ours("c", ago(hours=2), follows="b", restored_from="a")],
        [],
        {},
        MOMENT,
        Leave,
    ),
    # orphans
    "an orphan": ([SERVED], [*ALL_THREE[:1], ORPHAN], {}, MOMENT, (Remove, "key of nothing")),
    "an orphan of the last half hour may be about to be stored": (
        [SERVED],
        [*ALL_THREE[:1], YOUNG_ORPHAN],
        {},
        MOMENT,
        Leave,
    ),
    "an orphan comes before force": ([SERVED], [*ALL_THREE[:1], ORPHAN], {}, FORCED, (Remove, "key of nothing")),
    "no version names it, but it is not ours": ([SERVED], [*ALL_THREE[:1], NOT_OURS], {}, MOMENT, Leave),
    "a disabled version names it": (
        [SERVED, ours("b", ago(days=38), enabled=False)],
        ALL_THREE[:2],
        {},
        MOMENT,
        Leave,
    ),
    "whatever the case of the name": (
        [ours("c", ago(days=3), credential_id="KEY of C")],
        ALL_THREE[:1],
        {},
        MOMENT,
        Leave,
    ),
    "someone's later version may hold it": (
        [version("t", ago(minutes=5)), SERVED],
        [*ALL_THREE[:1], ORPHAN],
        {},
        MOMENT,
        Leave,
    ),
    "someone's earlier version cannot": (
        [SERVED, version("t", ago(days=38))],
        [*ALL_THREE[:1], ORPHAN],
        {},
        MOMENT,
        (Remove, "key of nothing"),
    ),
    "nor one that surely holds none of the app's": (
        [version("t", ago(minutes=5), credential_id=""), SERVED],
        [*ALL_THREE[:1], ORPHAN],
        {},
        MOMENT,
        (Remove, "key of nothing"),
    ),
    # what was superseded
    "superseded long ago, and everything restarted": (
        [SERVED, NEW, OLD],
        ALL_THREE,
        {},
        RESTARTED,
        (Remove, "key of a"),
    ),
    "superseded, but within the overlap": ([SERVED, NEW], ALL_THREE[:2], {}, RESTARTED, Leave),
    "superseded long ago, but restarted before that": (
        [SERVED, NEW, OLD],
        ALL_THREE,
        {},
        Moment(now=NOW, due_before=SUNDAY, restarted=ago(days=38)),
        (Disable, "a"),
    ),
    "superseded long ago, but nobody knows of a restart": (
        [SERVED, NEW, OLD],
        ALL_THREE,
        {},
        MOMENT,
        (Disable, "a"),
    ),
    "its own end is reached: nobody can hold it": (
        [SERVED, NEW],
        [ALL_THREE[0], credential("b", made=ago(days=38), left=-1)],
        {},
        MOMENT,
        (Remove, "key of b"),
    ),
    "someone else's is never removed, ended or not": (
        [SERVED, version("b", ago(days=38), credential_id="key of b")],
        [ALL_THREE[0], credential("b", made=ago(days=38), left=-1, is_ours=False)],
        {},
        RESTARTED,
        Leave,
    ),
    "ours under theirs goes like any other": (
        [version("t", ago(days=31), credential_id="another"), NEW],
        [NOT_OURS, ALL_THREE[1]],
        {},
        Moment(now=NOW, due_before=ago(days=40), restarted=ago(days=2)),
        (Remove, "key of b"),
    ),
    "while nobody knows what is served, nothing is removed": (
        [version("t", ago(days=1)), NEW],
        ALL_THREE[1:2],
        {},
        RESTARTED,
        Leave,
    ),
    "one that is served again is none of the old ones": (
        [ours("d", ago(days=1), follows="b", restored_from="a", credential_id="key of a"), NEW, OLD],
        ALL_THREE[1:],
        {},
        Moment(now=NOW, due_before=ago(days=60), restarted=ago(hours=1)),
        (Disable, "a"),
    ),
    # the rest
    "an old version of ours": (
        [SERVED, ours("b", ago(days=30)), ours("a", ago(days=45))],
        ALL_THREE[:2],
        {},
        LONG_AGO,
        (Disable, "a"),
    ),
    "the app is not locked": ([SERVED], ALL_THREE[:1], {"is_locked": False}, MOMENT, Lock),
    "first the key, then the lock": (
        [ours("c", ago(days=9))],
        ALL_THREE[:1],
        {"is_locked": False},
        MOMENT,
        Renew,
    ),
}


@pytest.mark.parametrize(("versions", "on_app", "seen", "moment", "expected"), SECRETS.values(), ids=SECRETS)
def test_a_client_secret(
    versions: list[Version], on_app: list[AppCredential], seen: dict[str, Any], moment: Moment, expected: object
) -> None:
    assert told(client_secret_step(versions, AppSeen(credentials=on_app, **seen), moment)) == expected


@pytest.mark.parametrize(("moment", "words"), [(FORCED, "at most one an hour"), (MOMENT, "Not due")])
def test_client_secret_just_made_has_its_reason(moment: Moment, words: str) -> None:
    step = client_secret_step([ours("c", JUST_NOW)], AppSeen(credentials=[]), moment)
    assert (type(step), words in step.reason) == (Leave, True)
