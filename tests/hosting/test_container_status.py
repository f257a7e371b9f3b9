"""What the overview shows of CIPP's container, and the stored starts."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.azure.clients import Clients
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, ConflictError
from backend.hosting.container.hosting import hosting
from backend.hosting.container.image import ContainerImage
from backend.hosting.container.starts import Starts
from backend.hosting.container.updates.cipps_rows import InstanceHealth
from backend.hosting.container.web_app import WebApp, WebAppStatus
from backend.hosting.own_restarts import TABLE
from backend.installation.main_app import MainApp
from backend.services import Services
from tests.hosting.test_container_apps import SITE, container
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

__all__ = ("container",)  # a fixture
NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)


def status(sandbox: Sandbox) -> WebAppStatus:
    services = Services(sandbox.env)
    image = ContainerImage(services.clients, services.discovery, services.tables)
    now = datetime.fromisoformat(sandbox.state()["now"])
    return WebApp(services.clients, image).status(services.discovery.main_app.seen(), Deadline.after(10), now)


def test_status_of_a_running_container(container: Sandbox) -> None:
    container_status = status(container)
    assert (container_status.state, container_status.image, container_status.is_pinned) == (
        "Running",
        "ghcr.io/cyberdrain/cipp:latest",
        False,
    )
    assert (container_status.versions.running, container_status.versions.in_registry, container_status.pending) == (
        "10.8.5",
        "10.8.5",
        None,
    )
    assert container_status.health.is_ready
    assert "UTC" in container_status.own_update


def test_pending_update_is_shown(container: Sandbox) -> None:
    container.reset(shape="container", update_available=True)
    container_status = status(container)
    assert container_status.pending is not None
    assert container_status.pending.consent == "10.8.6"


def health_rows(container: Sandbox, **minutes: float) -> datetime:
    """Write rows of CIPP's table InstanceHealth that are so old, after removing all. Return the sandbox's time."""
    now = datetime.fromisoformat(container.state()["now"])
    with TableServiceClient.from_connection_string(container.env["AzureWebJobsStorage"]) as tables:
        table = tables.create_table_if_not_exists("InstanceHealth")
        for old in table.list_entities(select=["PartitionKey", "RowKey"]):
            table.delete_entity(old)
        for kind, age in minutes.items():
            moment = now - timedelta(minutes=age)
            bucket = f"{moment:%Y-%m-%dT%H:%M}"
            row = {"PartitionKey": "InstanceHealth", "RowKey": f"{bucket}_{kind}", "Kind": kind, "Bucket": bucket}
            table.upsert_entity({**row, "BootTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})
    return now


def test_starts_and_samples_are_those_of_cipps_table(container: Sandbox) -> None:
    now = health_rows(container, boot=20, sample=5)
    shown = status(container)
    assert shown.started is not None
    assert shown.sampled is not None
    assert now - shown.started <= timedelta(minutes=21)
    assert shown.runs_jobs is True


@pytest.mark.parametrize(
    ("boot", "sample", "runs"),
    [
        (None, None, None),  # not recorded by this version
        (None, 5, True),
        (None, 11, False),
        (90, 9, True),
        (90, 11, False),
        (90, None, False),  # no sample in the last hour
        (59, None, None),  # a version that records starts only, or a slow start
        (5, 30, None),  # just started
        (5, 3, None),
    ],
)
def test_background_jobs_run_if_they_left_a_sample(boot: float | None, sample: float | None, runs: bool | None) -> None:
    started, sampled = (None if age is None else NOW - timedelta(minutes=age) for age in (boot, sample))
    assert InstanceHealth(started, sampled).runs_jobs(NOW) is runs


def web_app_card(api: Api) -> dict[str, Any]:
    (found,) = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "WebApp"]
    return dict(found)


@pytest.mark.parametrize(
    ("options", "is_missing", "note"),
    [({}, True, phrases.LAST_STARTED), ({"no_instance_health": True}, False, phrases.BY_ITS_VERSION)],
    ids=["no sample for an hour", "not recorded"],
)
def test_missing_samples_are_a_problem_only_if_cipp_records_them(
    azure: Sandbox, options: dict[str, object], note: str, *, is_missing: bool
) -> None:
    azure.reset(propagation_seconds=0, shape="container", now=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **options)
    if is_missing:
        health_rows(azure, boot=90)
    shown = web_app_card(Api())
    assert any(phrases.NO_SAMPLES in problem for problem in shown["Problems"]) is is_missing
    assert [one for one in shown["Notes"] if note in one]


@pytest.mark.parametrize("host", ["ghcr.io", "*.azurewebsites.net", "127.0.0.1"])
def test_status_never_fails(container: Sandbox, host: str) -> None:
    services = Services(container.env)
    main_app = services.discovery.main_app.seen()
    image = ContainerImage(services.clients, services.discovery, services.tables)
    container.faults([{"host": host, "mode": "hang", "times": 0}])
    container_status = WebApp(services.clients, image).status(main_app, Deadline.after(1))
    assert container_status.image == "ghcr.io/cyberdrain/cipp:latest"


def test_status_of_an_unread_app_is_unknown(container: Sandbox) -> None:
    services = Services(container.env)
    image = ContainerImage(services.clients, services.discovery, services.tables)
    container_status = WebApp(services.clients, image).status(
        MainApp(services.discovery.main_app.seen().shape), Deadline.after(5)
    )
    assert (container_status.state, container_status.image, container_status.health.is_up) == (None, None, None)
    assert container_status.pending is not None


def test_possible_update_is_a_sentence_or_nothing(container: Sandbox) -> None:
    made = hosting(Services(container.env)).image  # type: ignore[attr-defined] # of this shape alone
    assert made.possible_update() is None
    container.faults([{"host": "management.azure.com", "mode": "refuse", "status": 403, "times": 0}])
    assert made.possible_update()


def test_concurrent_starts_stay_within_the_limit(container: Sandbox) -> None:
    clients = Clients(container.env)

    def begin(_: int) -> bool:
        try:
            Starts(clients).begin(SITE, NOW, force=False)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as workers:
        assert sum(workers.map(begin, range(6))) <= 2
    refusal = Starts(clients).refusal(SITE, NOW)
    assert refusal is None or "Force" in refusal.advice


def test_old_and_withdrawn_starts_do_not_count(container: Sandbox) -> None:
    starts = Starts(Clients(container.env))
    first = starts.begin(SITE, NOW, force=False)
    starts.begin(SITE, NOW, force=False)
    assert starts.refusal(SITE, NOW + timedelta(minutes=29))
    assert starts.refusal(SITE, NOW + timedelta(minutes=30)) is None
    starts.withdraw(SITE, first)
    assert starts.refusal(SITE, NOW) is None


def test_unreadable_starts_need_force(container: Sandbox) -> None:
    TableServiceClient.from_connection_string(container.env["AzureWebJobsStorage"]).create_table_if_not_exists(TABLE)
    starts = Starts(Clients({**container.env, "AZURE_DEADLINE_SECONDS": "1"}))
    container.faults([{"host": "127.0.0.1", "mode": "refuse", "status": 403, "times": 0}])
    with pytest.raises(BackendError, match="a start") as raised:
        starts.begin(SITE, NOW, force=False)
    assert "Force" in raised.value.advice
    assert starts.begin(SITE, NOW, force=True)


def test_starts_without_storage_count_in_this_process(container: Sandbox) -> None:
    clients = Clients({name: value for name, value in container.env.items() if "Storage" not in name})
    starts = Starts(clients)
    starts.begin(SITE, NOW, force=False)
    starts.begin(SITE, NOW, force=False)
    with pytest.raises(ConflictError):
        starts.begin(SITE, NOW, force=False)
