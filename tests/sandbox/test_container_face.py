"""The container over HTTP: health, version, ping, and what it shows while it starts."""

import base64
import json

import pytest
import requests

from sandbox import names
from tests.support.sandbox.arm import SITE, Arm
from tests.support.sandbox_client import Sandbox

HOST = f"https://{names.MAIN_SITE}.azurewebsites.net"


def get(sandbox: Sandbox, path: str, host: str = HOST, **headers: str) -> requests.Response:
    return sandbox.web().get(f"{host}{path}", headers=headers, allow_redirects=False)


def test_open_paths_respond_without_sign_in(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    health = get(sandbox, "/api/setup/health").json()
    assert (health["status"], health["ready"], health["phase"]) == ("ok", True, "Ready")
    assert health["startup"]["fullyReadyMs"] > 0
    version = get(sandbox, "/version.json").json()
    assert (version["version"], version["tag"], len(version["commit"])) == ("10.8.5", "latest", 40)
    assert get(sandbox, "/api/PublicPing").json()["Results"]["Message"] == "Pong"


@pytest.mark.parametrize("path", ["/healthz", "/api/me", "/", "/api/PublicPingX"])
def test_other_paths_lead_to_the_sign_in(sandbox: Sandbox, path: str) -> None:
    sandbox.reset(shape="container")
    redirected = get(sandbox, path)
    assert redirected.status_code == 302
    assert names.SSO_APP_ID in redirected.headers["location"]


def test_start_goes_from_dark_to_ready_with_the_new_version(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", update_available=True)
    Arm(sandbox).call("POST", f"{SITE}/restart")
    seen = [get(sandbox, "/api/setup/health").status_code]
    sandbox.advance(30)
    seen.append(get(sandbox, "/version.json").status_code)
    assert seen == [503, 502]
    sandbox.advance(16)
    health = get(sandbox, "/api/setup/health").json()
    assert (health["phase"], health["startup"]["fullyReadyMs"]) == ("HttpReady", 0)
    sandbox.advance(30)
    assert get(sandbox, "/api/setup/health").json()["phase"] == "Ready"
    assert get(sandbox, "/version.json").json()["version"] == "10.8.6"


def test_stopped_container_shows_the_page_of_app_service(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    Arm(sandbox).call("POST", f"{SITE}/stop")
    shown = get(sandbox, "/api/setup/health")
    assert shown.status_code == 403
    assert "stopped" in shown.text


def test_container_without_sign_in_trusts_any_principal(sandbox: Sandbox) -> None:
    principal = {"userDetails": "someone", "userRoles": ["superadmin"]}
    header = {"x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode()}
    sandbox.reset(shape="container", sign_in_off=True)
    assert get(sandbox, "/api/me", **header).json()["clientPrincipal"] == principal
    sandbox.reset(shape="container")
    assert get(sandbox, "/api/me", **header).status_code == 302


def test_custom_host_name_leads_to_the_container(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container")
    assert get(sandbox, "/version.json", "https://cipp.example.com").status_code == 501
    body = {"properties": {"customHostNameDnsRecordType": "CName"}}
    Arm(sandbox).call("PUT", f"{SITE}/hostNameBindings/cipp.example.com", body)
    assert get(sandbox, "/version.json", "https://cipp.example.com").json()["version"] == "10.8.5"


def test_function_app_has_no_face(sandbox: Sandbox) -> None:
    sandbox.reset()
    assert get(sandbox, "/version.json").status_code == 501


def test_branch_build_names_its_own_tag(sandbox: Sandbox) -> None:
    for tag in ("dev", "preview-tables"):
        sandbox.reset(shape="container", pinned=tag)
        assert get(sandbox, "/version.json").json()["tag"] == tag
    sandbox.reset(shape="container", pinned="10.8.4")
    assert get(sandbox, "/version.json").json() | {"commit": "", "buildDate": ""} == {
        "version": "10.8.4",
        "commit": "",
        "tag": "latest",
        "buildDate": "",
    }
