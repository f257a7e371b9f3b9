"""When deploy.sh waits, because a rotation runs or starts soon."""

from pathlib import Path

import pytest

from tests.support.bash import steps

SOON = "The weekly rotation starts within 30 minutes."
MAY_RUN = "The weekly rotation may be running."
HOURLY = "The hourly run may be renewing a key."
WEEK = "The week of CIPP may begin now. Then the hourly run renews keys within 30 minutes."
UNKNOWN = "When the rotation starts is unknown, by its schedule: "


def near(time: str, lock: str = "free", schedule: str = "") -> str:
    """Return why a run may be cut off at a time, as day of the week, hour and minute."""
    done = steps(f"rotation_near {time} {lock} '{schedule}'", "rotation")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.rstrip("\n")


@pytest.mark.parametrize(
    ("time", "lock", "reason"),
    [
        ("3 12 40", "free", ""),
        ("3 12 25", "free", ""),
        ("3 12 40", "held", "A rotation is running."),
        ("3 12 19", "unknown", ""),
        ("3 12 20", "unknown", HOURLY),
        ("3 12 30", "unknown", HOURLY),
        ("3 12 31", "unknown", ""),
        ("3 08 09", "unknown", ""),
        ("6 23 29", "free", ""),
        ("6 23 30", "free", SOON),
        ("7 00 00", "free", SOON),
        ("7 00 01", "free", WEEK),
        ("7 00 05", "unknown", MAY_RUN),
        ("7 00 11", "unknown", WEEK),
        ("6 09 55", "free", ""),
        ("6 09 59", "free", ""),
        ("6 10 00", "free", WEEK),
        ("6 10 35", "free", ""),
        ("7 13 55", "free", WEEK),
        ("7 14 05", "free", ""),
    ],
)
def test_rotation_is_near_at_a_time(time: str, lock: str, reason: str) -> None:
    assert near(time, lock) == reason


@pytest.mark.parametrize("schedule", ["0 30 4 * * 3", "30 4 * * 3"])
def test_rotation_is_near_by_its_own_schedule(schedule: str) -> None:
    assert near("3 04 00", schedule=schedule) == SOON
    assert near("3 03 59", schedule=schedule) == ""
    assert near("6 23 45", schedule=schedule) == ""


@pytest.mark.parametrize("schedule", ["0 0 */6 * * *", "0 0 0 1 * *", "nonsense"])
def test_rotation_may_be_near_when_its_schedule_is_not_weekly(schedule: str) -> None:
    assert near("3 12 40", schedule=schedule) == f"{UNKNOWN}{schedule}."


@pytest.mark.parametrize(
    ("variables", "refuses"),
    [
        ({}, True),
        ({"NOW": "yes"}, False),
        ({"DRY_RUN": "yes"}, False),
        ({"RUNS_ROTATION": "false"}, False),
        ({"STATE": "Stopped"}, False),
        ({"PYTHON": ""}, False),
    ],
)
def test_deployment_waits_only_for_an_app_that_rotates(variables: dict[str, str], refuses: bool) -> None:
    app = {"PYTHON": "3.12", "RUNS_ROTATION": "true", "STATE": "Running"}
    empty = dict.fromkeys(("NOW", "DRY_RUN", "SCHEDULE", "CLIENT_ID"), "")
    done = steps("refuse_near_rotation\necho goes on", "rotation", **{**app, **empty, "CLOCK": "7 00 00", **variables})
    assert ("goes on" in done.stdout) is not refuses
    assert (SOON in done.stderr) is refuses


FRESH = """
az() {
    case "$*" in
        *appsettings*) echo '{"ENABLE_ROTATION": "true"}' ;;
        *) echo Running ;;
    esac
}
"""
READ = {
    **dict.fromkeys(("NOW", "DRY_RUN", "SCHEDULE", "CLIENT_ID"), ""),
    "PYTHON": "3.12",
    "RUNS_ROTATION": "",
    "STATE": "Stopped",
    "ARM": "a",
    "SITE": "/s",
    "APP": "watch",
}


@pytest.mark.parametrize(("clock", "refuses"), [("6 23 45", True), ("3 12 40", False)])
@pytest.mark.parametrize("write", ["template_create", "publish"])
def test_deployment_waits_by_the_state_directly_before_its_write(write: str, clock: str, refuses: bool) -> None:
    script = f"""{FRESH}
refuse_changed_settings() {{ :; }}
running_commit() {{ :; }}
package_keep() {{ :; }}
template_parameters() {{ echo writes >&2; }}
publish_file() {{ echo writes >&2; }}
PACKAGE=/p/x.zip PACKAGE_COMMIT=c SUBSCRIPTION=s GROUP=g
{write}
"""
    done = steps(script, "find", "find_app", "rotation", "template", "publish", **{**READ, "CLOCK": clock})
    assert (SOON in done.stderr) is refuses
    assert ("writes" in done.stderr) is not refuses
    assert write == "publish" or done.stdout in ("", "Running\n")  # more would be read as the outputs of the template


def test_refusal_near_a_rotation_is_not_taken_for_a_broken_package() -> None:
    script = f"""{FRESH}
package_former() {{ FORMER_PACKAGE=/f/x.zip FORMER_COMMIT=f; }}
package_choose() {{ PACKAGE=/p/x.zip PACKAGE_COMMIT=c; }}
package_keep() {{ :; }}
running_commit() {{ :; }}
publish_file() {{ echo "writes $1"; }}
package_only
"""
    given = {**READ, "CLOCK": "6 23 45", "YES": "yes", "DIST": "/d"}
    done = steps(script, "find", "find_app", "rotation", "publish", **given)
    assert (done.returncode, "writes" in done.stdout) == (1, False)
    assert SOON in done.stderr


def test_package_is_not_put_back_because_a_rotation_came_near_meanwhile(tmp_path: Path) -> None:
    script = f"""{FRESH}
package_former() {{ FORMER_PACKAGE=/f/x.zip FORMER_COMMIT=f; }}
package_choose() {{ PACKAGE=/p/x.zip PACKAGE_COMMIT=c; }}
package_keep() {{ :; }}
running_commit() {{ :; }}
verify() {{ :; }}
publish_file() {{ echo "writes $1"; }}
refuse_near_rotation() {{ [ ! -e {tmp_path}/looked ] || fail near; touch {tmp_path}/looked; }}
package_only
"""
    done = steps(script, "find", "find_app", "rotation", "publish", **{**READ, "YES": "yes", "DIST": "/d"})
    assert (done.returncode, done.stdout.count("writes /p/x.zip"), done.stdout.count("writes")) == (0, 1, 1)
