"""What is done next with a refresh token, as a table: each rule, and which one comes first."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backend.rotation.lineage import Version
from backend.rotation.plan import (
    AppCredential,
    Disable,
    Leave,
    Moment,
    PutBack,
    Renew,
    Step,
    certificate_step,
    nears_its_end,
    token_step,
)
from tests.rotation.plan_cases import (
    A_SECOND,
    FORCED,
    FRESH,
    MOMENT,
    NOW,
    PREVIOUS,
    SUNDAY,
    ago,
    ours,
    told,
    version,
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
    "the previous one stays enabled": ([FRESH, PREVIOUS], MOMENT, Leave),
    "an older one of ours is disabled after the overlap": (
        [FRESH, ours("a", ago(days=30)), ours("o", ago(days=37))],
        MOMENT,
        (Disable, "o"),
    ),
    "but not before": (
        [FRESH, ours("a", ago(days=30) + A_SECOND), ours("o", ago(days=37))],
        MOMENT,
        Leave,
    ),
    "the oldest last": (
        [FRESH, ours("a", ago(days=30)), ours("o", ago(days=37)), ours("n", ago(days=44))],
        MOMENT,
        (Disable, "o"),
    ),
    "a disabled one is not disabled again": (
        [FRESH, ours("a", ago(days=30)), ours("o", ago(days=37), enabled=False), ours("n", ago(days=44))],
        MOMENT,
        (Disable, "n"),
    ),
    "theirs is never disabled": ([FRESH, ours("a", ago(days=30)), version("o", ago(days=37))], MOMENT, Leave),
    "renewing comes before disabling": (
        [ours("b", ago(days=8)), ours("a", ago(days=38)), ours("o", ago(days=45))],
        MOMENT,
        Renew,
    ),
}


@pytest.mark.parametrize(("versions", "moment", "expected"), TOKENS.values(), ids=TOKENS)
def test_a_refresh_token(versions: Sequence[Version], moment: Moment, expected: object) -> None:
    assert told(token_step(versions, moment)) == expected


@pytest.mark.parametrize(
    ("life", "left", "expected"),
    [(365, 45, False), (365, 44.99, True), (135, 44.99, True), (90, 44.99, False), (90, 29.99, True), (1, 0.33, True)],
)
def test_near_is_45_days_or_a_third_of_a_life_whichever_is_shorter(life: float, left: float, *, expected: bool) -> None:
    one = AppCredential(id="x", starts=NOW + timedelta(days=left - life), ends=NOW + timedelta(days=left))
    assert nears_its_end(one, NOW) is expected


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (token_step([version("a", ago(days=9))], MOMENT), "Due: the current version is of 2026-07-27 12:00 UTC"),
        (token_step([version("a", ago(days=1))], FORCED), "Forced: the current version is of 2026-08-04 12:00 UTC"),
        (token_step([version("a", ago(days=1))], MOMENT), "Not due: the current version is of 2026-08-04 12:00 UTC"),
        (certificate_step([], [], MOMENT, ends=None), "The vault holds no certificate yet."),
    ],
)
def test_a_step_says_why(step: Step, words: str) -> None:
    assert words in step.reason
