"""Whether an app runs according to its properties in Azure Resource Manager, and what to do if it doesn't. Pure.

Sources: the specification of Microsoft.Web (`usageState`, `availabilityState`, `enabled`, `suspendedTill`), and
learn.microsoft.com: "Quotas and metrics in Azure App Service" (an app over a quota is stopped until it resets, and
scaling the plan up raises quotas) and "Azure Functions runtime is unreachable" (the daily usage quota). Only the state
`Running` was recorded from real Azure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from backend.readings import text_of, time_or_none

AppCondition = Literal["Up", "Starting", "Down", "Unknown"]

RUNNING: Final = "Running"
STOPPED: Final = "Stopped"
UNKNOWN: Final = "Unknown"
NORMAL: Final = "Normal"  # of availabilityState
START_IT: Final = "It is Stopped: call ExecFunctionAppStart."
_QUOTA: Final = (
    "It used up a quota, so Azure stopped it{until}. Starting it does not help. It runs again when the quota resets "
    "(daily quotas: at midnight UTC), or after its plan is scaled up: az appservice plan update --sku."
)
_DAILY: Final = (
    "Its own daily usage quota is {quota} GB-seconds. Raise or remove it: az functionapp update --set "
    "dailyMemoryTimeQuota=0."
)
_SUSPENDED: Final = "Azure suspended it{until}, as it does with apps over a quota. Starting it earlier does not help."
_BY_AZURE: Final = (
    "Azure disabled it, as it does if a subscription is disabled or its terms are violated. Starting it does not help. "
    "Check the subscription's state and invoices in the portal, as its owner."
)
_DISABLED: Final = (
    "It is disabled (enabled: false), so it does not accept requests. Starting it does not change that. Enable it: "
    "az functionapp update --set enabled=true."
)
_AVAILABILITY: Final = {
    "limited": "Azure can show and control it only partly (availabilityState Limited). Its data may be outdated, "
    "and a start, stop or restart may not take effect. Check Azure Service Health.",
    "disasterrecoverymode": "Its region is in disaster recovery (availabilityState DisasterRecoveryMode): a start, "
    "stop or restart may not take effect. Check Azure Service Health.",
}
_OTHER_AVAILABILITY: Final = "Azure shows its availability as {shown}, an unknown value. Check it in the portal."
_NO_STATE: Final = "Azure does not show its state, so whether it runs is unknown. Check it in the portal."
_OTHER: Final = "It is {state}, an unknown state. Check it in the portal."


class Condition(msgspec.Struct, frozen=True):
    """The condition of an app. `faults` keep it from working, and starting it does not remove them.

    `is_blocked` is whether it can't run even if it is started.
    """

    state: str | None
    faults: tuple[str, ...] = ()
    is_blocked: bool = False

    @property
    def problems(self) -> list[str]:
        """What is wrong and what to do. Empty if the app runs."""
        is_startable = self.state == STOPPED and not self.is_blocked
        return [*([START_IT] if is_startable else []), *self.faults]

    @property
    def in_short(self) -> AppCondition:
        """Whether the app runs. Azure does not show whether its code works."""
        if self.is_blocked or self.state == STOPPED:
            return "Down"
        return "Up" if self.state == RUNNING else "Unknown"


def condition_of(properties: Mapping[str, Any], now: datetime | None = None) -> Condition:
    """Return the condition that an app's properties show. `now` defaults to this machine's time."""
    state = _text(properties.get("state"))
    state = next((known for known in (RUNNING, STOPPED) if _is(state, known)), state)
    until, is_suspended = _until(properties.get("suspendedTill"), now or datetime.now(UTC))
    blocks: list[str] = []
    if _is(state, "QuotaExceeded") or _is(properties.get("usageState"), "Exceeded"):
        blocks.append(_QUOTA.format(until=until))
        quota = properties.get("dailyMemoryTimeQuota")
        if isinstance(quota, int) and not isinstance(quota, bool) and quota > 0:
            blocks.append(_DAILY.format(quota=quota))
    elif is_suspended:
        blocks.append(_SUSPENDED.format(until=until))
    if properties.get("adminEnabled") is False or _is(state, "AdminDisabled"):
        blocks.append(_BY_AZURE)
    elif properties.get("enabled") is False:
        blocks.append(_DISABLED)
    shown = _text(properties.get("availabilityState")) or NORMAL
    availability = (
        "" if _is(shown, NORMAL) else _AVAILABILITY.get(shown.lower(), _OTHER_AVAILABILITY.format(shown=shown))
    )
    faults = [*blocks, *([availability] if availability else [])]
    if state is None:
        faults.append(_NO_STATE)
    elif not blocks and state not in (RUNNING, STOPPED):
        faults.append(_OTHER.format(state=state))
    return Condition(state, tuple(faults), is_blocked=bool(blocks))


def _text(value: object) -> str | None:
    return text_of(value).strip() or None


def _is(value: object, word: str) -> bool:
    return text_of(value).strip().lower() == word.lower()


def _until(value: object, now: datetime) -> tuple[str, bool]:
    """Return " until ..." and True for a time in the future, "" and False for a past or unreadable one."""
    moment = time_or_none(value)
    if moment is None or moment <= now:
        return "", False
    return f" until {moment:%Y-%m-%d %H:%M} UTC", True
