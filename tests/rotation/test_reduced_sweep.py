"""The choice of cases that `make test` makes of the fault and kill sweeps."""

import pytest

from tests.support.rotation.cases import (
    RECOVERED,
    TOGETHER,
    Case,
    batches,
    cases_of,
    representative,
    uncovered,
    with_lags,
    without,
)
from tests.support.rotation.points import Point, around_writes, writes_before

VAULT = "cippabc12.vault.azure.net"
POINTS = [
    Point("GET", VAULT, "^/secrets$", 1),
    Point("GET", "graph.microsoft.com", "^/applications$", 1),
    Point("POST", "login.microsoftonline.com", "^/token$", 1),
    Point("PUT", VAULT, "^/secrets/A$", 1),
    Point("GET", VAULT, "^/secrets$", 2),
    Point("POST", "graph.microsoft.com", "^/addPassword$", 1),
    Point("PUT", VAULT, "^/secrets/A$", 2),
    Point("PUT", VAULT, "^/secrets/A$", 3),
    Point("GET", VAULT, "^/secrets$", 3),
]
COMPLETE = [case for point in POINTS for case in cases_of(point)]


def occurrences(cases: list[Case], path: str) -> set[int]:
    return {case.point.nth for case in cases if case.point.path == path}


def test_reduced_cases_cover_every_call_site_and_outcome() -> None:
    assert uncovered(COMPLETE, representative(COMPLETE)) == set()


@pytest.mark.parametrize("only_reads", [True, False])
def test_missing_site_is_uncovered(*, only_reads: bool) -> None:
    site = next(point.site for point in POINTS if point.only_reads is only_reads)
    rest = [case for case in representative(COMPLETE) if case.point.site != site]
    assert {missing for missing, _ in uncovered(COMPLETE, rest)} == {site}


def test_missing_outcome_is_uncovered() -> None:
    reduced = representative(COMPLETE)
    reads = [case for case in reduced if case.point.only_reads]
    for left_out in reads:
        rest = [case for case in reduced if case != left_out]
        assert uncovered(COMPLETE, rest) == {(left_out.point.site, left_out.outcome)}


def test_runs_have_all_cases_once_and_recover_from_those_that_are_together() -> None:
    cases = with_lags(COMPLETE)
    runs = batches(cases)
    assert sorted(str(case) for run in runs for case in run) == sorted(map(str, cases))
    together = [run for run in runs if len(run) > 1]
    assert together
    for run in together:
        assert {(case.outcome, case.point.only_reads, bool(case.lag)) for case in run} == {(RECOVERED, True, False)}
        assert len({case.name for case in run}) == 1
        assert len({case.point.site for case in run}) == len(run) <= TOGETHER


def test_case_of_another_sweep_is_not_repeated() -> None:
    writes, reads = ([case for case in COMPLETE if case.point.only_reads is only_reads] for only_reads in (False, True))
    assert without(COMPLETE, reads) == writes
    first = [case for case in writes if case.outcome == "hanging"]
    assert {case.outcome for case in without(writes, first)} == {case.outcome for case in writes} - {"hanging"}


def test_reduced_read_has_one_case_for_each_outcome() -> None:
    reduced = [case for case in representative(COMPLETE) if case.point.path == "^/secrets$"]
    assert sorted(case.outcome for case in reduced) == ["failed here", "recovered by a retry"]
    assert occurrences(reduced, "^/secrets$") == {1, 3}


def test_reduced_write_has_every_outcome_at_first_and_last_occurrence() -> None:
    reduced = representative(COMPLETE)
    assert occurrences(reduced, "^/secrets/A$") == {1, 3}
    for nth in (1, 3):
        outcomes = [case.outcome for case in reduced if (case.point.path, case.point.nth) == ("^/secrets/A$", nth)]
        assert len(outcomes) == len(set(outcomes)) == 7
        assert set(outcomes) == {case.outcome for case in cases_of(POINTS[3])}


def test_reduced_kills_are_beside_writes() -> None:
    assert around_writes(POINTS) == [4, 5, 6, 7, 8, 9]
    assert [writes_before(POINTS, number) for number in around_writes(POINTS)] == [0, 1, 1, 2, 3, 4]
