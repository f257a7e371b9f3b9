"""Each write of a container's domains fails in each way. Repeated, it ends correctly, and others lose nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox import names
from tests.hosting.test_container_domains import started
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.bad_days import IMPATIENT, day_of
from tests.support.sandbox.person import Person
from tests.support.sandbox_client import Sandbox

HOST, OTHER = "cipp.contosomsp.com", "other.contosomsp.com"
APP = f"/applications/{names.SSO_OBJECT_ID}"
CALLBACK = f"https://{HOST}/.auth/login/aad/callback"
OTHERS = "https://others.contosomsp.com/callback"
Condition = Callable[[Sandbox], bool]


def binding(azure: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = azure.state()["sites"][names.MAIN_SITE]["hostNameBindings"].get(HOST, {})
    return found


def has_certificate(azure: Sandbox) -> bool:
    return any(one["host"] == HOST for one in azure.state()["certificates"].values())


def callbacks(azure: Sandbox) -> list[str]:
    found: list[str] = Person(azure).make("GET", APP)["web"]["redirectUris"]
    return found


# In this order: the step, the call that fails, and what is so afterwards.
STEPS: list[tuple[str, str, str, Condition]] = [
    ("Add", "PUT", "/hostNameBindings/", lambda azure: binding(azure) != {}),
    ("Secure", "PUT", "/certificates/", has_certificate),
    ("Secure", "PUT", "/hostNameBindings/", lambda azure: binding(azure).get("sslState") == "SniEnabled"),
    ("RepairSignIn", "PATCH", "/applications/", lambda azure: CALLBACK in callbacks(azure)),
    ("Remove", "DELETE", "/hostNameBindings/", lambda azure: binding(azure) == {}),
    ("Remove", "DELETE", "/certificates/", lambda azure: not has_certificate(azure)),
]
MODES: list[dict[str, object]] = [
    {"mode": "drop-after"},
    {"mode": "refuse", "status": 403},
    {"mode": "refuse", "status": 429},
    {"mode": "refuse", "status": 503},
    {"mode": "refuse-then-do", "status": 500},
    {"mode": "drop-before"},
    {"mode": "hang"},
]


def call(api: Api, step: str) -> Answer:
    return api.post(f"ExecBackendDomain{step}", {"Domain": HOST, "Force": True})


@pytest.mark.slow("six writes, each repeated by the SDK until its deadline")
@pytest.mark.parametrize("fault", MODES, ids=day_of)
def test_repeated_step_ends_correctly_after_each_failure(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    api = started(azure)
    for step in ("Add", "Secure"):
        assert api.post(f"ExecBackendDomain{step}", {"Domain": OTHER}).status == 200
    azure.advance(60)
    Person(azure).make("PATCH", APP, {"web": {"redirectUris": [*callbacks(azure), OTHERS]}})
    for step, method, path, condition in STEPS:
        azure.faults([{"method": method, "path": path, "times": 0, **fault}])
        failed = call(api, step)
        assert failed.status in (200, 404, 500), failed.text
        assert phrases.INTERNAL_ERROR not in failed.text
        azure.faults([])
        repeated = call(api, step)
        assert repeated.status in ((200, 404) if step == "Remove" else (200,)), repeated.text
        assert condition(azure), (step, method, path)
        azure.advance(60)
    assert {OTHERS, CALLBACK} < set(callbacks(azure))
    assert [one["host"] for one in azure.state()["certificates"].values()] == [OTHER]


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/analyzeCustomHostname", True),
        ("/certificates$", True),
        ("/applications", True),
        ("/CippBackendDomains", True),
        ("/Config", True),
        ("/hostNameBindings$", False),
    ],
)
def test_list_shows_what_can_be_read(azure: Sandbox, path: str, *, known: bool) -> None:
    api = started(azure)
    assert api.post("ExecBackendDomainAdd", {"Domain": HOST}).status == 200
    for fault in ({"mode": "refuse", "status": 403}, {"edit": [["value", 7], ["properties", 7], ["web", 7]]}):
        azure.faults([{"method": "GET", "path": path, "times": 0, **fault}])
        answer = api.get("ListBackendDomains")
        assert answer.status == (200 if known else 500), answer.text
        assert phrases.INTERNAL_ERROR not in answer.text
        if known:
            (domain,) = answer.results["Domains"]
            assert (domain["Name"], domain["IsBound"]) == (HOST, True)
    azure.faults([])
