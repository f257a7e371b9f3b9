"""CIPP's newest frontend on a CIPP that is a container: its shell and its Backend page get what they read.

The requests are those of `browser`. The cards are from the public source of the frontend, which chooses them by `ng`.
A container has no static web app, so the emulator stands for any proxy that signs users in.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.emulator.browser import AMSTERDAM, SHELL
from tests.emulator.site import Site, running_site
from tests.support import phrases
from tests.support.sandbox_client import Sandbox

LINKS: Final = "/api/ExecBackendURLs"
CARDS: Final = ("ResourceGroup", "KeyVault", "FunctionApp", "FunctionConfig", "AppServicePlan")  # if `ng` is true
COMMANDS: Final = ("RGName", "FunctionName")


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages of a CIPP that is a container."""
    with running_site(sandbox, tmp_path_factory.mktemp("emulator"), shape="container") as running:
        yield running


def me_of(site: Site) -> dict[str, Any]:
    """Return the caller as the shell gets it, once the shape is known. The shell requests it again and again."""
    browser = site.browser("admin")
    for _ in range(100):
        me: dict[str, Any] = browser.get("/api/me").json()
        if "hosted" in me:
            break
    return me


@pytest.mark.slow("the shell requests it until the shape is known")
def test_shell_learns_that_cipp_is_a_container(site: Site) -> None:
    me = me_of(site)
    assert (me["ng"], me["hosted"]) == (True, False)
    assert me["clientPrincipal"]["userDetails"] == "admin@contoso.com"
    assert me.get("initialSetupComplete") is not False  # else the shell would show its setup instead of any page
    assert [site.browser("admin").get(path).status_code for path in SHELL] == [200] * len(SHELL)


def test_backend_page_of_a_container_has_a_link_on_each_card(site: Site) -> None:
    results = site.browser("admin").get(LINKS).json()["Results"]
    assert all(results[card].startswith("https://portal.azure.com/") for card in CARDS)
    assert all(results[name] for name in COMMANDS)
    assert [results[name] for name in ("SWAName", "SWADomains", "SWARoles", "FunctionDeployment")] == [""] * 4
    assert results["Hosted"] is False


def test_time_zone_page_of_a_container_states_when_the_zone_is_effective(site: Site) -> None:
    answer = site.browser("superadmin").post("/api/ExecTimeSettings", {"Timezone": dict(AMSTERDAM)})
    assert answer.status_code == 200, answer.text
    assert phrases.NEXT_START in str(answer.json()["Results"])
    assert "WEBSITE_TIME_ZONE" not in answer.text
