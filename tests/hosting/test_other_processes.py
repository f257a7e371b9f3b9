"""What else runs with CIPP's tables, so that a row of them does not show what the container itself has read."""

import pytest

from backend.concurrency.deadline import Deadline
from backend.hosting.other_processes import apps_beside_container
from backend.installation.installation import Deployment
from sandbox import names
from settings.http.process import services
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

DEPLOYMENT = Deployment.of({"CIPP_FUNCTION_APP": "cipp", "WEBSITE_SITE_NAME": "watch"})
CONTAINER = "app,linux,container"


@pytest.mark.parametrize(
    ("name", "kind", "counts"),
    [
        ("cipp", CONTAINER, False),
        ("watch", "functionapp,linux", False),
        ("WATCH", "functionapp,linux", False),
        ("watch/staging", "functionapp,linux", False),
        ("cipp-proc", "functionapp", True),
        ("cipp-proc/staging", "functionapp", True),
        ("website", "app", True),
        ("functions", "functionapp,linux,container", True),
    ],
)
def test_app_beside_the_container_may_use_its_tables(name: str, kind: str, *, counts: bool) -> None:
    assert apps_beside_container([{"name": name, "kind": kind}], DEPLOYMENT) == [name] * counts


@pytest.mark.parametrize("kind", ["functionapp", "app"])
def test_container_is_not_single_beside_another_app(azure: Sandbox, kind: str) -> None:
    azure.reset(shape="container", start_seconds=1, propagation_seconds=0)
    Api()
    services().discovery.main_app.seen()
    sites = [
        {"name": names.MAIN_SITE, "kind": CONTAINER, "properties": {"state": "Running"}},
        {"name": "left-behind", "kind": kind, "properties": {"state": "Running"}},
    ]
    azure.faults([{"method": "GET", "path": "/Microsoft.Web/sites$", "edit": [["value", sites]], "times": 0}])
    (uptime,) = services().hosting.processes.uptimes.uptimes(Deadline.after(20))
    assert not uptime.is_single
