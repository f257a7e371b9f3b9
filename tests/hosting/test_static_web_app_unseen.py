"""A static web app that the identity can't see, or that is not linked, is not reported as missing."""

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.admin import SITES_API, VAULT, WEB, Admin
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

MAIN = f"{WEB}/sites/{names.MAIN_SITE}"
STATIC = f"{WEB}/staticSites/{names.STATIC_SITE}"


@pytest.fixture
def admin(azure: Sandbox) -> Admin:
    return Admin(azure)


def card(api: Api) -> dict[str, object]:
    """Return the static web app's card."""
    cards = api.get("ListBackend").results["Cards"]
    found: dict[str, object] = next(card for card in cards if card["Kind"] == "StaticWebApp")
    return found


def test_static_web_app_counts_as_unknown_when_the_identity_lacks_reader(admin: Admin, api: Api) -> None:
    admin.take_roles()
    for seen in (MAIN, VAULT):
        admin.give_role("Reader", seen)
    links = api.get("ExecBackendURLs").results
    assert links["SWAName"] == names.STATIC_SITE  # by the template's rule, with a warning
    assert not any(phrases.NO_LINKED_STATIC_WEB_APP in warning for warning in links["Warnings"])
    assert any("resourceGroups/read" in warning for warning in links["Warnings"])
    answer = api.get("ListStaticWebApp")
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert "Reader" in answer.results


def test_unlinked_static_web_app_is_reported(admin: Admin, api: Api) -> None:
    for kind in ("linkedBackends", "userProvidedFunctionApps"):
        for linked in admin.call("GET", f"{STATIC}/{kind}", SITES_API)["value"]:
            admin.call("DELETE", f"{STATIC}/{kind}/{linked['name']}", SITES_API)
    found = card(api)
    assert (found["Name"], found["Exists"], found["State"]) == (names.STATIC_SITE, True, "NotLinked")
    assert names.MAIN_SITE in str(found["Problems"])
    assert api.get("ListStaticWebApp").results["LinkedBackends"] == []
