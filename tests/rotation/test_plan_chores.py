"""What is tidied after the essential step, as tables: what is removed, disabled and locked, and in which order."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from backend.rotation.planning.plan import (
    AppCredential,
    Disable,
    Lock,
    Moment,
    Remove,
    Rules,
    Seen,
    credential_chores,
    version_chores,
)
from backend.rotation.planning.version_history import Version
from backend.rotation.running.client_secret import ClientSecretKind, SignInSecretKind
from backend.rotation.running.sam_certificate import CertificateKind
from tests.support import phrases
from tests.support.rotation.plan_cases import (
    A_SECOND,
    ALL_THREE,
    MOMENT,
    NEW,
    NOT_OURS,
    NOT_VERIFIED,
    NOW,
    OLD,
    ORPHAN,
    REVOKED,
    SERVED,
    YOUNG_ORPHAN,
    ago,
    all_of,
    credential,
    moment,
    own,
    seen,
    version,
)

SECRET = ClientSecretKind.rules
CERTIFICATE = CertificateKind.rules
THE_ORPHAN = (Remove, "key of nothing")
FRESH = own("b", ago(days=3), follows="a")
MONTH = timedelta(days=30)  # the overlap
RESTARTED = moment(restarted=ago(days=2))


def superseded(at: datetime, *, ends: datetime = NOW + timedelta(days=90), is_own: bool = True) -> Seen:
    """Return a look in which one credential was superseded then."""
    old = AppCredential(id="key of b", starts=ago(days=90), ends=ends, is_own=is_own)
    return seen([own("c", at), own("b", ago(days=90))], [credential("c", made=at), old])


ORPHANS: dict[str, tuple[Seen, Moment, list[object]]] = {
    "of more than half an hour": (seen([SERVED], [*ALL_THREE[:1], ORPHAN]), MOMENT, [THE_ORPHAN]),
    "of half an hour, which may be about to be stored": (
        seen([SERVED], [*ALL_THREE[:1], YOUNG_ORPHAN]),
        MOMENT,
        [],
    ),
    "two of them": (
        seen([SERVED], [ORPHAN, *ALL_THREE[:1], credential("no one", made=ago(days=1))]),
        MOMENT,
        [THE_ORPHAN, (Remove, "key of no one")],
    ),
    "created by others": (seen([SERVED], [*ALL_THREE[:1], NOT_OURS]), MOMENT, []),
    "expired": (
        seen([SERVED], [*ALL_THREE[:1], credential("nothing", made=ago(days=90), left=-1)]),
        MOMENT,
        [THE_ORPHAN],
    ),
    "a disabled version names it": (
        seen([SERVED, own("b", ago(days=38), enabled=False)], ALL_THREE[:2]),
        MOMENT,
        [],
    ),
    "case-insensitive": (seen([own("c", ago(days=3), credential_id="KEY of C")], ALL_THREE[:1]), MOMENT, []),
    "others' later version may hold it": (
        seen([version("t", ago(minutes=5)), SERVED], [*ALL_THREE[:1], ORPHAN]),
        MOMENT,
        [],
    ),
    "others' version of the same second may hold it": (
        seen([SERVED, version("t", ORPHAN.starts)], [*ALL_THREE[:1], ORPHAN]),
        MOMENT,
        [],
    ),
    "others' version of a second before can't": (
        seen([SERVED, version("t", ORPHAN.starts - A_SECOND)], [*ALL_THREE[:1], ORPHAN]),
        MOMENT,
        [THE_ORPHAN],
    ),
    "nor can one that surely holds none of the app's": (
        seen([version("t", ago(minutes=5), credential_id=""), SERVED], [*ALL_THREE[:1], ORPHAN]),
        MOMENT,
        [THE_ORPHAN],
    ),
    "the vault has no version": (seen([], [ORPHAN]), MOMENT, []),
    "the served one is revoked": (seen([SERVED], [ORPHAN], validity=REVOKED), MOMENT, [THE_ORPHAN]),
    "the served one is not verified yet": (seen([SERVED], [ORPHAN], validity=NOT_VERIFIED), MOMENT, [THE_ORPHAN]),
}


@pytest.mark.parametrize("rules", [SECRET, CERTIFICATE], ids=lambda rules: rules.noun)
@pytest.mark.parametrize(("look", "now", "expected"), ORPHANS.values(), ids=ORPHANS)
def test_credential_that_no_version_names(look: Seen, now: Moment, expected: list[object], rules: Rules) -> None:
    assert all_of(credential_chores(look, now, rules)) == expected


LATE = seen([SERVED, NEW, OLD], ALL_THREE)  # a was superseded 38 days ago
REMOVE_B: list[object] = [(Remove, "key of b")]
SUPERSEDED: dict[str, tuple[Seen, Moment, list[object]]] = {
    "the overlap is over": (superseded(ago(days=30)), moment(), REMOVE_B),
    "a second less": (superseded(ago(days=30) + A_SECOND), moment(), []),
    "restarted in the second in which it was superseded": (
        superseded(ago(days=31)),
        moment(restarted=ago(days=31)),
        [],
    ),
    "restarted a second later": (superseded(ago(days=31)), moment(restarted=ago(days=31) + A_SECOND), REMOVE_B),
    "no restart is known": (superseded(ago(days=31)), MOMENT, []),
    "another overlap": (superseded(ago(days=7)), moment(overlap=timedelta(days=7)), REMOVE_B),
    "it expires now, so that no app can run with it": (superseded(ago(days=3), ends=NOW), MOMENT, REMOVE_B),
    "it expires in a second": (superseded(ago(days=3), ends=NOW + A_SECOND), MOMENT, []),
    "others created it": (superseded(ago(days=40), ends=NOW, is_own=False), moment(), []),
    "the oldest of three": (LATE, RESTARTED, [(Remove, "key of a"), (Disable, "a")]),
    "under others' version": (
        seen([version("t", ago(days=31), credential_id=NOT_OURS.id), NEW], [NOT_OURS, ALL_THREE[1]]),
        RESTARTED,
        REMOVE_B,
    ),
    "the served one is unknown": (seen([version("t", ago(days=31)), NEW], ALL_THREE[1:2]), RESTARTED, []),
    "the served one is not on Graph's list": (
        seen([version("t", ago(days=31), credential_id=""), NEW], ALL_THREE[1:2]),
        RESTARTED,
        [],
    ),
    "the served one is not verified yet": (
        seen([SERVED, NEW, OLD], ALL_THREE, validity=NOT_VERIFIED),
        RESTARTED,
        [(Disable, "a")],
    ),
    "the served one is revoked": (
        seen([SERVED, NEW, OLD], ALL_THREE, validity=REVOKED),
        RESTARTED,
        [(Disable, "a")],
    ),
    "served again": (
        seen(
            [own("d", ago(days=31), follows="b", restored_from="a", credential_id="KEY of a"), NEW, OLD],
            ALL_THREE[1:],
        ),
        RESTARTED,
        [(Remove, "key of b"), (Disable, "a")],
    ),
    "superseded twice, for the last time within the overlap": (
        seen(
            [own("d", ago(days=1)), own("e", ago(days=2), credential_id="key of a"), NEW, OLD],
            [credential("d", made=ago(days=1)), ALL_THREE[2]],
        ),
        RESTARTED,
        [(Disable, "a")],
    ),
    "one that no version of this app stored": (
        seen([SERVED, version("b", ago(days=90), credential_id="key of b")], ALL_THREE[:2]),
        moment(overlap=timedelta(days=3)),
        REMOVE_B,
    ),
}


@pytest.mark.parametrize("rules", [SECRET, CERTIFICATE], ids=lambda rules: rules.noun)
@pytest.mark.parametrize(("look", "now", "expected"), SUPERSEDED.values(), ids=SUPERSEDED)
def test_superseded_credential(look: Seen, now: Moment, expected: list[object], rules: Rules) -> None:
    assert all_of(credential_chores(look, now, rules)) == expected


def stored(*days: float) -> tuple[list[Version], list[AppCredential]]:
    """Return this app's versions of so many days ago, the newest first, and the credential of each.

    Nothing of them is over: the overlap of the cases below is longer.
    """
    versions = [own(f"v{index}", ago(days=age)) for index, age in enumerate(days)]
    return versions, [credential(f"v{index}", made=ago(days=age)) for index, age in enumerate(days)]


LONG = timedelta(days=400)
MOST = {"three certificates": (CERTIFICATE, (3, 9, 20)), "six client secrets": (SECRET, (1, 2, 4, 9, 15, 22))}


@pytest.mark.parametrize(("rules", "days"), MOST.values(), ids=MOST)
def test_as_many_as_there_may_be_are_kept(rules: Rules, days: Sequence[float]) -> None:
    assert credential_chores(seen(*stored(*days)), moment(overlap=LONG), rules) == []


EXCESS: dict[str, tuple[Rules, Seen, datetime | None, list[str]]] = {
    "one more: the one that was served for the shortest time": (CERTIFICATE, seen(*stored(1, 5, 6, 20)), None, ["v2"]),
    "two more": (CERTIFICATE, seen(*stored(1, 5, 6, 8, 20)), None, ["v2", "v3"]),
    "first one from before the last restart": (CERTIFICATE, seen(*stored(1, 2, 4, 30)), ago(days=3), ["v3"]),
    "superseded in the second of the last restart counts as after it": (
        CERTIFICATE,
        seen(*stored(1, 2, 4, 30)),
        ago(days=4),
        ["v2"],
    ),
    "of several from before it, the shortest": (CERTIFICATE, seen(*stored(1, 9, 12, 30)), NOW, ["v2"]),
    "a seventh client secret": (SECRET, seen(*stored(1, 3, 7, 8, 15, 22, 29)), None, ["v3"]),
    "neither the served one nor the one before it": (CERTIFICATE, seen(*stored(0, 1, 14, 28)), None, ["v2"]),
}


@pytest.mark.parametrize(("rules", "look", "restarted", "expected"), EXCESS.values(), ids=EXCESS)
def test_more_than_there_may_be(rules: Rules, look: Seen, restarted: datetime | None, expected: list[str]) -> None:
    chores = credential_chores(look, moment(overlap=LONG, restarted=restarted), rules)
    steps = [step for step in chores if isinstance(step, Remove)]
    assert all_of(steps) == [(Remove, f"key of {name}") for name in expected]
    assert all(phrases.AT_MOST in step.reason for step in steps)


BEFORE_FIRST: dict[str, tuple[AppCredential, datetime | None, bool]] = {
    "its version may be purged, and in use": (credential("nothing", made=ago(days=10)), NOW, False),
    "the overlap is over, and it is not in use": (credential("nothing", made=ago(days=31)), NOW, True),
    "the overlap is over, and what is in use is unknown": (credential("nothing", made=ago(days=31)), None, False),
    "it expired": (credential("nothing", made=ago(days=10), left=-1), None, True),
    "it was never stored": (credential("nothing", made=ago(days=2)), None, True),
}


@pytest.mark.parametrize(("orphan", "used", "is_removed"), BEFORE_FIRST.values(), ids=BEFORE_FIRST)
def test_unnamed_secret_of_the_sign_in_stays_while_it_may_be_used(
    orphan: AppCredential, used: datetime | None, *, is_removed: bool
) -> None:
    look = seen([FRESH], [credential("b", made=ago(days=3)), orphan])
    chores = credential_chores(look, moment(overlap=MONTH, restarted=used), SignInSecretKind.rules)
    assert all_of(chores) == ([(Remove, orphan.id)] if is_removed else [])


def test_credentials_due_for_removal_make_room_before_others() -> None:
    versions, on_app = stored(1, 5, 6, 20)
    orphan = [*on_app, ORPHAN]
    assert len(credential_chores(seen(versions, orphan), moment(overlap=LONG), CERTIFICATE)) == 2
    expired = [*on_app[:3], credential("v3", made=ago(days=20), left=0)]
    assert all_of(credential_chores(seen(versions, expired), moment(), CERTIFICATE)) == [(Remove, "key of v3")]
    over = moment(overlap=timedelta(days=6))
    assert all_of(credential_chores(seen(versions, on_app), over, CERTIFICATE))[0] == (Remove, "key of v3")
    of_others = [*on_app[:3], credential("v3", made=ago(days=20), is_own=False)]
    assert credential_chores(seen(versions, of_others), moment(overlap=LONG), CERTIFICATE) == []


def test_young_credential_that_no_version_names_counts_but_stays() -> None:
    versions, on_app = stored(1, 5, 20)
    steps = credential_chores(seen(versions, [*on_app, YOUNG_ORPHAN]), moment(overlap=LONG), CERTIFICATE)
    assert all_of(steps) == [(Remove, "key of v2")]


VERSIONS: dict[str, tuple[list[Version], Moment, list[object]]] = {
    "the served and the previous one stay": ([FRESH, own("a", ago(days=90))], MOMENT, []),
    "an older one, when the overlap is over": (
        [FRESH, own("a", ago(days=30)), own("o", ago(days=37))],
        MOMENT,
        [(Disable, "o")],
    ),
    "a second less": ([FRESH, own("a", ago(days=30) + A_SECOND), own("o", ago(days=37))], MOMENT, []),
    "each of several": (
        [FRESH, own("a", ago(days=30)), own("o", ago(days=37)), own("n", ago(days=44))],
        MOMENT,
        [(Disable, "o"), (Disable, "n")],
    ),
    "one that is disabled": (
        [FRESH, own("a", ago(days=30)), own("o", ago(days=37), enabled=False), own("n", ago(days=44))],
        MOMENT,
        [(Disable, "n")],
    ),
    "others'": ([FRESH, own("a", ago(days=30)), version("o", ago(days=37))], MOMENT, []),
    "this app's, under others'": (
        [version("t", ago(days=3)), version("s", ago(days=30)), own("o", ago(days=37))],
        MOMENT,
        [(Disable, "o")],
    ),
    "none": ([], MOMENT, []),
}


@pytest.mark.parametrize(("versions", "now", "expected"), VERSIONS.values(), ids=VERSIONS)
def test_version_chores(versions: list[Version], now: Moment, expected: list[object]) -> None:
    assert all_of(version_chores(versions, now)) == expected


def test_chores_come_in_their_order() -> None:
    look = seen([SERVED, NEW, OLD], [*ALL_THREE, ORPHAN], is_locked=False)
    steps = credential_chores(look, RESTARTED, SECRET)
    assert all_of(steps) == [THE_ORPHAN, (Remove, "key of a"), (Disable, "a"), Lock]


def test_app_that_is_locked_is_not_locked_again() -> None:
    assert credential_chores(seen([SERVED], ALL_THREE[:1]), MOMENT, SECRET) == []
    assert all_of(credential_chores(seen([SERVED], ALL_THREE[:1], is_locked=False), MOMENT, SECRET)) == [Lock]
    assert credential_chores(seen([], is_locked=False), MOMENT, SECRET) == []


def test_superseded_credential_stays_when_a_later_version_may_hold_it() -> None:
    old = AppCredential(id="key of b", starts=ago(days=90), ends=NOW + timedelta(days=9), is_own=True)
    by_others = version("x", ago(days=40), enabled=False)  # disabled, so what it holds is not known
    versions = [own("c", ago(days=20)), by_others, own("b", ago(days=90))]
    served = credential("c", made=ago(days=20))
    assert removals(seen(versions, [served, old])) == []
    expired = AppCredential(id="key of b", starts=ago(days=90), ends=NOW, is_own=True)
    assert removals(seen(versions, [served, expired])) == ["key of b"]
    versions[0] = own("c", ago(days=35))  # its overlap is over, too, and CIPP has restarted
    assert removals(seen(versions, [served, old])) == ["key of b"]


def test_superseded_credential_stays_when_a_version_far_above_may_hold_it() -> None:
    old = AppCredential(id="key of b", starts=ago(days=90), ends=NOW + timedelta(days=9), is_own=True)
    by_others = version("x", ago(days=36), enabled=False)
    between = version("m", ago(days=40), credential_id="key of m")
    look = seen(
        [own("c", ago(days=29)), by_others, between, own("b", ago(days=90))],
        [credential("c", made=ago(days=29)), old],
    )
    assert removals(look) == []


def removals(look: Seen) -> list[str]:
    return [step.credential_id for step in credential_chores(look, RESTARTED, SECRET) if isinstance(step, Remove)]
