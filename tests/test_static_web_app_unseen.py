"""A static web app that our identity may not see, or that is not linked, is told so, and not that there is none."""

import pytest

from sandbox import names
from tests.admin import SITES_API, VAULT, WEB, Admin
from tests.api import Api
from tests.sandbox_client import Sandbox

MAIN = f"{WEB}/sites/{names.MAIN_SITE}"
STATIC = f"{WEB}/staticSites/{names.STATIC_SITE}"


@pytest.fixture
def admin(azure: Sandbox) -> Admin:
    return Admin(azure)


def card(api: Api) -> dict[str, object]:
    """The static web app's card."""
    cards = api.get("ListBackend").results["Cards"]
    found: dict[str, object] = next(card for card in cards if card["Kind"] == "StaticWebApp")
    return found


def test_an_identity_that_sees_the_app_alone_is_not_told_that_there_is_none(admin: Admin, api: Api) -> None:
    admin.take_roles()
    for seen in (MAIN, VAULT):
        admin.give_role("Reader", seen)
    links = api.get("ExecBackendURLs").results
    assert links["SWAName"] == names.STATIC_SITE  # by the template's rule, and said to be so
    assert not any("has none" in warning for warning in links["Warnings"])
    assert any("resourceGroups/read" in warning for warning in links["Warnings"])
    answer = api.get("ListStaticWebApp")
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert "Reader" in answer.results


def test_one_that_is_not_linked_is_told_so(admin: Admin, api: Api) -> None:
    for kind in ("linkedBackends", "userProvidedFunctionApps"):
        for linked in admin.call("GET", f"{STATIC}/{kind}", SITES_API)["value"]:
            admin.call("DELETE", f"{STATIC}/{kind}/{linked['name']}", SITES_API)
    found = card(api)
    assert (found["Name"], found["Exists"], found["State"]) == (names.STATIC_SITE, True, "NotLinked")
    assert names.MAIN_SITE in str(found["Problems"])
    assert api.get("ListStaticWebApp").results["LinkedBackends"] == []
