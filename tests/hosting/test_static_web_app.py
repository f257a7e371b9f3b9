"""The static web app and its domains."""

import time

import pytest

from backend.errors import InvalidInputError
from backend.hosting.functions.static_web_app.domains import host_name, record_of
from backend.hosting.results.static_web_app import DnsRecord, Validation
from tests.support import phrases
from tests.support.api import Api
from tests.support.page_troubles import (
    ARM,
    REFUSALS,
    SHORT,
    SILENCES,
    EndpointCall,
    assert_refusal_is_reported,
    assert_timeout_is_reported,
    cases,
)
from tests.support.sandbox_client import Sandbox

HOST = "nice-sand-0abc12345.3.azurestaticapps.net"
OURS = "cipp.contosomsp.com"
NEW = "portal.contosomsp.com"
CALLS = cases(
    EndpointCall("ListStaticWebApp", "GET", "/staticSites$"),
    EndpointCall("ListStaticWebApp", "GET", "/builds$"),
    EndpointCall("ListStaticWebAppDomains", "GET", "/customDomains$"),
    EndpointCall("ExecStaticWebAppDomainAdd", "PUT", "/customDomains/", {"Domain": NEW}),
    EndpointCall("ExecStaticWebAppDomainRemove", "DELETE", "/customDomains/", {"Domain": OURS}),
)


def domains(api: Api) -> dict[str, dict[str, object]]:
    return {domain["Name"]: domain for domain in api.get("ListStaticWebAppDomains").results}


def writes(azure: Sandbox) -> list[str]:
    return [call["method"] for call in azure.calls(ARM) if call["method"] != "GET"]


def test_static_web_app_is_returned_with_backend_source_and_last_build(api: Api) -> None:
    state = api.get("ListStaticWebApp").results
    assert (state["Exists"], state["Reason"], state["Name"], state["HostName"]) == (True, None, "cipp-swa-abc12", HOST)
    assert (state["Plan"], state["LinkedBackends"]) == ("Standard", ["cippabc12"])
    assert (state["Repository"], state["Branch"]) == ("https://github.com/contosomsp/CIPP", "main")
    assert state["LastBuildStatus"] == "Ready"
    assert state["LastBuild"].endswith("Z")
    assert state["Link"].endswith("/staticSites/cipp-swa-abc12/staticsite")


def test_missing_static_web_app_is_reported_without_an_error(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")  # nothing is linked to it
    api = Api()
    state = api.get("ListStaticWebApp")
    assert (state.status, state.results["Exists"], state.results["Name"]) == (200, False, None)
    assert "container" in state.results["Reason"]
    assert (api.get("ListStaticWebAppDomains").status, api.get("ListStaticWebAppDomains").results) == (200, [])
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": NEW})
    assert (added.status, phrases.NO_STATIC_WEB_APP in added.results) == (404, True)
    assert writes(azure) == []


APEXES = [
    *("contosomsp.com", "contoso.co.uk", "contoso.com.au", "contoso.id.au", "contoso.co.jp", "contoso.gov.uk"),
    *("contoso.com.br", "contoso.uk.com", "contoso.github.io", "github.io", "contoso.unknowntld", "www.ck"),
]
SUBDOMAINS = [
    *("portal.contosomsp.com", "a.b.contoso.co.uk", "cipp.contoso.id.au", "cipp.contoso.uk.com", "x.y.github.io"),
    *("cipp.contoso.unknowntld", "www.www.ck", "com.contoso.de", "co.contoso.fr"),
]


@pytest.mark.parametrize("domain", APEXES)
def test_apex_by_cname_is_refused_without_a_request(api: Api, azure: Sandbox, domain: str) -> None:
    for dry in (True, False):
        answer = api.post("ExecStaticWebAppDomainAdd", {"Domain": domain, "DryRun": dry})
        assert (answer.status, answer.body["field"]) == (400, "Domain")
        assert 'Validation: "txt"' in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize("domain", SUBDOMAINS)
def test_subdomain_by_cname_is_not_taken_for_an_apex(api: Api, domain: str) -> None:
    planned = api.post("ExecStaticWebAppDomainAdd", {"Domain": domain, "DryRun": True}).results
    record = {"Type": "CNAME", "Host": domain, "Value": HOST}
    assert (planned["DnsRecord"], planned["RoutingRecord"]) == (record, record)


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("xn--bcher-kva.de", "internationalized"),
        ("cipp.xn--85x722f.xn--55qx5d.cn", "internationalized"),
        ("portal.contoso.xn--p1ai", "internationalized"),
        ("co.uk", phrases.PUBLIC_SUFFIX),
        ("com.au", phrases.PUBLIC_SUFFIX),
        ("contoso.ck", phrases.PUBLIC_SUFFIX),
        ("contoso.azurestaticapps.net", phrases.BELONGS_TO_AZURE),
        (HOST, phrases.BELONGS_TO_AZURE),
        ("azurestaticapps.net", phrases.BELONGS_TO_AZURE),
    ],
)
@pytest.mark.parametrize("validation", ["cname", "txt"])
def test_domain_that_azure_never_adds_is_refused_without_a_request(
    api: Api, azure: Sandbox, domain: str, words: str, validation: str
) -> None:
    for dry in (True, False):
        body = {"Domain": domain, "Validation": validation, "DryRun": dry}
        answer = api.post("ExecStaticWebAppDomainAdd", body)
        assert (answer.status, answer.body["field"], words in answer.results) == (400, "Domain", True)
    assert writes(azure) == []


def test_domain_whose_txt_record_would_be_too_long_is_refused(api: Api, azure: Sandbox) -> None:
    longest = ".".join(["a" * 60] * 4)  # 243 characters, and 252 with the prefix
    for domain, status in ((longest, 200), (f"aa{longest}", 400)):
        body = {"Domain": domain, "Validation": "txt", "DryRun": True}
        assert api.post("ExecStaticWebAppDomainAdd", body).status == status
    assert writes(azure) == []


def shown_with(azure: Sandbox, edits: dict[str, object]) -> Api:
    """Return the API, after a fault by which Azure shows a changed static web app."""
    edit = [[f"value.*.{path}", value] for path, value in edits.items()]
    azure.faults([{"method": "GET", "path": "/staticSites$", "edit": edit, "times": 0}])
    return Api()


@pytest.mark.parametrize("status", ["Enabled", "Enabling"])
def test_domain_by_cname_is_refused_by_the_enterprise_grade_edge(azure: Sandbox, status: str) -> None:
    edged = shown_with(azure, {"properties.enterpriseGradeCdnStatus": status})
    answer = edged.post("ExecStaticWebAppDomainAdd", {"Domain": NEW})
    assert (answer.status, "edge" in answer.results, writes(azure)) == (400, True, [])
    assert edged.post("ExecStaticWebAppDomainAdd", {"Domain": NEW, "Validation": "txt", "DryRun": True}).status == 200


def test_domain_beyond_the_plan_is_refused_unless_forced(azure: Sandbox) -> None:
    free = shown_with(azure, {"sku.name": "Free"})
    assert free.post("ExecStaticWebAppDomainAdd", {"Domain": NEW}).status == 200
    planned = free.post("ExecStaticWebAppDomainAdd", {"Domain": f"b.{NEW}", "DryRun": True}).results
    answer = free.post("ExecStaticWebAppDomainAdd", {"Domain": f"b.{NEW}"})
    assert planned["WouldDo"][0].startswith("Refuse: ")
    assert (answer.status, "allows 2" in answer.results, "Standard" in answer.results) == (409, True, True)
    assert writes(azure) == ["PUT"]
    assert free.post("ExecStaticWebAppDomainAdd", {"Domain": f"b.{NEW}", "Force": True}).status == 200


def test_plan_of_an_unknown_name_has_no_known_limit(azure: Sandbox) -> None:
    other = shown_with(azure, {"sku.name": "Dedicated"})
    for number in range(4):
        assert other.post("ExecStaticWebAppDomainAdd", {"Domain": f"n{number}.{NEW}"}).status == 200


@pytest.mark.parametrize(
    ("domain", "kind", "txt"),
    [(NEW, "CNAME", f"_dnsauth.{NEW}"), ("contosomsp.com", "ALIAS", "contosomsp.com"), ("x.co.uk", "ALIAS", "x.co.uk")],
)
def test_domain_by_txt_is_shown_with_its_routing_record(
    api: Api, azure: Sandbox, domain: str, kind: str, txt: str
) -> None:
    routing = {"Type": kind, "Host": domain, "Value": HOST}
    body = {"Domain": domain, "Validation": "txt"}
    planned = api.post("ExecStaticWebAppDomainAdd", {**body, "DryRun": True}).results
    added = api.post("ExecStaticWebAppDomainAdd", body).results
    assert planned["RoutingRecord"] == added["RoutingRecord"] == domains(api)[domain]["RoutingRecord"] == routing
    assert (planned["DnsRecord"]["Type"], added["DnsRecord"]["Host"]) == ("TXT", txt)
    assert "both DNS records" in added["Done"][0]
    assert ("ANAME" in added["Done"][0]) is (kind == "ALIAS")
    azure.advance(60)
    assert domains(api)[domain]["RoutingRecord"] == routing


def test_ready_domain_is_shown_with_its_routing_record(api: Api) -> None:
    assert domains(api)[OURS]["RoutingRecord"] == {"Type": "CNAME", "Host": OURS, "Value": HOST}


def test_a_ready_domain_needs_no_record(api: Api) -> None:
    domain = domains(api)[OURS]
    assert (domain["State"], domain["DnsRecord"], domain["ValidationToken"]) == ("Ready", None, None)
    assert str(domain["Since"]).endswith("Z")


@pytest.mark.compares_times
def test_domain_by_cname_is_returned_with_its_dns_record_and_state(api: Api, azure: Sandbox) -> None:
    began = time.monotonic()
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": f" {NEW.upper()}. "}).results
    assert time.monotonic() - began < 2
    record = {"Type": "CNAME", "Host": NEW, "Value": HOST}
    assert (added["Domain"], added["DnsRecord"]) == (NEW, record)
    assert (domains(api)[NEW]["State"], domains(api)[NEW]["DnsRecord"]) == ("Validating", record)
    azure.advance(15)
    assert domains(api)[NEW]["State"] == "Adding"
    azure.advance(30)
    assert (domains(api)[NEW]["State"], domains(api)[NEW]["DnsRecord"]) == ("Ready", None)


@pytest.mark.compares_times
def test_domain_by_txt_is_returned_with_azures_token(api: Api, azure: Sandbox) -> None:
    began = time.monotonic()
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": NEW, "Validation": "txt"}).results
    assert time.monotonic() - began < 8
    stored_domain = azure.state()["staticSites"]["cipp-swa-abc12"]["customDomains"][NEW]
    record = {"Type": "TXT", "Host": f"_dnsauth.{NEW}", "Value": stored_domain["validationToken"]}
    assert added["DnsRecord"] == record
    listed = domains(api)[NEW]
    assert (listed["State"], listed["ValidationToken"], listed["DnsRecord"]) == (
        "Validating",
        record["Value"],
        record,
    )


@pytest.mark.compares_times
def test_domain_is_added_when_its_token_cannot_be_read(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    for name, value in SHORT.items():
        nowhere.setenv(name, value)
    nowhere.setattr("backend.hosting.functions.static_web_app.domains.TOKEN_SECONDS", 0.5)
    api = Api()
    azure.faults([{"method": "GET", "path": f"/customDomains/{NEW}$", "mode": "hang", "times": 0}])
    began = time.monotonic()
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": NEW, "Validation": "txt"})
    assert time.monotonic() - began < 2
    assert (added.status, added.results["DnsRecord"]["Value"]) == (200, None)
    assert "ListStaticWebAppDomains" in added.results["Done"][0]
    azure.faults([])
    record = domains(api)[NEW]["DnsRecord"]
    assert record == {"Type": "TXT", "Host": f"_dnsauth.{NEW}", "Value": None}


def test_failed_domain_is_returned_with_the_reason_and_dns_record(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppDomainAdd", {"Domain": "cipp.nowhere.invalid"}).status == 200
    azure.advance(60)
    failed = domains(api)["cipp.nowhere.invalid"]
    assert failed["State"] == "Failed"
    assert "CNAME" in str(failed["Error"])
    assert failed["DnsRecord"] == {"Type": "CNAME", "Host": "cipp.nowhere.invalid", "Value": HOST}


def test_existing_domain_is_not_added_again(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecStaticWebAppDomainAdd", {"Domain": OURS})
    assert (answer.status, OURS in answer.results) == (409, True)
    assert writes(azure) == []


def test_existing_domain_is_removed_and_a_missing_one_is_not_found(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppDomainRemove", {"Domain": OURS}).status == 200
    assert (domains(api)[OURS]["State"], domains(api)[OURS]["DnsRecord"]) == ("Deleting", None)
    azure.advance(60)
    assert domains(api) == {}
    assert api.post("ExecStaticWebAppDomainRemove", {"Domain": OURS}).status == 404


@pytest.mark.parametrize(
    ("endpoint", "domain"), [("ExecStaticWebAppDomainAdd", NEW), ("ExecStaticWebAppDomainRemove", OURS)]
)
def test_a_dry_run_changes_nothing(api: Api, azure: Sandbox, endpoint: str, domain: str) -> None:
    results = api.post(endpoint, {"Domain": domain, "DryRun": True}).results
    assert (results["DryRun"], results["Done"], len(results["WouldDo"])) == (True, [], 1)
    assert writes(azure) == []


BAD_NAMES = [
    "",
    "localhost",
    "https://cipp.contoso.com",
    "cipp.contoso.com/",
    "cipp.contoso.com:443",
    "cipp..contoso.com",
    ".contoso.com",
    "-cipp.contoso.com",
    "cipp-.contoso.com",
    "ci_pp.contoso.com",
    "ci pp.contoso.com",
    "*.contoso.com",
    "../../x.contoso.com",
    "cipp.contoso.com?x=1",
    "cipp.contoso.com..",
    "bücher.example",
    "\u0430.contoso.com",
    "10.0.0.4",
    f"{'a' * 64}.contoso.com",
    ".".join(["a" * 60] * 5),
]


@pytest.mark.each_value
@pytest.mark.parametrize("endpoint", ["ExecStaticWebAppDomainAdd", "ExecStaticWebAppDomainRemove"])
@pytest.mark.parametrize("domain", BAD_NAMES)
def test_invalid_host_name_is_refused_before_the_static_web_app_is_called(
    api: Api, azure: Sandbox, endpoint: str, domain: str
) -> None:
    answer = api.post(endpoint, {"Domain": domain})
    assert (answer.status, answer.body["field"]) == (400, "Domain")
    assert "scheme" in answer.results
    assert not [call for call in azure.calls() if "staticsites" in call["path"].lower()]


@pytest.mark.parametrize(
    "name", ["a.b", "CIPP.Contoso.COM.", "1.2.3.example", f"{'a' * 63}.contoso.com", "xn--bcher-kva.de"]
)
def test_host_name_is_used_in_lower_case_without_its_trailing_dot(name: str) -> None:
    assert host_name(name) == name.lower().removesuffix(".")


def test_host_name_of_254_characters_is_not_valid() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(host_name(longest)) == 253
    with pytest.raises(InvalidInputError):
        host_name(f"{longest}b")


@pytest.mark.parametrize(
    ("domain", "validation", "record"),
    [
        ("cipp.contoso.com", "cname", ("CNAME", "cipp.contoso.com", "h.net")),
        ("a.b.contoso.com", "cname", ("CNAME", "a.b.contoso.com", "h.net")),
        ("contoso.com", "cname", ("ALIAS", "contoso.com", "h.net")),
        ("contoso.co.uk", "cname", ("ALIAS", "contoso.co.uk", "h.net")),
        ("cipp.contoso.co.uk", "cname", ("CNAME", "cipp.contoso.co.uk", "h.net")),
        ("contoso.de.com", "cname", ("ALIAS", "contoso.de.com", "h.net")),
        ("cipp.contoso.de.com", "cname", ("CNAME", "cipp.contoso.de.com", "h.net")),
        ("cipp.contoso.com", "txt", ("TXT", "_dnsauth.cipp.contoso.com", "token")),
        ("contoso.com", "txt", ("TXT", "contoso.com", "token")),
        ("contoso.com.au", "txt", ("TXT", "contoso.com.au", "token")),
        ("cipp.contoso.com.au", "txt", ("TXT", "_dnsauth.cipp.contoso.com.au", "token")),
    ],
)
def test_dns_record_fits_the_apex_of_a_zone_and_its_subdomains(
    domain: str, validation: Validation, record: tuple[str, str, str]
) -> None:
    kind, host, value = record
    assert record_of(domain, validation, "h.net", "token") == DnsRecord(type=kind, host=host, value=value)  # type: ignore[arg-type] # a row of the table


@CALLS
@pytest.mark.parametrize("status", REFUSALS)
def test_refusal_by_azure_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, status: int
) -> None:
    assert_refusal_is_reported(azure, nowhere, endpoint_call, status)


@CALLS
@pytest.mark.parametrize("mode", SILENCES)
def test_timeout_of_azure_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, mode: str
) -> None:
    assert_timeout_is_reported(azure, nowhere, endpoint_call, mode)


def test_reads_need_few_calls(api: Api, azure: Sandbox) -> None:
    api.get("ListStaticWebApp")
    assert len(azure.calls(ARM)) == 3  # with that of the main app, for the shape
    api.get("ListStaticWebAppDomains")
    assert len(azure.calls(ARM)) == 4
    api.post("ExecStaticWebAppDomainRemove", {"Domain": OURS})
    assert len(azure.calls(ARM)) == 6
