"""The uptimes of CIPP's apps, read for all of them with a time limit."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from backend.azure.clients import Clients
from backend.concurrency.deadline import Deadline
from backend.hosting.functions.apps import FunctionApps
from backend.hosting.functions.uptime import UptimesInAzure
from backend.hosting.uptimes import Uptime, UptimeLook, Uptimes
from backend.installation.discovery import Discovery
from sandbox import names
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
NOON = datetime(2026, 9, 2, 12, tzinfo=UTC)
SITES = [names.MAIN_SITE, names.OFFLOAD_SITE]


class Fixed(Uptimes):
    """Uptimes that do not change. It counts the reads."""

    def __init__(self, *uptimes: Uptime) -> None:
        self._fixed = list(uptimes)
        self.looks: list[Deadline | None] = []

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        self.looks.append(deadline)
        return self._fixed


def in_azure(azure: Sandbox, **environ: str) -> UptimesInAzure:
    settings = {**azure.env, **environ}
    del settings["AzureWebJobsStorage"]  # restarts by other tests are not stored
    clients = Clients(settings)
    discovery = Discovery(settings, clients)
    return UptimesInAzure(clients, discovery, FunctionApps(clients, discovery))


@pytest.mark.parametrize(
    ("uptimes", "since", "not_restarted"),
    [
        ([], None, None),
        ([Uptime("a", NOON), Uptime("b", NOON + timedelta(hours=1))], NOON, ["a"]),
        ([Uptime("a", NOON - timedelta(hours=1)), Uptime("b", None)], None, ["a", "b"]),
        ([Uptime("a", NOON + timedelta(hours=1)), Uptime("b", None, idle=True)], NOON + timedelta(hours=1), []),
        ([Uptime("a", None, idle=True)], NOON + timedelta(days=1), []),
    ],
)
def test_uptimes_of_all_apps(uptimes: list[Uptime], since: datetime | None, not_restarted: list[str] | None) -> None:
    fixed = Fixed(*uptimes)
    assert fixed.all_since(NOON + timedelta(days=1)) == since
    assert fixed.not_restarted_since(NOON) == not_restarted


def test_uptimes_are_shared_and_include_own_restarts() -> None:
    fixed = Fixed(Uptime("a", NOON), Uptime("b", None))
    look = UptimeLook(fixed, Deadline.after(60))
    assert look.not_restarted_since(NOON) == ["a", "b"]
    look.restarted("A", NOON + timedelta(seconds=1))
    look.restarted("b", NOON + timedelta(seconds=2))
    assert look.not_restarted_since(NOON) == []
    assert look.all_since(NOON) == NOON + timedelta(seconds=1)
    assert len(fixed.looks) == 1


def test_uptimes_are_not_read_after_the_deadline() -> None:
    fixed = Fixed(Uptime("a", NOON))
    assert UptimeLook(fixed, Deadline.after(-1)).not_restarted_since(NOON) is None
    assert fixed.looks == []
    deadline = Deadline.after(60)
    UptimeLook(fixed, deadline).uptimes()
    assert fixed.looks == [deadline]


@pytest.mark.compares_times
def test_apps_are_read_concurrently(azure: Sandbox) -> None:
    uptimes = in_azure(azure)
    uptimes.uptimes()  # sign in and import modules first
    azure.reset(latency_seconds={ARM: 0.8})
    began = time.monotonic()
    assert [(uptime.name, uptime.since is not None) for uptime in uptimes.uptimes()] == [(site, True) for site in SITES]
    assert time.monotonic() - began < 4.6  # one listing and three calls for each of two apps: 5.6 s one by one


@pytest.mark.compares_times
def test_uptimes_are_unknown_when_the_time_is_over(azure: Sandbox) -> None:
    uptimes = in_azure(azure, AZURE_DEADLINE_SECONDS="2")
    uptimes.uptimes()
    azure.faults([{"host": ARM, "path": f"{names.OFFLOAD_SITE}/instances$", "mode": "hang", "times": 0}])
    began = time.monotonic()
    assert [uptime.since is not None for uptime in uptimes.uptimes()] == [True, False]
    assert time.monotonic() - began < 3
    azure.faults([{"host": ARM, "mode": "hang", "times": 0}])
    began = time.monotonic()
    assert uptimes.uptimes(Deadline(began + 1)) == []
    assert time.monotonic() - began < 1.5


def test_azure_is_not_called_after_the_deadline(azure: Sandbox) -> None:
    uptimes = in_azure(azure, AZURE_DEADLINE_SECONDS="0.7")
    uptimes.uptimes()
    azure.reset(latency_seconds={ARM: 0.5})
    uptimes.uptimes()
    time.sleep(1.5)
    assert not [call for call in azure.calls(ARM) if "/processes" in call["path"]]


LIST = f"/resourceGroups/{names.RESOURCE_GROUP}/providers/Microsoft.Web/sites$"
BASIC = {"host": ARM, "path": LIST, "edit": [["value.*.properties.sku", "Basic"]], "times": 0}


def singles(azure: Sandbox, *faults: dict[str, object]) -> list[tuple[bool, bool]]:
    """Return for each app whether its start is known, and whether it is single."""
    azure.faults(list(faults))
    return [(uptime.since is not None, uptime.is_single) for uptime in in_azure(azure).uptimes()]


def test_app_is_single_if_azure_shows_one_instance(azure: Sandbox) -> None:
    """Then a row of one process in CIPP's tables counts for the app, also if Azure does not show its processes."""
    assert singles(azure, BASIC) == [(True, True)] * 2
    processes = {"host": ARM, "path": "/processes", "mode": "refuse", "status": 404, "times": 0}
    assert singles(azure, BASIC, processes) == [(False, True)] * 2
    for instances in ([{"name": "AAA"}, {"name": "BBB"}], []):
        answer = {"host": ARM, "path": "/instances$", "answer": {"body": {"value": instances}}, "times": 0}
        assert [is_single for _, is_single in singles(azure, BASIC, answer)] == [False] * 2


@pytest.mark.parametrize("tier", ["Dynamic", "FlexConsumption", "ElasticPremium", "Standard", "PremiumV3", None, 7])
def test_app_on_a_plan_that_may_scale_is_not_single(azure: Sandbox, tier: object) -> None:
    """Another instance may have written the row before it was removed."""
    scales = {**BASIC, "edit": [["value.*.properties.sku", tier]]}
    assert singles(azure, scales) == [(True, False)] * 2


@pytest.mark.parametrize(
    ("name", "kind", "is_single"),
    [
        (f"{names.MAIN_SITE}/staging", "functionapp", False),
        (f"{names.OFFLOAD_SITE}/staging", "functionapp", False),
        ("another/staging", "functionapp", True),
        ("cippnew", "app,linux,container", False),
        ("cippnew/staging", "app,linux,container", False),
    ],
)
def test_app_beside_a_slot_or_a_container_is_not_single(
    azure: Sandbox, name: str, kind: str, *, is_single: bool
) -> None:
    """It may use the same tables, so a row can be of its process."""
    sites: list[dict[str, object]] = [
        {"name": site, "kind": "functionapp", "properties": {"sku": "Basic", "state": "Running"}} for site in SITES
    ]
    beside = {**BASIC, "edit": [["value", [*sites, {"name": name, "kind": kind}]]]}
    assert [single for _, single in singles(azure, beside)] == [is_single] * 2
