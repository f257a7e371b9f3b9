"""Whether a start or restart of CIPP's container counts as one, by the health that CIPP shows before and after it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest

from backend.azure.clients import Clients
from backend.azure.public_web import PublicWeb, WebResponse
from backend.concurrency.deadline import Deadline
from backend.hosting.container.health import Before, Health, SiteHealth, Start, health_of
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.own_tables import forget_starts
from tests.support.rotation.others import Others
from tests.support.rotation.scene import CERTIFICATE, SECRET
from tests.support.sandbox_client import Sandbox

SITE: Final = names.MAIN_SITE
HEALTH: Final = {"host": f"{SITE}.azurewebsites.net", "path": "health"}
SHUT: Final = {**HEALTH, "mode": "refuse", "status": 503}
SLOW: Final = {"shape": "container", "propagation_seconds": 0, "direct_tenants": 0, "start_seconds": 24}
NO_ROWS: Final = {"old_cipp": True, "no_instance_health": True}  # nothing else shows that CIPP has its keys


def phase(name: str, **startup: int) -> dict[str, Any]:
    return {"body": {"status": "ok", "ready": True, "phase": name, "startup": startup}}


LOOKS: Final[dict[str, dict[str, Any] | None]] = {
    "down": None,
    "1 starts": phase("HttpReady", httpReadyMs=100),
    "1": phase("Ready", httpReadyMs=100, fullyReadyMs=200),
    "2 starts": phase("HttpReady", httpReadyMs=101),
    "2": phase("Ready", httpReadyMs=101, fullyReadyMs=199),
    "bare": phase("Ready"),
    "other": {"status": 500, "body": {}},
}
# The look before the request, and those after it. The last one stays.
RESTARTS: Final = {
    "another process": ("1", ["2"], True),
    "another process, after a pause": ("1", ["1", "down", "2 starts", "2"], True),
    "the same process": ("1", ["1"], False),
    "the same process, which timed out": ("1", ["down", "1"], False),
    "the same process becomes ready": ("1 starts", ["1 starts", "1"], False),
    "the process that was starting becomes ready": ("down", ["down", "1 starts", "1"], False),
    "the same, and then another process": ("down", ["down", "1", "2"], True),
    "the same, and then another process after a pause": ("down", ["1", "down", "2"], True),
    "another response before": ("other", ["down", "1"], False),
    "no measurements, and it was down": ("bare", ["bare", "down", "bare"], True),
    "no measurements, and it was never down": ("bare", ["bare"], False),
    "no measurements of the one that was starting": ("down", ["down", "bare"], False),
    "measurements of the new one only": ("bare", ["down", "2 starts", "2"], True),
}
STARTS: Final = {
    "of a stopped app": ("down", ["down", "1 starts", "1"], True),
    "of a stopped app that is ready immediately": ("down", ["1"], True),
    "of a stopped app whose old process still responds": ("1", ["1"], False),
    "of a stopped app whose old process then ends": ("1", ["1", "down", "2"], True),
}


@pytest.fixture
def slow(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A CIPP in a container that was restarted, has read its keys, and is not ready yet. Only a start shows reads."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "60")
    azure.reset(**SLOW, **NO_ROWS)
    forget_starts(azure)
    Others(azure).restart(SITE)
    azure.advance(8.5)
    yield azure
    azure.faults([])
    forget_starts(azure)


def followed(sandbox: Sandbox, before: str, looks: Sequence[str], **request: bool) -> Start:
    """Return what `SiteHealth` sees of these looks."""
    faults: list[dict[str, Any]] = []
    for number, name in enumerate(looks, 1):
        answer = LOOKS[name]
        one = SHUT if answer is None else {**HEALTH, "answer": answer}
        faults.append({**one, "nth": number, "times": 0 if number == len(looks) else 1})
    sandbox.faults(faults)
    site = SiteHealth(PublicWeb(Clients(sandbox.env).limits), f"https://{SITE}.azurewebsites.net")
    seen = Before(health_by(before), **request)
    start = site.follow(seen, deadline=Deadline.after(1), every_seconds=0.02)
    sandbox.faults([])
    return start


def health_by(name: str) -> Health:
    """Return the health of a look before the request."""
    answer = LOOKS[name]
    if answer is None:
        return Health(is_up=False)
    body = json.dumps(answer["body"]).encode()
    return health_of(WebResponse(answer.get("status", 200), {"content-type": "application/json"}, body))


@pytest.mark.parametrize(("before", "looks", "counts"), RESTARTS.values(), ids=RESTARTS)
def test_restart_counts_only_if_another_process_was_seen(
    azure: Sandbox, before: str, looks: Sequence[str], counts: bool
) -> None:
    start = followed(azure, before, looks)
    assert start.is_complete is counts
    assert start.is_needed


@pytest.mark.parametrize(("before", "looks", "counts"), STARTS.values(), ids=STARTS)
def test_start_counts_if_the_app_was_stopped(azure: Sandbox, before: str, looks: Sequence[str], counts: bool) -> None:
    start = followed(azure, before, looks, was_stopped=True, replaces=False)
    assert start.is_complete is counts


@pytest.mark.parametrize("looks", [["1"], ["down", "2"], ["2"]], ids=str)
def test_start_never_counts_if_the_app_was_not_stopped(azure: Sandbox, looks: Sequence[str]) -> None:
    start = followed(azure, "1", looks, replaces=False)
    assert (start.is_needed, start.is_complete, start.health.is_ready) == (False, False, True)
    assert start.seconds < 1  # it does not wait for another process


def uses_current_keys(api: Api) -> str:
    (app,) = api.get("ListKeyRotations").results["Apps"]
    return str(app["RunsWithCurrentKeys"])


def renew(api: Api, name: str) -> str:
    answer = api.post("ExecKeyRotation", {"Names": [name], "Force": True})
    assert answer.status == 200, answer.text
    (report,) = answer.results["Keys"]
    return str(report["Outcome"])


def works(sandbox: Sandbox) -> bool:
    (process,) = sandbox.state()["cipp"]
    return bool(process["works"])


@pytest.mark.slow("CIPP starts during the test")
def test_start_of_a_starting_cipp_shows_nothing_about_its_keys(slow: Sandbox) -> None:
    api = Api()
    assert renew(api, SECRET) == "rotated"
    (app,) = api.post("ExecFunctionAppStart", {"Force": True}).results["Apps"]
    assert "Ready" in app["Seen"]
    assert phrases.WAS_NOT_STOPPED in app["Seen"]
    assert (app["Condition"], bool(app["NotSeen"])) == ("Up", True)  # it did not start again, and is up
    (process,) = slow.state()["cipp"]
    served = slow.state()["vaults"][names.VAULT]["secrets"][SECRET][-1]["version"]
    assert process["holds"][SECRET] != served
    assert uses_current_keys(api) != "yes"


def test_start_of_a_stopped_cipp_shows_that_it_has_its_keys(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "60")
    azure.reset(**{**SLOW, **NO_ROWS, "start_seconds": 0.4})
    forget_starts(azure)
    api = Api()
    assert renew(api, SECRET) == "rotated"
    assert uses_current_keys(api) != "yes"
    azure.advance(5)  # a start in the second of the store counts for nothing
    assert api.post("ExecFunctionAppStop").status == 200
    (app,) = api.post("ExecFunctionAppStart", {"Force": True}).results["Apps"]
    assert app["NotSeen"] is None
    assert uses_current_keys(api) == "yes"
    assert works(azure)


def test_restart_of_a_starting_cipp_shows_nothing_if_the_old_process_stays(
    azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    """Azure accepts the restart, and the process that was starting becomes ready before it is replaced."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "1")
    azure.reset(**{**SLOW, **NO_ROWS, "start_seconds": 0.4})
    forget_starts(azure)
    api = Api()
    assert renew(api, SECRET) == "rotated"
    azure.faults([{"path": "/restart$", "answer": {"status": 200}}, {**SHUT, "times": 3}])
    (app,) = api.post("ExecFunctionAppRestart", {"Force": True}).results["Apps"]
    assert app["NotSeen"]
    assert uses_current_keys(api) != "yes"


@pytest.mark.slow("CIPP starts during the test")
def test_start_of_a_starting_cipp_does_not_allow_a_second_certificate(slow: Sandbox) -> None:
    """On Sunday at 00:00, CIPP's own run removes all certificates but the newest two."""
    slow.reset(**SLOW, cipp_jobs=True, certificate_only=True, now="2026-09-19T12:00:00Z")
    forget_starts(slow)
    Others(slow).restart(SITE)
    slow.advance(8.5)
    api = Api()
    assert renew(api, CERTIFICATE) == "rotated"
    assert api.post("ExecFunctionAppStart", {"Force": True}).status == 200
    slow.advance(3_700)
    assert renew(api, CERTIFICATE) == "unchanged"
    slow.advance(11 * 3_600)  # past Sunday 00:00, and before CIPP reads its keys at 00:30
    assert slow.state()["now"] > "2026-09-20T00:00:00"
    assert works(slow)
