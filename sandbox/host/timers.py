"""Run the timer functions on their schedules."""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from azure.functions.decorators.function_app import Function
from azure.functions.decorators.timer import TimerTrigger
from azure.functions.meta import Datum

from sandbox.host import schedule
from sandbox.host.index import name_of
from sandbox.host.invoker import InvocationFailedError, Invoker

# The host's "never": .NET's first moment.
NEVER = "0001-01-01T00:00:00+00:00"
# A laptop's sleep must not delay a run by more than this.
LONGEST_SLEEP = timedelta(seconds=30)


@dataclass
class Timer:
    """One timer function: its schedule, its last run and its next run."""

    function: Function
    schedule: schedule.Schedule
    run_on_startup: bool
    monitored: bool
    due: datetime
    last: datetime | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def datum(self) -> Datum:
        """Return the data that the host sends. Times are ISO 8601 in the host's zone, here UTC."""
        status = {
            "Last": self.last.isoformat() if self.last else NEVER,
            "Next": self.due.isoformat(),
            "LastUpdated": self.updated.isoformat(),
        }
        content = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status if self.monitored else None,
            "IsPastDue": False,
        }
        return Datum(json.dumps(content), "json")

    def advance(self) -> None:
        """Record a due run, even if it failed, and schedule the next one."""
        self.last = self.due
        self.updated = datetime.now(UTC)
        self.due = self.schedule.next_after(max(self.due, self.updated))


def timers_of(functions: Sequence[Function], environ: Mapping[str, str]) -> list[Timer]:
    """Return the timers among the functions that the host accepted."""
    now = datetime.now(UTC)
    timers = []
    for function in functions:
        trigger = function.get_trigger()
        if isinstance(trigger, TimerTrigger):
            plan = schedule.parse(trigger.schedule, environ)
            monitored = trigger.use_monitor is not False and schedule.is_monitored(plan, now)
            due = plan.next_after(now)
            timers.append(Timer(function, plan, bool(trigger.run_on_startup), monitored, due))
    return timers


async def keep(timer: Timer, invoker: Invoker) -> None:
    """Run one timer forever. The next run is scheduled after the last, so that runs never overlap."""
    if timer.run_on_startup:
        await run(timer, invoker, "runOnStartup")
    while True:
        wait = timer.due - datetime.now(UTC)
        if wait > timedelta():
            await asyncio.sleep(min(wait, LONGEST_SLEEP).total_seconds())
        else:
            await run(timer, invoker, "schedule")
            timer.advance()


async def run(timer: Timer, invoker: Invoker, reason: str) -> None:
    """Run the timer once. A failure is logged and changes nothing here."""
    with contextlib.suppress(InvocationFailedError):
        await invoker.invoke(timer.function, timer.datum(), reason)


def described(timer: Timer) -> str:
    """Return the timer's name and its next run."""
    return f"{name_of(timer.function)}: timer, next at {timer.due:%Y-%m-%d %H:%M:%S} UTC"
