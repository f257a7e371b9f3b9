"""The custom domains of a container: verdicts, the steps of a domain, and what Azure refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from backend.hosting.container.domains.requests import TABLE
from sandbox import names
from tests.support.admin import SUBSCRIPTION, WEB, Admin
from tests.support.api import Api
from tests.support.rotation.others import Others
from tests.support.sandbox.person import Person
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
SITE = names.MAIN_SITE
DEFAULT = f"{SITE}.azurewebsites.net"
HOST = "cipp.contosomsp.com"
ADDRESS = "20.76.14.33"
API = "2024-11-01"


@pytest.fixture
def container(azure: Sandbox) -> Api:
    return started(azure)


def started(azure: Sandbox, **options: object) -> Api:
    """Return the API for a container without custom domains, at the time of this machine."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    azure.reset(propagation_seconds=0, shape="container", now=now, **options)
    with TableServiceClient.from_connection_string(azure.env["AzureWebJobsStorage"]) as tables:
        tables.delete_table(TABLE)  # a missing table is not an error
    return Api()


def changes(azure: Sandbox) -> list[str]:
    return [f"{c['method']} {c['path']}" for c in azure.calls(ARM) if c["method"] not in ("GET", "POST")]


def bound(azure: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = azure.state()["sites"][SITE]["hostNameBindings"]
    return found


def certificates(azure: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = azure.state()["certificates"]
    return found


def of(api: Api, host: str) -> dict[str, Any]:
    answer = api.get(f"ListBackendDomains?Domain={host}")
    assert answer.status == 200, answer.text
    (found,) = [one for one in answer.results["Domains"] if one["Name"] == host]
    return dict(found)


def ask(api: Api, step: str, host: str = HOST, **more: object) -> Any:  # noqa: ANN401 - what JSON may hold
    answer = api.post(f"ExecBackendDomain{step}", {"Domain": host, **more})
    assert answer.status == 200, answer.text
    return answer.results


@pytest.mark.slow("every step of a domain")
def test_domain_is_bound_secured_repaired_and_removed(container: Api, azure: Sandbox) -> None:
    assert of(container, HOST)["State"] == "NotBound"
    planned = ask(container, "Add", DryRun=True)
    assert (planned["Domain"]["State"], changes(azure)) == ("NotBound", [])
    added = ask(container, "Add")
    assert bound(azure)[HOST]["customHostNameDnsRecordType"] == "CName"
    assert (added["Domain"]["State"], added["Domain"]["NextStep"]) == ("NoCertificate", "ExecBackendDomainSecure")
    assert ask(container, "Add")["Domain"]["IsBound"] is True
    ordered = ask(container, "Secure")["Domain"]
    assert (ordered["State"], ordered["Certificate"]["Thumbprint"]) == ("Issuing", None)
    assert ordered["Since"]
    assert certificates(azure) == {f"{HOST}-{SITE}": {"host": HOST, "group": names.RESOURCE_GROUP}}
    assert ask(container, "Secure")["Domain"]["State"] == "Issuing"
    azure.advance(60)
    assert of(container, HOST)["State"] == "NotSecured"
    secured = ask(container, "Secure")["Domain"]
    assert (secured["State"], secured["NextStep"]) == ("NoCallback", "ExecBackendDomainRepairSignIn")
    assert bound(azure)[HOST]["sslState"] == "SniEnabled"
    repaired = ask(container, "RepairSignIn", "")
    assert repaired["Hosts"] == [HOST]
    assert f"https://{HOST}/.auth/login/aad/callback" in callbacks(azure)
    works = of(container, HOST)
    assert (works["State"], works["Problems"], works["Since"], works["NextStep"]) == ("Works", [], None, None)
    assert datetime.fromisoformat(works["Certificate"]["Expires"]) > datetime.now(UTC) + timedelta(days=100)
    kept = [call for call in changes(azure) if "certificates" in call]
    ask(container, "Secure")
    assert [call for call in changes(azure) if "certificates" in call] == kept
    assert container.post("ExecBackendDomainRemove", {"Domain": HOST}).status == 409
    ask(container, "Remove", Force=True)
    assert (bound(azure), certificates(azure)) == ({}, {})
    assert f"https://{HOST}/.auth/login/aad/callback" in callbacks(azure)
    assert container.post("ExecBackendDomainRemove", {"Domain": HOST}).status == 404


def callbacks(azure: Sandbox) -> list[str]:
    found: list[str] = Person(azure).make("GET", f"/applications/{names.SSO_OBJECT_ID}")["web"]["redirectUris"]
    return found


def from_page(address: str) -> dict[str, str]:
    """Return the headers of a page of CIPP, whose server passes the call on."""
    return {"origin": address, "sec-fetch-site": "same-origin"}


STATES = [
    ("cipp.contosomsp.invalid", "NoDns", ("CNAME", DEFAULT, False)),
    ("elsewhere.contosomsp.com", "DnsElsewhere", ("CNAME", DEFAULT, False)),
    ("stray.contosomsp.com", "StrayTxt", ("CNAME", DEFAULT, True)),
    ("conflict.contosomsp.com", "Conflict", ("CNAME", DEFAULT, True)),
    ("contoso.co.uk", "NotBound", ("A", ADDRESS, True)),
    ("plain.contosomsp.com", "NotBound", ("CNAME", DEFAULT, True)),
    ("*.contosomsp.com", "NotBound", ("CNAME", DEFAULT, True)),
]


@pytest.mark.slow("one look for each state of DNS")
def test_verdict_has_the_exact_record_and_what_azure_sees(container: Api, azure: Sandbox) -> None:
    for host, state, (kind, value, found) in STATES:
        domain = of(container, host)
        (record,) = domain["Records"]
        assert (domain["State"], record["Type"], record["Value"], record["Found"]) == (state, kind, value, found), host
        assert (record["Host"], record["Purpose"]) == (host, "Traffic")
        wrong = [(one["Type"], one["Host"]) for one in domain["WrongRecords"]]
        assert wrong == ([("TXT", f"asuid.{host}")] if state == "StrayTxt" else [])
    assert of(container, "elsewhere.contosomsp.com")["Seen"] == {
        "Cnames": ["proxy.example.net"],
        "Addresses": ["203.0.113.7"],
    }
    assert changes(azure) == []


def test_domain_whose_dns_is_not_right_waits_and_is_not_bound(container: Api, azure: Sandbox) -> None:
    for host, state, _ in STATES[:3]:
        first = ask(container, "Add", host)["Domain"]
        assert (first["State"], first["IsBound"]) == (state, False)
        assert first["Since"]
        assert ask(container, "Add", host)["Domain"]["Since"] == first["Since"]
        forced = container.post("ExecBackendDomainAdd", {"Domain": host, "Force": True})
        assert forced.body["azureStatus"] == 400
    assert f"asuid.{STATES[2][0]}" in forced.body["advice"]
    assert bound(azure) == {}
    listed = {one["Name"] for one in container.get("ListBackendDomains").results["Domains"]}
    assert listed == {host for host, _, _ in STATES[:3]}
    for host in listed:
        ask(container, "Remove", host)
    assert container.get("ListBackendDomains").results["Domains"] == []


def test_domain_of_another_app_is_a_conflict(container: Api, azure: Sandbox) -> None:
    host = "conflict.contosomsp.com"
    planned = ask(container, "Add", host, DryRun=True)
    assert planned["WouldDo"][0].startswith("Refuse: ")
    assert container.post("ExecBackendDomainAdd", {"Domain": host}).status == 409
    assert changes(azure) == []
    assert container.post("ExecBackendDomainAdd", {"Domain": host, "Force": True}).body["azureStatus"] == 409


def test_binding_has_the_type_that_dns_has(container: Api, azure: Sandbox) -> None:
    for host, record in (("contoso.co.uk", "A"), ("plain.contosomsp.com", "A"), ("*.contosomsp.com", "CName")):
        ask(container, "Add", host)
        assert bound(azure)[host]["customHostNameDnsRecordType"] == record


NEVER = [
    *("", "localhost", "https://cipp.contoso.com", "cipp.contoso.com/", "a..contoso.com", "*.*.contoso.com", "a.*.com"),
    *("cipp.azurewebsites.net", DEFAULT, "co.uk", "*.co.uk", "10.0.0.4", "cipp_1.contoso.com", "stra\u00dfe.de"),
]


def test_name_that_azure_never_binds_is_refused_before_a_request(container: Api, azure: Sandbox) -> None:
    for host in NEVER:
        answer = container.post("ExecBackendDomainAdd", {"Domain": host})
        assert (answer.status, answer.body["field"]) == (400, "Domain"), host
    assert not [call for call in azure.calls(ARM) if "nalyze" in call["path"] or call["method"] == "PUT"]


def test_internationalized_name_is_bound_in_punycode(container: Api, azure: Sandbox) -> None:
    assert ask(container, "Add", " B\u00fccher.Example. ")["Name"] == "xn--bcher-kva.example"
    assert list(bound(azure)) == ["xn--bcher-kva.example"]


def test_long_name_gets_no_managed_certificate(container: Api, azure: Sandbox) -> None:
    host = f"{'a' * 45}.cipp.contosomsp.com"
    assert len(host) == 65  # one more than the limit of Azure
    assert container.post("ExecBackendDomainAdd", {"Domain": host, "Force": True}).status == 200
    before = changes(azure)
    for dry_run in (True, False):
        assert container.post("ExecBackendDomainSecure", {"Domain": host, "DryRun": dry_run}).status == 400
    assert changes(azure) == before
    shown = of(container, host)
    assert (shown["State"], shown["NextStep"]) == ("NoCertificate", "ExecBackendDomainRepairSignIn")
    assert any("64" in note for note in shown["Notes"])


def test_wildcard_gets_no_managed_certificate(container: Api, azure: Sandbox) -> None:
    ask(container, "Add", "*.contosomsp.com")
    assert container.post("ExecBackendDomainSecure", {"Domain": "*.contosomsp.com"}).status == 400
    assert certificates(azure) == {}
    domain = of(container, "*.contosomsp.com")
    assert (domain["State"], domain["NextStep"], domain["Callback"]) == ("NoCertificate", None, None)


def test_domain_must_be_bound_and_lead_to_cipp_before_its_certificate(container: Api, azure: Sandbox) -> None:
    assert container.post("ExecBackendDomainSecure", {"Domain": HOST}).status == 409
    ask(container, "Add")
    azure.faults([{"path": "/analyzeCustomHostname", "times": 0, "edit": [["properties.cNameRecords", []]]}])
    assert of(container, HOST)["State"] == "NoDns"
    assert container.post("ExecBackendDomainSecure", {"Domain": HOST}).status == 409
    assert certificates(azure) == {}
    assert ask(container, "Secure", Force=True)["Domain"]["State"] == "NoDns"
    assert list(certificates(azure)) == [f"{HOST}-{SITE}"]


def test_certificate_that_azure_never_issues_stays_a_state(container: Api, azure: Sandbox) -> None:
    host = "caa.contosomsp.com"
    ask(container, "Add", host)
    since = ask(container, "Secure", host)["Domain"]["Since"]
    azure.advance(3600)
    domain = ask(container, "Secure", host)["Domain"]
    assert (domain["State"], domain["Since"]) == ("Issuing", since)
    assert any("CAA" in note for note in domain["Notes"])


@pytest.mark.parametrize(("name", "tier"), [("F1", "Free"), ("D1", "Shared")])
def test_small_plan_allows_no_custom_domain(azure: Sandbox, container: Api, name: str, tier: str) -> None:
    plan = f"{WEB}/serverfarms/{names.CONTAINER_PLAN}"
    sku = {"location": "West Europe", "kind": "linux", "sku": {"name": name, "tier": tier, "capacity": 1}}
    Admin(azure).call("PUT", plan, API, {**sku, "properties": {"reserved": True}})
    answer = container.post("ExecBackendDomainAdd", {"Domain": HOST})
    assert answer.status == 409
    assert tier in answer.results
    assert changes(azure)[1:] == []


@pytest.mark.slow("three domains")
def test_domain_by_which_the_caller_reaches_cipp_needs_force(container: Api, azure: Sandbox) -> None:
    for host in (HOST, "two.contosomsp.com", "three.contosomsp.com"):
        ask(container, "Add", host)
    Others(azure).row("Config", "InstanceProperties", "CIPPURL", Value="https://three.contosomsp.com")
    assert of(container, "three.contosomsp.com")["IsCippsOwn"] is True
    assert container.post("ExecBackendDomainRemove", {"Domain": "three.contosomsp.com"}).status == 409
    body = {"Domain": "two.contosomsp.com"}
    assert container.post("ExecBackendDomainRemove", body, **from_page("https://TWO.contosomsp.com")).status == 409
    assert len(bound(azure)) == 3
    assert container.post("ExecBackendDomainRemove", body, **from_page("https://[")).status == 200
    assert container.post("ExecBackendDomainRemove", {"Domain": DEFAULT, "Force": True}).status == 409
    assert set(bound(azure)) == {HOST, "three.contosomsp.com"}


def test_plan_of_another_group_has_the_certificates(azure: Sandbox, container: Api) -> None:
    del container
    api = started(azure, state="S14")
    ask(api, "Add")
    refused = api.post("ExecBackendDomainSecure", {"Domain": HOST})
    assert refused.body["azureStatus"] == 403
    assert of(api, HOST)["State"] == "NoCertificate"
    group = f"{SUBSCRIPTION}/resourceGroups/{names.PLAN_GROUP}"
    Admin(azure).give_role("Website Contributor", group)
    ask(api, "Secure")
    assert [one["group"] for one in certificates(azure).values()] == [names.PLAN_GROUP]


def test_removal_ends_without_the_right_on_certificates(azure: Sandbox, container: Api) -> None:
    ask(container, "Add")
    azure.faults([{"path": "/certificates", "mode": "refuse", "status": 403, "times": 0}])
    ask(container, "Remove", Force=True)
    assert bound(azure) == {}


def test_certificates_of_others_stay(azure: Sandbox, container: Api) -> None:
    for host in (HOST, "two.contosomsp.com"):
        ask(container, "Add", host)
        ask(container, "Secure", host)
    azure.advance(60)
    ask(container, "Secure")
    ask(container, "Remove", Force=True)
    assert [one["host"] for one in certificates(azure).values()] == ["two.contosomsp.com"]


@pytest.mark.parametrize(("own_plan", "status"), [(True, 409), (False, 404)])
def test_certificate_of_another_app_stays(azure: Sandbox, container: Api, own_plan: bool, status: int) -> None:
    admin, host = Admin(azure), "shop.contosomsp.com"
    site = admin.call("GET", f"{WEB}/sites/{SITE}", API)
    plan, location = site["properties"]["serverFarmId"], site["location"]
    if not own_plan:
        plan = f"{WEB}/serverfarms/shop-plan"
        admin.call("PUT", plan, API, {"location": location, "kind": "linux", "sku": {"name": "B1", "tier": "Basic"}})
    shop = f"{WEB}/sites/shop"
    admin.call("PUT", shop, API, {"location": location, "kind": "app,linux", "properties": {"serverFarmId": plan}})
    bind = {"properties": {"customHostNameDnsRecordType": "CName"}}
    admin.call("PUT", f"{shop}/hostNameBindings/{host}", API, bind)
    order = {"location": location, "properties": {"canonicalName": host, "serverFarmId": plan}}
    admin.call("PUT", f"{WEB}/certificates/{host}-shop", API, order)
    answer = container.post("ExecBackendDomainRemove", {"Domain": host})
    assert answer.status == status
    assert [one["host"] for one in certificates(azure).values()] == [host]
    forced = container.post("ExecBackendDomainRemove", {"Domain": host, "Force": True})
    if own_plan:
        assert f"{host}-shop" in answer.text
        assert (forced.status, certificates(azure)) == (200, {})
    else:
        assert (forced.status, len(certificates(azure))) == (404, 1)
