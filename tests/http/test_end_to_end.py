"""The API in its own process behind a real host, called over the network."""

from collections.abc import Iterator

import pytest

from tests.support import phrases
from tests.support.api import principal
from tests.support.host import Host, wait_for
from tests.support.project_host import project_host
from tests.support.sandbox_client import Sandbox

JSON = (("Content-Type", "application/json"),)


@pytest.fixture(scope="module")
def host(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The project on its own host, configured to use the sandbox."""
    with project_host(sandbox, tmp_path_factory.mktemp("end-to-end")) as running:
        yield running


def test_call_goes_from_the_socket_to_azure_and_back(host: Host) -> None:
    response = host.request("GET", "/api/ListFunctionApps")
    assert response.status == 200
    assert response.headers["content-type"].startswith("application/json")
    assert [app["Name"] for app in response.json()["Results"]] == ["cippabc12", "cippabc12-proc", "cippabc12-backend"]


@pytest.mark.parametrize(
    "path", ["/api/execbackendurls", "/API/EXECBACKENDURLS", "/api/ExecBackendURLs/?tenantFilter=x"]
)
def test_endpoint_path_is_case_insensitive(host: Host, path: str) -> None:
    assert "CloudShell" in host.request("GET", path).json()["Results"]


def test_post_changes_azure_and_returns_200(host: Host, sandbox: Sandbox) -> None:
    response = host.request(
        "POST", "/api/ExecFunctionAppStop", {"name": {"label": "Offload", "value": "cippabc12-proc"}}, JSON
    )
    assert response.status == 200
    assert sandbox.state()["sites"]["cippabc12-proc"]["state"] == "Stopped"
    assert host.request("POST", "/api/execfunctionappstart", {"All": True}, JSON).status == 200
    assert sandbox.state()["sites"]["cippabc12-proc"]["state"] == "Running"


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/", "/API/Docs"])
def test_docs_page_is_served_with_and_without_a_slash(host: Host, path: str) -> None:
    response = host.request("GET", path)
    assert (response.status, response.headers["location"]) == (302, "/api/docs/index.html")
    page = host.request("GET", response.headers["location"])
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert host.request("GET", "/api/docs/swagger-ui-bundle.js").headers["content-type"].startswith("text/javascript")
    assert host.request("HEAD", "/api/docs/index.html").status == 405


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/OpenAPI.json/"])
def test_openapi_document_has_its_own_path(host: Host, path: str) -> None:
    assert host.request("GET", path).json()["openapi"] == "3.1.0"
    assert host.request("GET", "/api/OpenApi").status == 404


@pytest.mark.parametrize("path", ["/api/docs/../../function_app.py", "/api/docs/%2e%2e/docs.py", "/api/docs/a%2Fb"])
def test_only_files_of_the_docs_page_are_served(host: Host, path: str) -> None:
    assert host.request("GET", path).status == 404


@pytest.mark.parametrize(
    "path", ["/api/Nope", "/api/", "/api/ListFunctionApps/x", "/api/%2e%2e/x", "/api/%ff", "/api/a%2Fb"]
)
def test_unknown_endpoint_returns_a_problem(host: Host, path: str) -> None:
    response = host.request("GET", path)
    assert response.status == 404
    assert response.headers["content-type"].startswith("application/problem+json")
    assert phrases.DOES_NOT_EXIST in response.json()["Results"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST"])
def test_wrong_method_gets_the_allowed_one(host: Host, method: str) -> None:
    response = host.request(method, "/api/ExecBackendURLs", headers=JSON)
    assert (response.status, response.headers["allow"]) == (405, "GET")
    assert response.body == b"" if method == "HEAD" else b"GET" in response.body


def test_callers_principal_has_priority_over_the_hosts(host: Host) -> None:
    sent = (("X-MS-CLIENT-PRINCIPAL", principal("readonly")),)
    assert host.request("GET", "/api/ExecBackendURLs", headers=sent).status == 403
    assert host.request("GET", "/api/me", headers=sent).json()["clientPrincipal"]["userRoles"][0] == "readonly"


def test_post_from_another_site_is_refused(host: Host) -> None:
    sent = (("Content-Type", "application/json"), ("Origin", "https://evil.example"))
    assert host.request("POST", "/api/ExecFunctionAppStop", {}, sent).status == 403
    own = (("Content-Type", "application/json"), ("Origin", f"http://localhost:{host.port}"))
    assert host.request("POST", "/api/ExecFunctionAppStop", {"DryRun": True}, own).status == 200


def test_invalid_body_names_its_field(host: Host) -> None:
    response = host.request("POST", "/api/ExecFunctionAppStop", b'{"Nmae": 1}', JSON)
    assert (response.status, response.json()["field"]) == (400, "Nmae")


def test_weekly_rotation_runs_when_the_host_triggers_it(host: Host, sandbox: Sandbox) -> None:
    assert host.request("POST", "/admin/functions/weeklykeyrotation", {"input": ""}, JSON).status == 202
    wait_for(lambda: "WeeklyKeyRotation finished" in host.log)
    assert len(sandbox.state()["vaults"]["cippabc12"]["secrets"]["RefreshToken"]) > 1
