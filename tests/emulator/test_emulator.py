"""The part of CIPP's frontend that calls this API works behind Microsoft's static web app emulator."""

import base64
import json
import time
from collections.abc import Iterator

import pytest

from tests.emulator.browser import AMSTERDAM, SHELL
from tests.emulator.shell import ANSWERS
from tests.emulator.site import Site, running_site
from tests.support import phrases
from tests.support.api import principal
from tests.support.frontend import shown_of
from tests.support.sandbox_client import Sandbox

LINKS = "/api/ExecBackendURLs"
TIME = "/api/ExecTimeSettings"


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The static web app of a CIPP that is function apps."""
    with running_site(sandbox, tmp_path_factory.mktemp("emulator")) as running:
        yield running


def test_caller_is_the_emulators_principal(site: Site) -> None:
    browser = site.browser("superadmin")
    platform = browser.get("/.auth/me").json()["clientPrincipal"]
    ours = browser.get("/api/me").json()
    assert ours["clientPrincipal"]["userDetails"] == platform["userDetails"] == "admin@contoso.com"
    assert set(ours["clientPrincipal"]["userRoles"]) == set(platform["userRoles"])
    assert {"CIPP.AppSettings.Read", "CIPP.SuperAdmin.ReadWrite"} <= set(ours["permissions"])
    _, headers = site.shell.seen[-1]
    forwarded = json.loads(base64.b64decode(headers["x-ms-client-principal"]))
    assert forwarded["userRoles"] == ["anonymous", "authenticated", "superadmin"]
    assert headers["x-ms-original-url"] == f"{site.address}/api/me"


def test_principal_header_of_the_browser_is_ignored_when_signed_in(site: Site) -> None:
    answer = site.browser("readonly").get(LINKS, X_MS_CLIENT_PRINCIPAL=principal("superadmin"))
    assert answer.status_code == 403


def test_backend_page_gets_its_links(site: Site) -> None:
    answer = site.browser("admin").get(LINKS)
    assert answer.status_code == 200
    results = answer.json()["Results"]
    cards = ("ResourceGroup", "KeyVault", "SWARoles", "FunctionDeployment", "FunctionConfig", "FunctionApp")
    assert all(results[card].startswith("https://portal.azure.com/") for card in cards)
    assert (results["RGName"], results["FunctionName"], results["SWAName"]) == ("cipp", "cippabc12", "cipp-swa-abc12")
    assert results["Hosted"] is False


def test_time_zone_page_sets_a_zone_and_reads_it_back(site: Site) -> None:
    browser = site.browser("superadmin")
    assert browser.get(LINKS).json()["Results"]["Timezone"] == "UTC"
    answer = browser.post(TIME, {"Timezone": dict(AMSTERDAM)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["Timezone"] == "Europe/Amsterdam"
    ((shown, severity),) = shown_of(answer.json())
    assert severity == "success"
    assert "Europe/Amsterdam" in shown
    time.sleep(1)  # the page also waits before it reads the zone again
    assert browser.get(LINKS).json()["Results"]["Timezone"] == "Europe/Amsterdam"


@pytest.mark.parametrize("sent", [{}, {"Timezone": {"label": "x", "value": "No/Where", "alternativeName": "x"}}])
def test_invalid_zone_is_shown_as_error_and_not_retried(site: Site, sent: object) -> None:
    answer = site.browser("superadmin").post(TIME, sent)
    assert answer.status_code == 400
    assert shown_of(answer.json(), failed=True) == [(answer.json()["Results"], "error")]


@pytest.mark.parametrize("version", ["unknown", "10.9.0-beta+1", "", "\u00e9"])
def test_request_succeeds_with_any_frontend_version(site: Site, version: str) -> None:
    assert site.browser("admin").get(LINKS, X_CIPP_Version=version).ok


def test_response_has_the_correlation_id_of_the_log(site: Site) -> None:
    answer = site.browser("admin").get(LINKS)
    assert f'"correlationId": "{answer.headers["x-correlation-id"]}"' in site.host.log


def test_unauthenticated_requests_are_denied(site: Site) -> None:
    browser = site.browser()
    assert browser.get("/.auth/me").json() == {"clientPrincipal": None}
    for answer in (browser.get("/api/me"), browser.get(LINKS), browser.post(TIME, {"Timezone": dict(AMSTERDAM)})):
        assert answer.status_code == 401
        assert phrases.NOT_SIGNED_IN in answer.json()["Results"]


@pytest.mark.parametrize("role", ["readonly", "editor", "admin"])
def test_role_without_permission_cannot_set_the_zone(site: Site, role: str) -> None:
    answer = site.browser(role).post(TIME, {"Timezone": dict(AMSTERDAM)})
    assert (answer.status_code, answer.json()["permission"]) == (403, "CIPP.SuperAdmin.ReadWrite")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": None},
        {"Origin": "null", "Sec_Fetch_Site": None},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_page_of_another_site_cannot_set_the_zone(site: Site, headers: dict[str, str | None]) -> None:
    answer = site.browser("superadmin").post(TIME, {"Timezone": "Asia/Tokyo"}, **headers)
    assert answer.status_code == 403
    assert phrases.CROSS_SITE in answer.json()["Results"]


def test_old_browser_that_sends_only_its_origin_is_allowed(site: Site) -> None:
    answer = site.browser("superadmin").post(TIME, {"Timezone": "UTC", "DryRun": True}, Sec_Fetch_Site=None)
    assert answer.status_code == 200, answer.text


def test_other_requests_of_the_shell_reach_only_the_stub(site: Site) -> None:
    browser = site.browser("superadmin")
    assert [browser.get(path).status_code for path in SHELL] == [200] * len(SHELL)
    sent = (("X-MS-CLIENT-PRINCIPAL", principal("superadmin")),)
    assert {site.host.request("GET", path, headers=sent).status for path in ANSWERS} == {404}
