"""Tables whose Retry-After is longer than one call may take: the refusal comes immediately, and nothing hangs on it."""

import os
import time

import pytest

from backend.azure.clients import Clients
from backend.cipp.lock_row import BRIEF
from backend.cipp.owned_lock import LostLockError
from backend.cipp.row_lock import PAUSE_SECONDS, RENEWED_EVERY, row_lock
from sandbox import names
from tests.support.admin import Admin
from tests.support.api import Api
from tests.support.busy_storage import busy_storage
from tests.support.cipp import Cipp, cipp_of
from tests.support.principals import application
from tests.support.sandbox_client import Sandbox

TABLES_HOST = f"{names.STORAGE_ACCOUNT}.table.core.windows.net"
ZONE = {"Timezone": "Asia/Tokyo"}
WAITS = [(503, 25), (503, 3600), (429, 25), (429, 3600)]
SOON_SECONDS = 5.0


def refuse(status: int, retry_after: int, **fault: object) -> dict[str, object]:
    return {
        "host": TABLES_HOST,
        "mode": "refuse",
        "status": status,
        "retry_after": retry_after,
        "times": 0,
        **fault,
    }


@pytest.fixture
def by_identity(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, and CIPP's storage opened with this app's identity, which has the role."""
    nowhere.delenv("AzureWebJobsStorage")
    nowhere.setenv("CIPP_STORAGE__accountName", names.STORAGE_ACCOUNT)
    Admin(azure).give_role("Storage Table Data Contributor", names.RESOURCE_GROUP_ID)
    return azure


@pytest.mark.compares_times
@pytest.mark.parametrize(("status", "retry_after"), WAITS)
def test_long_retry_after_is_refused_immediately_by_connection_string(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, status: int, retry_after: int
) -> None:
    del azure
    with busy_storage(status, retry_after) as busy:
        nowhere.setenv("CIPP_STORAGE", busy.connection_string)
        began = time.monotonic()
        answer = Api().post("ExecTimeSettings", ZONE)
        assert time.monotonic() - began < SOON_SECONDS
    assert (answer.status, answer.body["azureStatus"]) == (500, status)
    assert busy.calls


@pytest.mark.compares_times
@pytest.mark.parametrize(("status", "retry_after"), WAITS)
def test_long_retry_after_is_refused_immediately_by_identity(
    by_identity: Sandbox, status: int, retry_after: int
) -> None:
    by_identity.faults([refuse(status, retry_after)])
    began = time.monotonic()
    answer = Api().post("ExecTimeSettings", ZONE)
    assert time.monotonic() - began < SOON_SECONDS
    assert (answer.status, answer.body["azureStatus"]) == (500, status)


@pytest.mark.parametrize("retry_after", [25, 3600])
def test_refusal_states_after_how_many_seconds_to_retry(by_identity: Sandbox, retry_after: int) -> None:
    by_identity.faults([refuse(503, retry_after)])
    assert f"{retry_after} seconds" in Api().post("ExecTimeSettings", ZONE).results


def test_short_retry_after_is_waited_for(by_identity: Sandbox) -> None:
    by_identity.faults([refuse(503, 1, times=1, path="/Config", nth=1)])
    began = time.monotonic()
    assert Api().post("ExecTimeSettings", ZONE).status == 200
    assert time.monotonic() - began >= 1


@pytest.mark.compares_times
def test_access_is_back_soon_after_the_tables_named_an_hour(by_identity: Sandbox) -> None:
    with cipp_of(by_identity) as cipp:
        allow(cipp)
        api = Api()
        by_identity.faults([refuse(503, 3600)])
        began = time.monotonic()
        assert api.call("GET", "me", role=None, headers=application()).status == 403
        by_identity.faults([])
        while api.call("GET", "me", role=None, headers=application()).status == 403:
            assert time.monotonic() - began < 15
            time.sleep(0.2)


def allow(cipp: Cipp) -> None:
    cipp.client(role="admin")


@pytest.mark.compares_times
def test_access_reads_again_when_a_read_is_older_than_its_deadline(
    by_identity: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "60")  # so that no time-out of the read itself stops it
    with cipp_of(by_identity) as cipp:
        allow(cipp)
        api = Api()
        assert api.call("GET", "me", role=None, headers=application()).status == 200
        time.sleep(5.1)  # what was read is not valid any more
        by_identity.faults([{"host": TABLES_HOST, "mode": "hang", "path": "/ApiClients", "times": 1}])
        assert api.call("GET", "me", role=None, headers=application()).status in (200, 403)
        began = time.monotonic()
        while api.call("GET", "me", role=None, headers=application()).status == 403:
            assert time.monotonic() - began < 10
            time.sleep(0.2)


@pytest.mark.compares_times
def test_lock_is_renewed_after_a_renewal_was_refused_for_an_hour(by_identity: Sandbox) -> None:
    by_identity.faults([refuse(503, 3600, path="/CippBackendLocks", method="PATCH", times=1)])
    with row_lock(Clients(os.environ), "test", run_id="1", by="a test") as lock:
        time.sleep(RENEWED_EVERY.total_seconds() + PAUSE_SECONDS + 0.5)  # its keeper has met the refusal
        began = time.monotonic()
        lock.must_hold()
    assert time.monotonic() - began < SOON_SECONDS
    renewals = [call["status"] for call in by_identity.calls(TABLES_HOST) if call["method"] == "PATCH"]
    assert renewals == [503, 204]


@pytest.mark.compares_times
def test_retry_after_longer_than_a_renewal_may_take_is_not_waited_for(by_identity: Sandbox) -> None:
    retry_after = int(BRIEF["deadline_seconds"]) + 2  # a call of the tables may take longer, but not one of the lock
    with row_lock(Clients(os.environ), "test", run_id="1", by="a test") as lock:
        by_identity.faults([refuse(503, retry_after, path="/CippBackendLocks")])
        time.sleep(2.1)
        began = time.monotonic()
        with pytest.raises(LostLockError):
            lock.must_hold()
    assert time.monotonic() - began < SOON_SECONDS, "the release waited for it"
    by_identity.faults([])
