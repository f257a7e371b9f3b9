"""The mode of an installation, by its settings."""

import pytest

from backend.configuration.mode import Mode, NotEnabledError, Option
from backend.configuration.problems import setting_problems

CASES = [
    ({}, "controls and rotation"),
    ({"ENABLE_CONTROLS": "", "ENABLE_ROTATION": " "}, "observe"),
    ({"ENABLE_CONTROLS": "True", "ENABLE_ROTATION": "true"}, "controls and rotation"),
    ({"ENABLE_CONTROLS": "false", "ENABLE_ROTATION": "false"}, "observe"),
    ({"ENABLE_CONTROLS": "false"}, "rotation"),
    ({"ENABLE_ROTATION": "false"}, "controls"),
    ({"ENABLE_CONTROLS": "yes", "ENABLE_ROTATION": "1"}, "observe"),
]


@pytest.mark.parametrize(("environ", "name"), CASES)
def test_mode_follows_from_the_two_settings(environ: dict[str, str], name: str) -> None:
    mode = Mode.of(environ)
    assert mode.name == name
    assert len(mode.notes) == sum(option.value not in name for option in Option)


@pytest.mark.parametrize("option", Option)
def test_a_missing_option_is_named_with_its_setting_and_parameter(option: Option) -> None:
    with pytest.raises(NotEnabledError) as raised:
        Mode(frozenset()).must_allow(option, "do it")
    assert option.setting in raised.value.detail
    assert option.parameter in raised.value.advice
    assert any(option.parameter in note for note in Mode(frozenset()).notes)


@pytest.mark.parametrize("value", ["yes", "", " "])
def test_a_value_that_is_not_boolean_is_a_problem_of_the_settings(value: str) -> None:
    (problem,) = setting_problems({"ENABLE_CONTROLS": value, "ENABLE_ROTATION": "false"})
    assert "ENABLE_CONTROLS" in problem


@pytest.mark.parametrize("restart", ["true", "update"])
def test_restarts_without_the_controls_are_a_problem_of_the_settings(restart: str) -> None:
    (problem,) = setting_problems({"KEY_ROTATION_RESTART_CIPP": restart, "ENABLE_CONTROLS": "false"})
    assert "KEY_ROTATION_RESTART_CIPP" in problem
    assert Option.CONTROLS.parameter in problem
    assert setting_problems({"KEY_ROTATION_RESTART_CIPP": restart, "ENABLE_CONTROLS": "true"}) == []
    assert setting_problems({"KEY_ROTATION_RESTART_CIPP": "false", "ENABLE_CONTROLS": "false"}) == []
