"""Settings are never lost: those that an interrupted write removed are restored. Also the rules of the merge."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.hosting.app_settings import completed, is_there, lost, merged
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import ARM, READ, WRITE, change, held, put, writes
from tests.support.silence import silent_storage

CUT_SECONDS = "3"  # the timeout of a write: the test must change the settings earlier
setting_names = st.text("ab_", min_size=1, max_size=2) | st.text("AB", min_size=1, max_size=2)
settings_of = st.dictionaries(setting_names, st.text(max_size=3), max_size=6)


@pytest.fixture
def impatient(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API with short waits. Faults are removed after the test."""
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Api()
    azure.faults([])


def cut_short(azure: Sandbox, left: dict[str, str], **body: object) -> Answer:
    """Change settings by a write that never completes and leaves the app with only `left`."""
    azure.faults([{"method": "PUT", "path": WRITE, "mode": "hang"}])
    answers: list[Answer] = []
    editor = threading.Thread(target=lambda: answers.append(change(Api(), **body)))
    editor.start()
    while not writes(azure):
        time.sleep(0.02)
    put(azure, left)
    assert not answers, "the test was too slow: the write had been given up"
    editor.join()
    azure.faults([])
    return answers[0]


@pytest.mark.compares_times
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
def test_change_is_refused_when_the_settings_cannot_be_read(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    before = held(azure)
    azure.faults([{"path": READ, "times": 0, **fault}])
    started = time.monotonic()
    check_told(change(impatient, Set={"A": "1"}), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert writes(azure) == []
    assert held(azure) == before


@pytest.mark.compares_times
@pytest.mark.parametrize("fault", [day for day in BAD_DAYS if day["mode"] != "drop-after"], ids=day_of)
def test_refused_write_is_reported_not_retried_and_loses_nothing(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "times": 0, **fault}])
    started = time.monotonic()
    check_told(change(impatient, Set={"A": "1"}, Remove=["TenantID"]), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert len(writes(azure)) == 1
    assert held(azure) == before


def test_interrupted_write_that_azure_accepted_succeeds(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "mode": "drop-after"}])
    assert change(api, Set={"A": "1"}, Remove=["TenantID"]).status == 200
    assert held(azure) == {name: value for name, value in (before | {"A": "1"}).items() if name != "TenantID"}
    assert len(writes(azure)) == 1


@pytest.mark.parametrize(
    "half",
    [["AzureWebJobsStorage"], [], ["A", "TenantID"], ["AzureWebJobsStorage", "FUNCTIONS_EXTENSION_VERSION", "A"]],
)
def test_settings_removed_by_an_interrupted_write_are_restored(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, half: list[str]
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", CUT_SECONDS)
    before = held(azure)
    left = {name: value for name, value in (before | {"A": "1"}).items() if name in half}
    answer = cut_short(azure, left, Set={"A": "1"}, Remove=["TenantID"])
    assert answer.status == 200, answer.text
    assert held(azure) == {name: value for name, value in (before | {"A": "1"}).items() if name != "TenantID"}


def test_setting_added_by_others_during_an_interrupted_write_stays(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", CUT_SECONDS)
    before = held(azure)
    left = {"THEIRS": "2", "AzureWebJobsStorage": before["AzureWebJobsStorage"]}
    answer = cut_short(azure, left, Set={"A": "1"})
    assert answer.status == 200, answer.text
    assert held(azure) == before | {"A": "1", "THEIRS": "2"}


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
def test_write_that_cannot_be_read_back_is_reported_as_accepted(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    azure.faults([{"path": READ, "times": 0, "nth": 2, **fault}])
    answer = change(impatient, Set={"A": "1"})
    check_told(answer, fault)
    assert phrases.WRITE_ACCEPTED in answer.results
    assert "Couldn't check" in answer.results
    assert held(azure)["A"] == "1"


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize("path", ["/sites$", READ, "/config/slotConfigNames$", "/configreferences/appsettings$"])
def test_failure_of_a_list_is_reported(impatient: Api, azure: Sandbox, fault: dict[str, Any], path: str) -> None:
    azure.faults([{"host": ARM, "path": path, "times": 0, **fault}])
    started = time.monotonic()
    check_told(impatient.get("ListFunctionAppSettings"), fault)
    assert time.monotonic() - started < LONGEST_SECONDS


@pytest.mark.compares_times
def test_settings_are_not_written_when_the_locks_storage_times_out(
    impatient: Api, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    with silent_storage() as connection:
        nowhere.setenv("AzureWebJobsStorage", connection)
        started = time.monotonic()
        answer = change(Api(), Set={"A": "1"})
        assert time.monotonic() - started < LONGEST_SECONDS + 2  # for the Logbook, which also times out
    assert answer.status == 500
    assert phrases.LOCK_NOT_ACQUIRED in answer.results
    assert writes(azure) == []
    del impatient


# The rules, by themselves


@settings(deadline=None, max_examples=60)
@given(before=settings_of, to_set=settings_of, remove=st.lists(setting_names, max_size=3))
def test_merge_sets_and_removes_settings_and_keeps_the_rest(
    before: dict[str, str], to_set: dict[str, str], remove: list[str]
) -> None:
    to_set = {name: value for name, value in to_set.items() if name.lower() not in {gone.lower() for gone in remove}}
    after = merged(before, to_set, remove)
    named = {name.lower() for name in [*to_set, *remove]}
    assert {k: v for k, v in before.items() if k.lower() not in named}.items() <= after.items()
    assert not {name.lower() for name in after} & {name.lower() for name in remove}
    assert {name.lower() for name in to_set} <= {name.lower() for name in after}
    assert {name.lower() for name in after} <= {name.lower() for name in [*before, *to_set]}
    if len({name.lower() for name in to_set}) == len(to_set):
        values = {(name.lower(), value) for name, value in after.items()}
        assert {(name.lower(), value) for name, value in to_set.items()} <= values
        assert merged(after, to_set, remove) == after  # the merge is idempotent
        assert is_there(after, after, to_set, remove)


@settings(deadline=None, max_examples=60)
@given(after=settings_of, wanted=settings_of)
def test_completed_settings_include_the_wanted_and_the_existing_ones(
    after: dict[str, str], wanted: dict[str, str]
) -> None:
    whole = completed(after, wanted)
    assert after.items() <= whole.items()
    assert lost(wanted, whole) == []
    assert {name: whole[name] for name in lost(wanted, after)}.items() <= wanted.items()
