"""Odd responses: values that Azure omits, nulls, retypes or adds break no call or timer, grant no access, lose no key.

`make test-full` applies a seeded sample of edits, several at a time, and `make test` a quarter of it. `make soak`
applies every edit by itself. `ODD_RESPONSES=2/30` applies those of the third of 30 nights by themselves.
"""

import os
from collections.abc import Sequence

import pytest

from tests.support.odd_responses import QUICK, Odd, OddResponse, Recording, Source
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import chosen

SHARE = os.environ.get("ODD_RESPONSES", "")
ALL = bool(SHARE)
PARTS = 200 if ALL else chosen(reduced=4, full=10)  # each part records the responses first
SAMPLE = chosen(reduced=120, full=300)
TOGETHER = 1 if ALL else 7  # edits of different responses
DUE, NOT_DUE = 40, 1  # how many days ago the keys were stored
TABLES = "127.0.0.1"
SEED = "one odd value"


def parts_of(share: str, parts: int) -> range:
    """Return the parts of a share such as 2/30: those with the remainder 2. Without a share, all parts."""
    if share in ("", "all"):
        return range(parts)
    remainder, of = (int(number) for number in share.split("/"))
    if not 0 <= remainder < of <= parts:
        raise ValueError(f"Invalid share '{share}'. Name a number and a larger one, of at most {parts}: 2/30.")
    return range(remainder, parts, of)


def test_shares_of_the_nights_are_all_parts_once() -> None:
    assert sorted(part for night in range(30) for part in parts_of(f"{night}/30", 200)) == [*range(200)]
    assert parts_of("all", 200) == parts_of("", 200) == range(200)
    for share in ("30/30", "0/201", "-1/30"):
        with pytest.raises(ValueError, match="Invalid share"):
            parts_of(share, 200)


def sources(edits: Sequence[OddResponse]) -> set[Source]:
    return {edit.source for edit in edits}


def test_sample_edits_every_response(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in QUICK.items():
        nowhere.setenv(name, value)
    recording = Odd(azure, caplog, stored_days=DUE).record()
    assert sources(recording.sample(SAMPLE, SEED)) == sources(recording.edits())


def broken(odd: Odd, recording: Recording, edits: Sequence[OddResponse]) -> list[str]:
    steps = {step for edit in edits for step in recording.steps[edit.source]}
    if any(edit.source.host == TABLES for edit in edits):
        steps.add("access")  # only the first step shows which tables are read once per process
    if not ALL:
        steps -= {"second run"}  # it repeats the run
    return odd.broken(edits, steps)


@pytest.mark.slow("several rotations")
@pytest.mark.timeout(14_400 if ALL else 600)
@pytest.mark.larger_in_full_tier
@pytest.mark.every_case("the parts share one reduced sweep")
@pytest.mark.parametrize("part", parts_of(SHARE, PARTS))
def test_odd_value_affects_nothing_else(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: int
) -> None:
    for name, value in QUICK.items():
        nowhere.setenv(name, value)
    odd = Odd(azure, caplog, stored_days=DUE if part % 2 else NOT_DUE)
    recording = odd.record()
    mine = (recording.edits() if ALL else recording.sample(SAMPLE, SEED))[part::PARTS]
    failures = []
    for first in range(0, len(mine), TOGETHER):
        edits = mine[first : first + TOGETHER]
        if not broken(odd, recording, edits):
            continue
        alone = {str(edit): found for edit in edits if (found := broken(odd, recording, [edit]))}
        failures.append(alone or {" and ".join(map(str, edits)): broken(odd, recording, edits)})
    assert not failures, "\n".join(map(str, failures))
