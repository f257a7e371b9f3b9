"""An app on Flex Consumption in the sandbox: its deployment site, its front end and its host's status."""

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import pytest
import requests

from sandbox import names
from tests.support.admin import ARM, Admin
from tests.support.sandbox.deployments import OWN_GROUP, Deployments
from tests.support.sandbox.installed_app import APP, FUNCTIONS, whole_template
from tests.support.sandbox_client import Sandbox

SITE: Final = f"https://{APP}.azurewebsites.net"
SCM: Final = f"https://{APP}.scm.azurewebsites.net"
CLIENT: Final = "6d1f0a3e-2b58-4c97-9e14-7a5c3d8f6b20"
CLI: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
TIMER: Final = {"WeeklyKeyRotation": [{"type": "timerTrigger"}]}


def package(*files: str) -> bytes:
    """Return a zip file with these names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for name in files:
            target.writestr(name, "{}")
    return content.getvalue()


NOTHING: Final[Mapping[str, str]] = {}
PACKAGE: Final = package("host.json", "function_app.py")


@pytest.fixture
def azure(sandbox: Sandbox) -> Sandbox:
    """Return the sandbox with the app, to which the Azure CLI may send tokens."""
    sandbox.reset(propagation_seconds=0)
    deployments = Deployments(sandbox, group=OWN_GROUP)
    deployments.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})
    deployments.outputs(whole_template(), **{**FUNCTIONS, "clientId": CLIENT, "allowedApplications": [CLI]})
    return sandbox


def token(azure: Sandbox, resource: str, user: str = names.ADMIN_ID) -> dict[str, str]:
    """Return the header of a person's token for a resource."""
    found = azure.fetch("GET", f"/sandbox/token/{user}?resource={resource}")
    return {"Authorization": f"Bearer {found['access_token']}"}


def publish(
    azure: Sandbox, content: bytes = PACKAGE, query: str = "RemoteBuild=false", headers: Mapping[str, str] = NOTHING
) -> Any:  # noqa: ANN401 - a response
    """Send a package as the Azure CLI does."""
    sent = {"Content-Type": "application/zip", **token(azure, "https://appservice.azure.com"), **headers}
    return azure.web().post(f"{SCM}/api/publish?{query}&Deployer=az_cli", data=content, headers=sent)


def latest(azure: Sandbox) -> requests.Response:
    """Return the last deployment as the Azure CLI reads it."""
    return azure.web().get(f"{SCM}/api/deployments/latest", headers=token(azure, "https://appservice.azure.com"))


def test_package_is_published_after_a_moment(azure: Sandbox) -> None:
    assert latest(azure).status_code == 404
    assert publish(azure).status_code == 202
    assert latest(azure).json()["status"] == 2
    assert publish(azure).status_code == 409
    azure.advance(3)
    assert latest(azure).json()["status"] == 4
    assert len(azure.state()["sites"][APP]["package"]["sha256"]) == 64


@pytest.mark.parametrize("content", [b"no zip", package("host.json"), package("app/host.json", "app/function_app.py")])
def test_package_without_an_app_fails_and_changes_nothing(azure: Sandbox, content: bytes) -> None:
    assert publish(azure, content).status_code == 202
    azure.advance(3)
    assert latest(azure).json()["status"] == 3
    assert azure.state()["sites"][APP]["package"] is None


def test_package_is_refused_as_azure_refuses_it(azure: Sandbox) -> None:
    assert publish(azure, headers={"Content-Type": "application/octet-stream"}).status_code == 415
    assert publish(azure, headers={"Authorization": "Bearer nothing"}).status_code == 401
    assert publish(azure, headers=token(azure, "https://vault.azure.net")).status_code == 401
    other = token(azure, "https://appservice.azure.com", names.MEMBER_ID)
    assert publish(azure, headers=other).status_code == 403
    assert publish(azure, query="RemoteBuild=true").status_code == 501
    assert azure.state()["sites"][APP]["package"] is None


def test_package_is_refused_when_the_app_cannot_store_it(azure: Sandbox) -> None:
    deployments = Deployments(azure, group=OWN_GROUP)
    deployments.admin.call("DELETE", f"{OWN_GROUP}/providers/Microsoft.Authorization/locks/cipp-backend", "2020-05-01")
    roles = f"{OWN_GROUP}/providers/Microsoft.Authorization/roleAssignments"
    for one in deployments.admin.call("GET", roles, "2022-04-01")["value"]:
        if "Microsoft.Storage" in one["properties"]["scope"]:
            deployments.admin.call("DELETE", one["id"], "2022-04-01")
    refused = publish(azure)
    assert refused.status_code == 400
    assert "BlobUploadFailedException" in refused.text


class Echo(BaseHTTPRequestHandler):
    """A host that returns the path and the caller."""

    def do_GET(self) -> None:
        """Respond."""
        content = f"{self.path} {'x-ms-client-principal' in self.headers} {'authorization' in self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def running(azure: Sandbox) -> Iterator[Sandbox]:
    """Return the sandbox with a host of the app."""
    server = HTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    azure.control("POST", "hosts", {"site": APP, "url": url, "functions": TIMER})
    yield azure
    server.shutdown()
    server.server_close()


def get(azure: Sandbox, path: str, **headers: str) -> requests.Response:
    """Call the app."""
    return azure.web().get(SITE + path, headers=headers)


def test_app_without_a_host_is_unavailable(azure: Sandbox) -> None:
    assert get(azure, "/api/PublicPing").status_code == 503


def test_excluded_path_needs_no_sign_in_and_names_no_caller(running: Sandbox) -> None:
    found = get(running, "/api/PublicPing", **{"X-MS-CLIENT-PRINCIPAL": "forged"})
    assert (found.status_code, found.text) == (200, "/api/PublicPing False False")


@pytest.mark.parametrize("path", ["/api/me", "/admin/host/status", "/api/PublicPing/x"])
def test_other_path_needs_a_sign_in(running: Sandbox, path: str) -> None:
    assert get(running, path, **{"X-MS-CLIENT-PRINCIPAL": "forged"}).status_code == 401


def test_token_of_an_allowed_client_reaches_the_host(running: Sandbox) -> None:
    graph = f"https://graph.microsoft.com/v1.0/applications(uniqueName='{APP}')"
    admin = {**token(running, "https://graph.microsoft.com"), "Prefer": "create-if-missing"}
    client = running.web().patch(graph, json={"displayName": APP}, headers=admin).json()["appId"]
    scope = {"id": CLIENT, "value": "access", "type": "Admin", "isEnabled": True}
    allowed = [{"appId": CLI, "delegatedPermissionIds": [CLIENT]}]
    uris = {"identifierUris": [f"api://{client}"], "api": {"oauth2PermissionScopes": [scope]}}
    for change in (uris, {"api": {"preAuthorizedApplications": allowed}}):
        assert running.web().patch(graph, json=change, headers=admin).ok
    whole, deployments = whole_template(), Deployments(running, group=OWN_GROUP)
    deployments.outputs(whole, **{**FUNCTIONS, "clientId": client, "allowedApplications": [CLI]})
    ours = token(running, f"api://{client}")
    assert get(running, "/api/me?x=1", **ours).text == "/api/me?x=1 True False"
    deployments.outputs(whole, **{**FUNCTIONS, "clientId": client})
    assert get(running, "/api/me", **ours).status_code == 403
    assert get(running, "/api/me", **token(running, "https://vault.azure.net")).status_code == 401


def test_host_shows_its_functions_and_status_in_resource_manager(running: Sandbox) -> None:
    admin = Deployments(running, group=OWN_GROUP).admin
    site = f"{OWN_GROUP}/providers/Microsoft.Web/sites/{APP}"
    listed = admin.call("GET", f"{site}/functions", "2024-04-01")["value"]
    assert [one["properties"]["name"] for one in listed] == ["WeeklyKeyRotation"]
    status = admin.call("GET", f"{site}/host/default/properties/status", "2024-04-01")
    assert status["properties"]["state"] == "Running"


def test_new_package_stops_the_host(running: Sandbox) -> None:
    assert publish(running).status_code == 202
    web = Deployments(running, group=OWN_GROUP).admin.web
    url = f"{ARM}{OWN_GROUP}/providers/Microsoft.Web/sites/{APP}/host/default/properties/status"
    refused = web.get(url, params={"api-version": "2024-04-01"})
    assert refused.status_code == 400
    assert "from host runtime" in refused.text
    assert get(running, "/api/PublicPing").status_code == 503


@pytest.mark.parametrize(
    "body",
    [
        b'{"site": "nothing", "url": "http://127.0.0.1:1", "functions": {}}',
        b'{"site": "cippabc12-watch", "url": "https://example.com", "functions": {}}',
        b'{"site": "cippabc12-watch"}',
    ],
)
def test_host_is_refused_when_it_is_not_on_this_machine(azure: Sandbox, body: bytes) -> None:
    assert azure.refused("hosts", body)[0] == 400


def test_versions_of_a_language_show_when_support_stops(sandbox: Sandbox) -> None:
    """As in Microsoft's own list, which Azure CLI 2.60 reads before it publishes."""
    path = "/providers/Microsoft.Web/locations/westeurope/functionAppStacks"
    listed = Admin(sandbox).call("GET", path, "2020-10-01")["value"]
    minor = [
        one for stack in listed for major in stack["properties"]["majorVersions"] for one in major["minorVersions"]
    ]
    ends = {one["value"]: settings["endOfLifeDate"] for one in minor for settings in one["stackSettings"].values()}
    assert ends == {
        "3.11": "2027-10-31T00:00:00Z",
        "3.12": "2028-10-31T00:00:00Z",
        "3.13": "2029-10-31T00:00:00Z",
        "7.4": "2026-11-10T00:00:00Z",
    }
