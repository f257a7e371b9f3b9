"""The essential step for a refresh token, as a table: each rule, and which one comes first."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backend.rotation.planning.plan import AppCredential, Leave, Moment, PutBack, Renew, Step, third_of_life, token_step
from backend.rotation.planning.version_history import Version
from tests.support import phrases
from tests.support.rotation.plan_cases import A_SECOND, FORCED, MOMENT, NOW, SUNDAY, UNDER, ago, own, version, what

TOKENS = {
    "made before the week began: due": ([version("a", SUNDAY - A_SECOND)], MOMENT, Renew),
    "made in its first second: not due": ([version("a", SUNDAY)], MOMENT, Leave),
    "own version is planned like one by others": ([own("a", SUNDAY - A_SECOND)], MOMENT, Renew),
    "forced, though not due": ([version("a", ago(hours=1))], FORCED, Renew),
    "disabled by others: still due, and the run reports why it fails": (
        [version("a", ago(days=9), enabled=False)],
        MOMENT,
        Renew,
    ),
    "others stored between the read and the write": (
        [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        MOMENT,
        (PutBack, "b"),
    ),
    "restoring a version of others comes before force": (
        [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=9))],
        FORCED,
        (PutBack, "b"),
    ),
    "of several, the newest": (
        [
            own("d", ago(minutes=1), follows="a"),
            version("c", ago(minutes=2)),
            version("b", ago(minutes=3)),
            version("a", ago(days=9)),
        ],
        MOMENT,
        (PutBack, "c"),
    ),
    "version of others can't sign in: own version stays": (
        [
            own("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=2), is_refused=True),
            version("a", ago(days=9)),
        ],
        MOMENT,
        Leave,
    ),
    "version of others was disabled again: own version stays": (
        [
            own("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=2), enabled=False),
            version("a", ago(days=9)),
        ],
        MOMENT,
        Leave,
    ),
    "version of others in the same second as the earlier own one": (
        [own("c", ago(minutes=1), follows="a"), own("a", ago(minutes=2)), version("b", ago(minutes=2))],
        MOMENT,
        (PutBack, "b"),
    ),
    "what the earlier own version followed came before it, in the same second or not": (
        [own("c", ago(minutes=2), follows="b"), own("b", ago(minutes=2), follows="a"), version("a", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "two of others in one second, own version over one of them: unknown, and it is left": (
        [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "version of others was restored and is older than itself and the own one": (
        [
            own("d", ago(minutes=1), follows="c", restored_from="b"),
            own("c", ago(minutes=1), follows="a"),
            version("b", ago(minutes=1)),
            version("a", ago(days=9)),
        ],
        MOMENT,
        Leave,
    ),
    "version of others over the own one": (
        [version("b", ago(minutes=1)), own("a", ago(minutes=2), follows="x")],
        MOMENT,
        Leave,
    ),
    "others copied the tags of this app's version": (
        [version("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2)), version("a", ago(days=2))],
        MOMENT,
        Leave,
    ),
    "another run of this app stored under this one": (
        [own("c", ago(minutes=1), follows="a"), own("b", ago(minutes=2), follows="a"), version("a", ago(days=9))],
        MOMENT,
        Leave,
    ),
    "the version it follows is gone, and others stored in the same second": (
        [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=1))],
        MOMENT,
        Leave,
    ),
    "followed version is missing: what came between is unknown": (
        [own("c", ago(minutes=1), follows="a"), version("b", ago(minutes=2))],
        MOMENT,
        Leave,
    ),
    "vault had none at the read, and others stored before the run did": (
        [own("b", ago(minutes=1), looked=ago(minutes=1)), version("a", ago(minutes=1))],
        MOMENT,
        (PutBack, "a"),
    ),
    "overwritten version was recovered with the name": (
        [own("b", ago(minutes=1), looked=ago(minutes=1)), version("a", ago(days=4))],
        MOMENT,
        Leave,
    ),
    "renewing comes before disabling": (
        [own("b", ago(days=8)), own("a", ago(days=38)), own("o", ago(days=45))],
        MOMENT,
        Renew,
    ),
}


@pytest.mark.parametrize(("versions", "moment", "expected"), TOKENS.values(), ids=TOKENS)
def test_token_step_follows_the_table_of_cases(versions: Sequence[Version], moment: Moment, expected: object) -> None:
    assert what(token_step(versions, moment)) == expected


REFUSED_TOKENS = {
    "it is not due: renewed by an earlier one": ([version("a", ago(days=1))], MOMENT, Renew),
    "others' version under this app's is put back first": (UNDER, MOMENT, (PutBack, "b")),
}


@pytest.mark.parametrize(("versions", "moment", "expected"), REFUSED_TOKENS.values(), ids=REFUSED_TOKENS)
def test_token_step_follows_the_table_when_the_token_is_refused(
    versions: list[Version], moment: Moment, expected: object
) -> None:
    assert what(token_step(versions, moment, signs_in=False)) == expected


@pytest.mark.parametrize(("life", "expected"), [(365, 45), (135, 45), (134.25, 44.75), (90, 30), (1, 1 / 3)])
def test_expiry_is_near_within_45_days_or_a_third_of_the_lifetime(life: float, expected: float) -> None:
    one = AppCredential(id="x", starts=NOW, ends=NOW + timedelta(days=life))
    assert third_of_life(one) == timedelta(days=expected)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (token_step([version("a", ago(days=9))], MOMENT), f"Due: {phrases.STORED_AT} 2026-07-27"),
        (token_step([version("a", ago(days=1))], FORCED), f"Forced: {phrases.STORED_AT} 2026-08-04"),
        (token_step([version("a", ago(days=1))], MOMENT), f"Not due: {phrases.STORED_AT} 2026-08-04"),
        (token_step([version("a", ago(days=1))], MOMENT, signs_in=False), phrases.CANT_SIGN_IN),
        (token_step(UNDER, MOMENT), f"{phrases.OVERWROTE} b"),
    ],
)
def test_token_step_states_its_reason(step: Step, words: str) -> None:
    assert words in step.reason
