"""The essential step for a refresh token, as a table: each rule, and which one comes first."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backend.rotation.lineage import Version
from backend.rotation.plan import AppCredential, Leave, Moment, PutBack, Renew, Step, third_of_life, token_step
from tests.rotation.plan_cases import (
    A_SECOND,
    FORCED,
    MOMENT,
    NOW,
    SUNDAY,
    UNDER,
    ago,
    ours,
    version,
    what,
)

TOKENS = {
    "made before the week began: due": ([version("a", SUNDAY - A_SECOND)], MOMENT, Renew),
    "made in its first second: not due": ([version("a", SUNDAY)], MOMENT, Leave),
    "ours is judged like anyone's": ([ours("a", SUNDAY - A_SECOND)], MOMENT, Renew),
    "forced, though not due": ([version("a", ago(hours=1))], FORCED, Renew),
    "disabled by someone: due all the same, and the run says why it fails": (
        [version("a", ago(days=9), enabled=False)],
        MOMENT,
        Renew,
    ),
    "someone stored between our look and our write": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        MOMENT,
        (PutBack, "b"),
    ),
    "putting theirs back comes before force": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        FORCED,
        (PutBack, "b"),
    ),
    "of several, the newest": (
        [
            ours("d", ago(minutes=1), follows="a"),
            version("c", ago(minutes=2)),
            version("b", ago(minutes=3)),
            version("a", ago(days=9)),
        ],
        MOMENT,
        (PutBack, "c"),
    ),
    "theirs does not sign in: ours stays": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2), dead=True), version("a", ago(days=9))],
        MOMENT,
        Leave,
    ),
    "theirs was disabled again: ours stays": (
        [
            ours("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=2), enabled=False),
            version("a", ago(days=9)),
        ],
        MOMENT,
        Leave,
    ),
    "theirs in the same second as ours of before": (
        [ours("c", ago(minutes=1), follows="a"), ours("a", ago(minutes=2)), version("b", ago(minutes=2))],
        MOMENT,
        (PutBack, "b"),
    ),
    "what ours of before followed came before it, in the same second or not": (
        [ours("c", ago(minutes=2), follows="b"), ours("b", ago(minutes=2), follows="a"), version("a", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "two of theirs in one second, ours on one of them: nobody can tell, and it is left": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "theirs was put back: it lies under itself and under ours, and that is all right": (
        [
            ours("d", ago(minutes=1), follows="c", restored_from="b"),
            ours("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=1)),
            version("a", ago(days=9)),
        ],
        MOMENT,
        Leave,
    ),
    "theirs on top of ours": (
        [version("b", ago(minutes=1)), ours("a", ago(minutes=2), follows="x")],
        MOMENT,
        Leave,
    ),
    "others copied the tags of this app's version": (
        [version("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=2))],
        MOMENT,
        Leave,
    ),
    "another run of this app stored under this one": (
        [ours("c", ago(minutes=1), follows="a"), ours("b", ago(minutes=2), follows="a"), version("a", ago(days=9))],
        MOMENT,
        Leave,
    ),
    "the version it follows is gone, and others stored in the same second": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=1))],
        MOMENT,
        Leave,
    ),
    "what ours follows is gone: nobody knows what lies between": (
        [ours("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "nothing was there when we looked, and someone stored before we did": (
        [ours("b", ago(minutes=1), looked=ago(minutes=1)), version("a", ago(minutes=1))],
        MOMENT,
        (PutBack, "a"),
    ),
    "what lies under ours was recovered with the name": (
        [ours("b", ago(minutes=1), looked=ago(minutes=1)), version("a", ago(days=4))],
        MOMENT,
        Leave,
    ),
    "renewing comes before disabling": (
        [ours("b", ago(days=8)), ours("a", ago(days=38)), ours("o", ago(days=45))],
        MOMENT,
        Renew,
    ),
}


@pytest.mark.parametrize(("versions", "moment", "expected"), TOKENS.values(), ids=TOKENS)
def test_token_step(versions: Sequence[Version], moment: Moment, expected: object) -> None:
    assert what(token_step(versions, moment)) == expected


REFUSED_TOKENS = {
    "it is not due: renewed by an earlier one": ([version("a", ago(days=1))], MOMENT, Renew),
    "others' version under this app's is put back first": (UNDER, MOMENT, (PutBack, "b")),
}


@pytest.mark.parametrize(("versions", "moment", "expected"), REFUSED_TOKENS.values(), ids=REFUSED_TOKENS)
def test_token_step_when_it_does_not_sign_in(versions: list[Version], moment: Moment, expected: object) -> None:
    assert what(token_step(versions, moment, signs_in=False)) == expected


@pytest.mark.parametrize(("life", "expected"), [(365, 45), (135, 45), (134.25, 44.75), (90, 30), (1, 1 / 3)])
def test_near_is_45_days_or_a_third_of_a_life_whichever_is_shorter(life: float, expected: float) -> None:
    one = AppCredential(id="x", starts=NOW, ends=NOW + timedelta(days=life))
    assert third_of_life(one) == timedelta(days=expected)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (token_step([version("a", ago(days=9))], MOMENT), "Due: the current version is of 2026-07-27 12:00 UTC"),
        (token_step([version("a", ago(days=1))], FORCED), "Forced: the current version is of 2026-08-04 12:00 UTC"),
        (token_step([version("a", ago(days=1))], MOMENT), "Not due: the current version is of 2026-08-04 12:00 UTC"),
        (token_step([version("a", ago(days=1))], MOMENT, signs_in=False), "does not sign in"),
        (token_step(UNDER, MOMENT), "version b lies under"),
    ],
)
def test_token_step_states_its_reason(step: Step, words: str) -> None:
    assert words in step.reason
