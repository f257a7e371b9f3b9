"""From where roles may call: CIPP's ranges by role, for people."""

import os
from collections.abc import Iterator

import pytest

from sandbox import names
from settings.access.caller import identify
from settings.http.process import services
from tests.support import phrases
from tests.support.api import Answer, Api, principal
from tests.support.cipp import Cipp, at, cipp_of
from tests.support.principals import user, visitor
from tests.support.sandbox_client import Sandbox
from tests.support.silence import silent_storage

MAY = "ListKeyRotations"
INSIDE, OUTSIDE = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def ask(headers: dict[str, str], name: str = MAY, api: Api | None = None) -> Answer:
    return (api or Api()).call("GET", name, role=None, headers=headers)


@pytest.mark.parametrize("headers", [visitor("a@b", "admin"), user("admin"), user()], ids=["visitor", "token", "group"])
def test_role_with_ranges_applies_only_to_addresses_inside_them(cipp: Cipp, headers: dict[str, str]) -> None:
    cipp.group("admin", names.GROUP_ID)
    cipp.ranges("admin", f"{INSIDE}/24")
    api = Api()
    assert ask(at(INSIDE, headers), MAY, api).status == 200
    for address in (OUTSIDE, "", "unknown", f"{INSIDE}, {OUTSIDE}"):
        refused = ask(at(address, headers), MAY, api)
        assert refused.status == 403
        assert "address" in refused.results
        unknown = ask(at(address, headers), "Nope", api)
        assert (unknown.status, "address" in unknown.results) == (403, True)
    assert ask(headers, MAY, api).status == 403


def test_address_that_a_caller_adds_to_the_header_does_not_count(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    cipp.ranges("admin", f"{INSIDE}/24")
    nowhere.setenv("TRUSTED_PROXIES", "20.50.2.0/24")
    admin, api = visitor("a@b", "admin"), Api()
    assert ask(at(f"{OUTSIDE}, 20.50.2.3:443", admin), MAY, api).status == 403
    past = ask(at(f"{INSIDE}, {OUTSIDE}:4711", admin), MAY, api)
    assert (past.status, OUTSIDE in past.results) == (403, True)
    assert ask(at(f"{INSIDE}:4711, 20.50.2.3:443", admin), MAY, api).status == 200
    assert ask(at(INSIDE, admin), MAY, api).status == 200


@pytest.mark.parametrize("setting", ["PLANTED", "1,20.50.2.0/24", "20.50.2.0/24,PLANTED"])
def test_restricted_roles_are_denied_when_the_proxy_setting_is_invalid(
    cipp: Cipp, nowhere: pytest.MonkeyPatch, setting: str
) -> None:
    cipp.ranges("admin", f"{INSIDE}/24")
    nowhere.setenv("TRUSTED_PROXIES", setting)
    refused = ask(at(f"{INSIDE}, 20.50.2.3", visitor("a@b", "admin")))
    assert refused.status == 403
    assert f"TRUSTED_PROXIES {phrases.PROXIES_INVALID}" in refused.results
    assert setting not in refused.results


def test_me_explains_a_denied_address(cipp: Cipp) -> None:
    cipp.ranges("admin", INSIDE)
    answer = ask(at(OUTSIDE, visitor("a@b", "admin")), "me")
    assert answer.status == 200
    assert answer.body["clientPrincipal"] is None
    assert answer.body["permissions"] == []
    assert OUTSIDE in answer.body["message"]


def test_caller_denied_by_address_has_no_recorded_role(cipp: Cipp) -> None:
    cipp.ranges("admin", INSIDE)
    Api()
    admin = visitor("a@b", "admin")
    found = {address: identify(at(address, admin), os.environ, services()) for address in (INSIDE, OUTSIDE)}
    assert [found[address].role_names for address in (INSIDE, OUTSIDE)] == [("admin",), ()]
    assert [found[address].address for address in (INSIDE, OUTSIDE)] == [INSIDE, OUTSIDE]


def test_superadmin_is_never_restricted(cipp: Cipp) -> None:
    cipp.ranges("superadmin", INSIDE)
    cipp.ranges("admin", INSIDE)
    assert ask(at(OUTSIDE, {"x-ms-client-principal": principal("superadmin", "admin")})).status == 200


def test_the_ranges_of_a_callers_roles_count_together(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    cipp.ranges("helpers", OUTSIDE)
    cipp.ranges("admin", INSIDE)
    both = {"x-ms-client-principal": principal("admin", "helpers")}
    assert [ask(at(address, both)).status for address in (INSIDE, OUTSIDE, "192.0.2.1")] == [200, 200, 403]
    assert ask(at(INSIDE, visitor("a@b", "helpers"))).status == 403


def test_empty_ranges_and_any_do_not_restrict(cipp: Cipp) -> None:
    cipp.ranges("admin", "Any", INSIDE)
    assert ask(at(OUTSIDE, visitor("a@b", "admin"))).status == 200
    cipp.ranges("admin")
    assert ask(at(OUTSIDE, visitor("a@b", "admin"))).status == 200


def test_post_and_wrong_method_are_denied_when_the_address_is_outside(cipp: Cipp) -> None:
    cipp.ranges("admin", INSIDE)
    for method, name in (("POST", "ExecKeyProof"), ("PUT", MAY), ("GET", "ExecKeyProof")):
        headers = at(OUTSIDE, {**visitor("a@b", "admin"), "content-type": "application/json"})
        refused = Api().call(method, name, b"{}", role=None, headers=headers)
        assert (refused.status, OUTSIDE in refused.results) == (403, True)


def test_last_known_ranges_apply_when_the_tables_time_out(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr("backend.access.tables.LIFETIME_SECONDS", 0.0)
    cipp.ranges("admin", INSIDE)
    api = Api()
    assert ask(at(INSIDE, visitor("a@b", "admin")), "ListFunctionApps", api).status == 200
    with silent_storage() as silent:
        nowhere.setenv("CIPP_STORAGE", silent)
        services().clients._forget("tables")  # noqa: SLF001 - as when the network to it is cut
        assert ask(at(INSIDE, visitor("a@b", "admin")), "ListFunctionApps", api).status == 200
        assert ask(at(OUTSIDE, visitor("a@b", "admin")), "ListFunctionApps", api).status == 403


@pytest.mark.parametrize("setting", ["1000", "-1", "20.50.2.0/33", "20.50.2.0/24,PLANTED", "PLANTED secret!"])
def test_an_unusable_trusted_proxies_is_a_warning_without_its_value(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, setting: str
) -> None:
    del azure
    nowhere.setenv("TRUSTED_PROXIES", setting)
    links = Api().get("ExecBackendURLs")
    (warning,) = [text for text in links.results["Warnings"] if "TRUSTED_PROXIES" in text]
    assert setting not in warning
    assert "PLANTED" not in links.text
    assert warning.endswith("Correct it.")


@pytest.mark.parametrize("setting", ["", " ", "0", "2", "20.50.2.0/24, 2001:db8::/32"])
def test_a_usable_trusted_proxies_has_no_warning(azure: Sandbox, nowhere: pytest.MonkeyPatch, setting: str) -> None:
    del azure
    nowhere.setenv("TRUSTED_PROXIES", setting)
    assert not [text for text in Api().get("ExecBackendURLs").results["Warnings"] if "TRUSTED_PROXIES" in text]
