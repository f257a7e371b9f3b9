"""A CIPP on a container for the sweeps. Its own jobs run at their times, and it reads its keys each night."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from tests.support.rotation.checks import held_fails, refused_now
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.lag import NO_LAG, Lag
from tests.support.rotation.others import Others
from tests.support.rotation.scene import moment
from tests.support.rotation.theirs import State, orphans, too_many_live, touched
from tests.support.sandbox.certificate import Certificate

CONTAINER: Final = {"shape": "container", "cipp_jobs": True, "start_seconds": 0.3}
DUE: Final = Certificate(days=40, age=325)  # for this app, and not yet for CIPP
DAY: Final = 86_400
BEFORE_READ, AFTER_READ = time(0, 29), time(0, 31)
AFTER_THE_NIGHT: Final = time(1, 20)
SUNDAY, MONDAY, FRIDAY = 6, 0, 4


def begin(deployment: Deployment, lag: Lag = NO_LAG) -> State:
    """Start over with a CIPP all of whose keys are due. It has read them. Return what there is, on a Thursday."""
    deployment.begin(lag, **CONTAINER)
    deployment.others.give_certificate(DUE)
    deployment.others.let_cipp_work(DAY)
    return deployment.sandbox.state()


def next_time(now: datetime, weekday: int, at: time) -> datetime:
    """Return the next such time of a weekday, in UTC."""
    day = now.date() + timedelta(days=(weekday - now.weekday()) % 7)
    found = datetime.combine(day, at, UTC)
    return found if found > now else found + timedelta(days=7)


def go_to(others: Others, weekday: int, at: time) -> Iterator[str]:
    """Let CIPP work until then. Yield what does not sign in then, in the vault and in CIPP's memory."""
    now = moment(others.azure.state()["now"])
    then = next_time(now, weekday, at)
    others.let_cipp_work((then - now).total_seconds())
    yield from all_fails(others, f"{then:%a %H:%M}")


def all_fails(others: Others, when: str) -> Iterator[str]:
    """Yield what does not sign in now."""
    state = others.azure.state()
    yield from (f"at {when}: {problem}" for problem in (*held_fails(state), *refused_now(others, state)))


def through_the_week(deployment: Deployment) -> Iterator[str]:
    """Go through CIPP's next read, its weekly run, and the run of this app after it, until CIPP has read its keys."""
    others = deployment.others
    yield from go_to(others, FRIDAY, BEFORE_READ)
    yield from go_to(others, FRIDAY, AFTER_READ)
    yield from go_to(others, SUNDAY, BEFORE_READ)
    yield from go_to(others, SUNDAY, AFTER_THE_NIGHT)
    before = deployment.sandbox.state()
    deployment.catch_up()
    now = deployment.sandbox.state()
    yield from all_fails(others, "the run after the night")
    yield from (f"the week's run touched {name}" for name in touched(others.made, before, now))
    yield from orphans(others.made, now)
    yield from too_many_live(others.made, now)
    yield from go_to(others, MONDAY, BEFORE_READ)
    yield from go_to(others, MONDAY, AFTER_READ)
