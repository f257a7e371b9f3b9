"""The check whether the host starts the rotation's timers, by this app's settings and Azure's list. Pure.

A missing timer leaves no trace: no run fails, and no key is renewed. Sources: how the host reads its settings
(Azure/azure-webjobs-sdk, HostListenerFactory: the names, and `true` or `1`), and the list `functions` of host.json.
For an app whose triggers are not synced, the list was never verified on real Azure. The code assumes an empty list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from backend.configuration.mode import Mode, Option
from backend.configuration.own_settings import SCHEDULE
from backend.configuration.problems import problem_with_schedule
from backend.configuration.schedules import Schedule

WEEKLY: Final = "WeeklyKeyRotation"
# Each timer, and the consequence if it does not start.
TIMERS: Final[Mapping[str, str]] = {
    WEEKLY: "no key is rotated on schedule",
    "KeyRotationCatchUp": "a failed key is not retried before the next weekly run",
}
_LISTED: Final = "azurefunctionsjobhost__functions__"


def problems_of_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of this app that prevent a timer from starting, by the timer's name."""
    by_name = {name.lower(): (name, value) for name, value in environ.items()}
    problems = {}
    for timer, follows in TIMERS.items():
        for separator in (".", "_"):  # on Linux, a period becomes an underscore
            name, value = by_name.get(f"AzureWebJobs{separator}{timer}{separator}Disabled".lower(), ("", ""))
            if value.strip().lower() in ("true", "1"):
                problems[timer] = f"The setting {name} disables the timer {timer}, so {follows}. Remove the setting."
    listed = [value.strip().lower() for name, (_, value) in by_name.items() if name.startswith(_LISTED)]
    for timer, follows in TIMERS.items() if listed else ():
        if timer.lower() not in listed:
            problems[timer] = (
                f"The settings AzureFunctionsJobHost__functions__... list the functions to load without {timer}, so "
                f"{follows}. Remove the settings."
            )
    return problems


def problems_of_list(functions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the timers that are missing or disabled in Azure's list of this app's functions, by name."""
    properties = {
        str(function.get("name")).rpartition("/")[2].lower(): function.get("properties") for function in functions
    }
    problems = {}
    for timer, follows in TIMERS.items():
        found = properties.get(timer.lower())
        if timer.lower() not in properties:
            problems[timer] = (
                f"Azure does not list the timer {timer} of this app. If it does not start, {follows}. Restart the app, "
                "then check its functions in the portal, and its log for an error of the timer."
            )
        elif isinstance(found, Mapping) and found.get("isDisabled") is True:
            problems[timer] = f"Azure shows the timer {timer} as disabled, so {follows}. Enable it in the portal."
    return problems


def timer_problems(environ: Mapping[str, str], functions: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """Return why timers of the rotation don't start as intended. None in `functions` means unknown.

    If a setting explains what Azure shows, only the setting is returned.
    """
    listed = {} if functions is None else problems_of_list(functions)
    schedule = problem_with_schedule(environ)
    return [*({**listed, **problems_of_settings(environ)}.values()), *([schedule] if schedule else [])]


def schedule_note(environ: Mapping[str, str]) -> list[str]:
    """Return the meaning of the configured schedule, because five fields are easily confused with six.

    If this installation rotates no keys, the note states that instead.
    """
    if not Mode.of(environ).allows(Option.ROTATION):
        return [f"{Option.ROTATION.setting}: no rotation starts. The timers only check the keys."]
    schedule = Schedule.of(environ.get(SCHEDULE, ""))
    zone = "the zone of WEBSITE_TIME_ZONE, if the plan supports it" if environ.get("WEBSITE_TIME_ZONE") else "UTC"
    return [f"{SCHEDULE}: the weekly rotation starts {schedule.in_words()} ({zone})."] if schedule else []
