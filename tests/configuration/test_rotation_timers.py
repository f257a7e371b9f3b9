"""A timer of the rotation that is missing is a problem of the keys' card."""

from typing import Any

import pytest

import function_app
from backend.configuration.rotation_timers import TIMERS, problems_of_list
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.page_troubles import ARM
from tests.support.sandbox_client import Sandbox

FUNCTIONS = f"/sites/{names.BACKEND_SITE}/functions$"


def card() -> dict[str, Any]:
    found: list[dict[str, Any]] = Api().get("ListBackend").results["Cards"]
    return next(one for one in found if one["Kind"] == "Keys")


def listed(*functions: str, disabled: str = "") -> dict[str, Any]:
    """Azure's list of functions, as a planted response."""
    value = [
        {"name": f"{names.BACKEND_SITE}/{name}", "properties": {"name": name, "isDisabled": name == disabled}}
        for name in functions
    ]
    return {"host": ARM, "path": FUNCTIONS, "times": 0, "answer": {"status": 200, "body": {"value": value}}}


def test_timers_are_those_of_the_pages() -> None:
    assert {timer.name for page in function_app.PAGES for timer in page.routes.timers} == TIMERS.keys()


def test_card_has_no_problem_when_the_timers_are_there(azure: Sandbox, api: Api) -> None:
    del azure, api
    assert not [problem for problem in card()["Problems"] if "timer" in problem]
    assert card()["Notes"] == []


@pytest.mark.each_value
@pytest.mark.parametrize("timer", TIMERS)
@pytest.mark.parametrize("name", ["AzureWebJobs.{}.Disabled", "AzureWebJobs_{}_Disabled", "AZUREWEBJOBS_{}_DISABLED"])
@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_disabled_timer_is_a_problem_that_names_the_setting(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, timer: str, name: str, value: str
) -> None:
    del azure
    nowhere.setenv(name.format(timer), value)
    (problem,) = [problem for problem in card()["Problems"] if timer in problem]
    assert all(f" {part}" in problem for part in (name.format(timer), timer, TIMERS[timer]))


@pytest.mark.parametrize("value", ["false", "0", "", "no"])
def test_timer_left_enabled_by_a_setting_is_not_a_problem(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, value: str
) -> None:
    del azure
    nowhere.setenv("AzureWebJobs.WeeklyKeyRotation.Disabled", value)
    assert not [problem for problem in card()["Problems"] if "timer" in problem]


def test_list_of_functions_without_the_timer_is_a_problem(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    del azure
    nowhere.setenv("AzureFunctionsJobHost__functions__0", "PublicPing")
    nowhere.setenv("AzureFunctionsJobHost__functions__1", "keyrotationcatchup")
    (problem,) = [problem for problem in card()["Problems"] if "functions__" in problem]
    assert f" WeeklyKeyRotation, so {phrases.NO_KEY_IS_ROTATED}" in problem


@pytest.mark.parametrize(
    ("fault", "timers"),
    [
        (listed("PublicPing", "KeyRotationCatchUp"), ["WeeklyKeyRotation"]),
        (listed("weeklykeyrotation", "PublicPing"), ["KeyRotationCatchUp"]),
        (listed(), list(TIMERS)),
        (listed(*TIMERS, disabled="WeeklyKeyRotation"), ["WeeklyKeyRotation"]),
        (listed(*TIMERS), []),
    ],
    ids=["no weekly", "no catch-up", "none", "disabled", "both"],
)
def test_timer_that_azure_does_not_list_is_a_problem(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, Any], timers: list[str]
) -> None:
    del nowhere
    azure.faults([fault])
    found = [problem for problem in card()["Problems"] if "Azure" in problem and "timer" in problem]
    assert [next(timer for timer in TIMERS if timer in problem) for problem in found] == timers


@pytest.mark.parametrize("fault", [{"mode": "refuse", "status": 403}, {"mode": "drop-before"}, {"mode": "hang"}])
def test_list_that_azure_does_not_show_is_a_note_and_no_problem(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "8")
    azure.faults([{"host": ARM, "path": FUNCTIONS, "times": 0, **fault}])
    found = card()
    assert found["Exists"] is True
    assert not [problem for problem in found["Problems"] if "timer" in problem]
    assert [phrases.ROTATION_TIMERS in note for note in found["Notes"]] == [True]


@pytest.mark.parametrize("schedule", ["", "  ", "weekly", "0 0 0 * * 7", "01:00:00"])
def test_unusable_schedule_is_shown_on_the_card_and_in_the_links(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, schedule: str
) -> None:
    del azure
    nowhere.setenv("KEY_ROTATION_SCHEDULE", schedule)
    (problem,) = [problem for problem in card()["Problems"] if "KEY_ROTATION_SCHEDULE" in problem]
    assert phrases.WEEKLY_DEFAULT in problem
    assert problem in Api().get("ExecBackendURLs").results["Warnings"]


def test_schedule_that_is_set_is_a_note_in_words(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    del azure
    nowhere.setenv("KEY_ROTATION_SCHEDULE", "0 0 * * 6")
    (note,) = card()["Notes"]
    assert note.startswith("KEY_ROTATION_SCHEDULE: ")
    assert note.endswith(" 00:00 every Saturday (UTC).")
    assert not [problem for problem in card()["Problems"] if "KEY_ROTATION_SCHEDULE" in problem]
    nowhere.setenv("WEBSITE_TIME_ZONE", "Europe/Amsterdam")
    assert f"00:00 every Saturday ({phrases.ZONE_OF} WEBSITE_TIME_ZONE" in card()["Notes"][0]


def test_problems_of_settings_stay_when_the_keys_cannot_be_read(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AzureWebJobs.WeeklyKeyRotation.Disabled", "1")
    azure.faults([{"host": f"{names.VAULT}.vault.azure.net", "mode": "refuse", "status": 403, "times": 0}])
    found = card()
    assert found["Exists"] is None
    assert any("WeeklyKeyRotation" in problem for problem in found["Problems"])


@pytest.mark.parametrize(("is_disabled", "named"), [(True, True), (False, False), (None, False), ("true", False)])
def test_timer_that_azure_shows_as_disabled_is_a_problem(is_disabled: object, *, named: bool) -> None:
    functions = [{"name": f"app/{timer}", "properties": {"isDisabled": is_disabled}} for timer in TIMERS]
    assert problems_of_list(functions).keys() == (TIMERS.keys() if named else set())


@pytest.mark.parametrize("odd", [{}, {"name": None}, {"name": 7, "properties": None}, {"properties": "x"}])
def test_odd_entry_of_the_list_counts_as_another_function(odd: dict[str, Any]) -> None:
    entries = [odd, *({"name": f"x/{timer}", "properties": None} for timer in TIMERS)]
    assert problems_of_list(entries) == {}
    assert problems_of_list([odd]).keys() == TIMERS.keys()
