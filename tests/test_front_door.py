"""The API in its own process behind a real host, as anyone on the network meets it."""

from collections.abc import Iterator

import pytest

from tests.api import principal
from tests.host.conftest import Host, wait_for
from tests.project_host import project_host
from tests.sandbox_client import Sandbox

JSON = (("Content-Type", "application/json"),)


@pytest.fixture(scope="module")
def host(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The project itself on a host of its own, aimed at the sandbox."""
    with project_host(sandbox, tmp_path_factory.mktemp("front-door")) as running:
        yield running


def test_a_whole_call_goes_from_the_socket_to_azure_and_back(host: Host) -> None:
    answer = host.request("GET", "/api/ListFunctionApps")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert [app["Name"] for app in answer.json()["Results"]] == ["cippabc12", "cippabc12-proc", "cippabc12-backend"]


@pytest.mark.parametrize(
    "path", ["/api/execbackendurls", "/API/EXECBACKENDURLS", "/api/ExecBackendURLs/?tenantFilter=x"]
)
def test_an_endpoint_is_found_whatever_the_case_of_its_address(host: Host, path: str) -> None:
    assert "CloudShell" in host.request("GET", path).json()["Results"]


def test_a_post_acts_and_tells(host: Host, sandbox: Sandbox) -> None:
    answer = host.request(
        "POST", "/api/ExecFunctionAppStop", {"name": {"label": "Offload", "value": "cippabc12-proc"}}, JSON
    )
    assert answer.status == 200
    assert sandbox.state()["sites"]["cippabc12-proc"]["state"] == "Stopped"
    assert host.request("POST", "/api/execfunctionappstart", {"All": True}, JSON).status == 200
    assert sandbox.state()["sites"]["cippabc12-proc"]["state"] == "Running"


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/", "/API/Docs"])
def test_the_page_of_the_description_is_found_with_a_slash_and_without(host: Host, path: str) -> None:
    answer = host.request("GET", path)
    assert (answer.status, answer.headers["location"]) == (302, "/api/docs/index.html")
    page = host.request("GET", answer.headers["location"])
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert host.request("GET", "/api/docs/swagger-ui-bundle.js").headers["content-type"].startswith("text/javascript")
    assert host.request("HEAD", "/api/docs/index.html").status == 405


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/OpenAPI.json/"])
def test_the_description_is_at_a_path_of_its_own(host: Host, path: str) -> None:
    assert host.request("GET", path).json()["openapi"] == "3.1.0"
    assert host.request("GET", "/api/OpenApi").status == 404


@pytest.mark.parametrize("path", ["/api/docs/../../function_app.py", "/api/docs/%2e%2e/docs.py", "/api/docs/a%2Fb"])
def test_no_file_but_the_page_s_is_served(host: Host, path: str) -> None:
    assert host.request("GET", path).status == 404


@pytest.mark.parametrize(
    "path", ["/api/Nope", "/api/", "/api/ListFunctionApps/x", "/api/%2e%2e/x", "/api/%ff", "/api/a%2Fb"]
)
def test_an_unknown_endpoint_is_a_problem_of_ours(host: Host, path: str) -> None:
    answer = host.request("GET", path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "does not exist" in answer.json()["Results"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST"])
def test_a_wrong_method_is_told_the_right_one(host: Host, method: str) -> None:
    answer = host.request(method, "/api/ExecBackendURLs", headers=JSON)
    assert (answer.status, answer.headers["allow"]) == (405, "GET")
    assert answer.body == b"" if method == "HEAD" else b"ExecBackendURLs is called by GET" in answer.body


def test_the_callers_own_principal_counts_before_the_hosts(host: Host) -> None:
    sent = (("X-MS-CLIENT-PRINCIPAL", principal("readonly")),)
    assert host.request("GET", "/api/ExecBackendURLs", headers=sent).status == 403
    assert host.request("GET", "/api/me", headers=sent).json()["clientPrincipal"]["userRoles"][0] == "readonly"


def test_a_form_of_another_site_is_refused(host: Host) -> None:
    sent = (("Content-Type", "application/json"), ("Origin", "https://evil.example"))
    assert host.request("POST", "/api/ExecFunctionAppStop", {}, sent).status == 403
    ours = (("Content-Type", "application/json"), ("Origin", f"http://localhost:{host.port}"))
    assert host.request("POST", "/api/ExecFunctionAppStop", {"DryRun": True}, ours).status == 200


def test_a_bad_body_names_its_field(host: Host) -> None:
    answer = host.request("POST", "/api/ExecFunctionAppStop", b'{"Nmae": 1}', JSON)
    assert (answer.status, answer.json()["field"]) == (400, "Nmae")


def test_the_weekly_rotation_runs_at_once_when_the_host_is_told_to(host: Host, sandbox: Sandbox) -> None:
    assert host.request("POST", "/admin/functions/weeklykeyrotation", {"input": ""}, JSON).status == 202
    wait_for(lambda: "WeeklyKeyRotation succeeded" in host.log)
    assert len(sandbox.state()["vaults"]["cippabc12"]["secrets"]["RefreshToken"]) > 1
