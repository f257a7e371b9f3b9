"""In the Government and China clouds, no call and no address in a response leads to the public cloud."""

import json
import re

import msgspec
import pytest

import function_app
from backend.configuration.clouds import CHINA, PUBLIC, US_GOVERNMENT, Cloud
from sandbox import names
from settings.http.routes import Route, all_routes
from tests.examples import prepared
from tests.support import phrases
from tests.support.api import Api, functions
from tests.support.http_file import address_of
from tests.support.sandbox_client import Sandbox

OTHERS = (US_GOVERNMENT, CHINA)
PUBLIC_HOSTS = re.compile(
    r"[\w.-]*(?:(?<!usgov)azure\.com|azure\.net|windows\.net|azurewebsites\.net|azurestaticapps\.net|microsoftonline\.com|"
    r"(?<!learn\.)(?<!go\.)(?<!schemas\.)microsoft\.com|status\.microsoft|office\.com)\b",
    re.IGNORECASE,
)
ROUTES = [route for route in all_routes(function_app.PAGES) if not route.raw]


@pytest.fixture(params=OTHERS, ids=lambda cloud: cloud.name)
def cloud(request: pytest.FixtureRequest, azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Cloud:
    del azure
    found: Cloud = request.param
    nowhere.setenv("CIPP_CLOUD", found.name)
    return found


def public_hosts(text: str) -> set[str]:
    return {found.lower() for found in PUBLIC_HOSTS.findall(text)}


def data_of(azure: Sandbox) -> set[str]:
    """Return the public hosts in the sandbox's state: they are Azure's data, not this app's addresses."""
    state = json.dumps(azure.state())
    bodies = "".join(str(call["response_body"]) for call in azure.calls(tables=True))
    return public_hosts(state + bodies) | {names.TENANT_DOMAIN}  # of the users' names


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_no_call_and_no_response_names_a_public_host(azure: Sandbox, cloud: Cloud, route: Route) -> None:
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    # What prepares these three (`PREPARE` in tests/examples.py) calls the public cloud itself.
    is_bare = route.name in ("ExecFunctionAppDeploymentSync", "ExecKeyVaultSecretRestore", "ExecKeySignInFinish")
    body = dict(route.shown.example or {}) if is_bare else prepared(azure, route)
    before = len(azure.calls())
    answer = Api().post(route.path, body) if route.body else Api().get(address_of(route))
    hosts = {call["host"] for call in azure.calls()[before:]}
    assert not public_hosts(" ".join(hosts)), answer.text
    assert public_hosts(answer.text) <= data_of(azure)
    assert answer.status < 500 or phrases.DID_NOT_RESPOND not in answer.text, (cloud.name, answer.text)


@pytest.mark.parametrize("timer", ["weeklykeyrotation", "keyrotationcatchup"])
def test_no_timer_calls_a_public_host(azure: Sandbox, cloud: Cloud, timer: str) -> None:
    Api()  # a new process
    functions()[timer].get_user_function()(None)
    hosts = {call["host"] for call in azure.calls()}
    assert hosts
    assert not public_hosts(" ".join(hosts))
    assert cloud.graph.removeprefix("https://") in hosts


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("name", ["ListBackend", "ExecBackendURLs", "ListFunctionApps", "ListKeyVaultSecrets"])
def test_no_advice_names_a_public_host(azure: Sandbox, cloud: Cloud, name: str, status: int) -> None:
    host = cloud.arm.removeprefix("https://")
    azure.faults([{"host": host, "mode": "refuse", "status": status, "times": 0}])
    assert public_hosts(Api().get(name).text) <= data_of(azure)


def test_every_address_of_a_cloud_is_its_own() -> None:
    public = {value for value in vars_of(PUBLIC) if value != PUBLIC.name}
    for cloud in OTHERS:
        assert not public & set(vars_of(cloud))
        assert not public_hosts(" ".join(vars_of(cloud)))


def vars_of(cloud: Cloud) -> list[str]:
    return [str(value) for value in msgspec.structs.astuple(cloud)]
