"""Timers run on their schedules and by the admin endpoint."""

from itertools import pairwise
from typing import Any

import pytest

from tests.support.host import Host, wait_for


def runs(host: Host, name: str) -> list[dict[str, Any]]:
    return [run for run in host.request("GET", "/api/runs").json() if run["name"] == name]


def test_timer_runs_on_its_schedule_without_overlap(host: Host) -> None:
    wait_for(lambda: len(runs(host, "every_second")) > 2)
    ran = runs(host, "every_second")
    # Each run takes 1.5 s of a schedule of one second.
    for earlier, later in pairwise(ran):
        assert later["at"] >= earlier["ended"]


def test_timer_with_run_on_startup_runs_at_start(host: Host) -> None:
    (run,) = runs(host, "at_start")
    assert run["past_due"] is False
    assert set(run["status"]) == {"Last", "Next", "LastUpdated"}


def test_admin_endpoint_runs_a_timer_immediately(host: Host) -> None:
    before = len(runs(host, "weekly"))
    for body in (None, {}, {"input": ""}):
        assert host.request("POST", "/admin/functions/Weekly", body).status == 202
    wait_for(lambda: len(runs(host, "weekly")) == before + 3)


def test_timer_that_returns_a_value_fails(host: Host) -> None:
    assert host.request("POST", "/admin/functions/returns_something").status == 202
    wait_for(lambda: "without a $return binding returned a non-None value" in host.log)
    assert "returns_something failed" in host.log


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/admin/functions/nowhere", None, 404),
        ("POST", "/admin/functions/refused", None, 404),
        ("POST", "/admin/functions/echo", None, 400),
        ("POST", "/admin/functions/weekly", b"{", 400),
        ("POST", "/admin/functions/weekly", [], 400),
        ("GET", "/admin/host/ping", None, 200),
        ("GET", "/admin/host/status", None, 200),
    ],
)
def test_admin_endpoints_return_their_status(host: Host, method: str, path: str, body: object, status: int) -> None:
    assert host.request(method, path, body).status == status


def test_functions_are_listed(host: Host) -> None:
    listed = {function["name"] for function in host.request("GET", "/admin/functions").json()}
    assert {"echo", "weekly"} <= listed
    assert "refused" not in listed
