"""The static web app: what it is, and its domains."""

import time

import pytest

from backend.errors import InvalidInputError
from backend.static_web_app_domains import DnsRecord, Validation, host_name, record_of
from tests.api import Api
from tests.page_troubles import (
    ARM,
    REFUSALS,
    SHORT,
    SILENCES,
    Asked,
    assert_a_refusal_is_told,
    assert_silence_is_told,
    cases,
)
from tests.sandbox_client import Sandbox

HOST = "nice-sand-0abc12345.3.azurestaticapps.net"
OURS = "cipp.contosomsp.com"
NEW = "portal.contosomsp.com"
CALLS = cases(
    Asked("ListStaticWebApp", "GET", "/staticSites$"),
    Asked("ListStaticWebApp", "GET", "/builds$"),
    Asked("ListStaticWebAppDomains", "GET", "/customDomains$"),
    Asked("ExecStaticWebAppDomainAdd", "PUT", "/customDomains/", {"Domain": NEW}),
    Asked("ExecStaticWebAppDomainRemove", "DELETE", "/customDomains/", {"Domain": OURS}),
)


def domains(api: Api) -> dict[str, dict[str, object]]:
    return {domain["Name"]: domain for domain in api.get("ListStaticWebAppDomains").results}


def writes(azure: Sandbox) -> list[str]:
    return [call["method"] for call in azure.calls(ARM) if call["method"] != "GET"]


def test_the_static_web_app_is_told_with_its_backend_source_and_last_build(api: Api) -> None:
    state = api.get("ListStaticWebApp").results
    assert (state["Exists"], state["Reason"], state["Name"], state["HostName"]) == (True, None, "cipp-swa-abc12", HOST)
    assert (state["Plan"], state["LinkedBackends"]) == ("Standard", ["cippabc12"])
    assert (state["Repository"], state["Branch"]) == ("https://github.com/contosomsp/CIPP", "main")
    assert state["LastBuildStatus"] == "Ready"
    assert state["LastBuild"].endswith("Z")
    assert state["Link"].endswith("/staticSites/cipp-swa-abc12/staticsite")


def test_a_cipp_without_a_static_web_app_says_so_as_a_fact(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")  # nothing is linked to it
    api = Api()
    state = api.get("ListStaticWebApp")
    assert (state.status, state.results["Exists"], state.results["Name"]) == (200, False, None)
    assert "container" in state.results["Reason"]
    assert (api.get("ListStaticWebAppDomains").status, api.get("ListStaticWebAppDomains").results) == (200, [])
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": NEW})
    assert (added.status, "no static web app" in added.results) == (404, True)
    assert writes(azure) == []


def test_a_ready_domain_needs_no_record(api: Api) -> None:
    domain = domains(api)[OURS]
    assert (domain["State"], domain["DnsRecord"], domain["ValidationToken"]) == ("Ready", None, None)
    assert str(domain["Since"]).endswith("Z")


def test_a_domain_by_cname_is_told_at_once_with_its_record_and_then_its_states(api: Api, azure: Sandbox) -> None:
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


def test_a_domain_by_txt_is_told_with_azures_token(api: Api, azure: Sandbox) -> None:
    began = time.monotonic()
    added = api.post("ExecStaticWebAppDomainAdd", {"Domain": NEW, "Validation": "txt"}).results
    assert time.monotonic() - began < 8
    held = azure.state()["staticSites"]["cipp-swa-abc12"]["customDomains"][NEW]
    record = {"Type": "TXT", "Host": f"_dnsauth.{NEW}", "Value": held["validationToken"]}
    assert added["DnsRecord"] == record
    listed = domains(api)[NEW]
    assert (listed["State"], listed["ValidationToken"], listed["DnsRecord"]) == (
        "Validating",
        record["Value"],
        record,
    )


def test_a_domain_whose_token_cannot_be_read_is_added_all_the_same(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    for name, value in SHORT.items():
        nowhere.setenv(name, value)
    nowhere.setattr("backend.static_web_app_domains.TOKEN_SECONDS", 0.5)
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


def test_a_domain_that_failed_tells_why_and_what_it_needs(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecStaticWebAppDomainAdd", {"Domain": "cipp.nowhere.invalid"}).status == 200
    azure.advance(60)
    failed = domains(api)["cipp.nowhere.invalid"]
    assert failed["State"] == "Failed"
    assert "CNAME" in str(failed["Error"])
    assert failed["DnsRecord"] == {"Type": "CNAME", "Host": "cipp.nowhere.invalid", "Value": HOST}


def test_a_domain_that_is_there_is_no_second_one(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecStaticWebAppDomainAdd", {"Domain": OURS})
    assert (answer.status, OURS in answer.results) == (409, True)
    assert writes(azure) == []


def test_a_domain_is_removed_and_one_that_is_not_there_is_not_found(api: Api, azure: Sandbox) -> None:
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


@pytest.mark.parametrize("endpoint", ["ExecStaticWebAppDomainAdd", "ExecStaticWebAppDomainRemove"])
@pytest.mark.parametrize("domain", BAD_NAMES)
def test_what_is_no_host_name_is_refused_before_azure_is_asked(
    api: Api, azure: Sandbox, endpoint: str, domain: str
) -> None:
    answer = api.post(endpoint, {"Domain": domain})
    assert (answer.status, answer.body["field"]) == (400, "Domain")
    assert "no scheme" in answer.results
    assert azure.calls() == []


@pytest.mark.parametrize(
    "name", ["a.b", "CIPP.Contoso.COM.", "1.2.3.example", f"{'a' * 63}.contoso.com", "xn--bcher-kva.de"]
)
def test_a_host_name_is_taken_in_lower_case_without_its_last_dot(name: str) -> None:
    assert host_name(name) == name.lower().removesuffix(".")


def test_a_host_name_of_254_characters_is_none() -> None:
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
        ("cipp.de.com", "cname", ("CNAME", "cipp.de.com", "h.net")),
        ("cipp.contoso.com", "txt", ("TXT", "_dnsauth.cipp.contoso.com", "token")),
        ("contoso.com", "txt", ("TXT", "contoso.com", "token")),
        ("contoso.com.au", "txt", ("TXT", "contoso.com.au", "token")),
        ("cipp.contoso.com.au", "txt", ("TXT", "_dnsauth.cipp.contoso.com.au", "token")),
    ],
)
def test_the_record_fits_the_apex_of_a_zone_and_what_is_under_it(
    domain: str, validation: Validation, record: tuple[str, str, str]
) -> None:
    kind, host, value = record
    assert record_of(domain, validation, "h.net", "token") == DnsRecord(type=kind, host=host, value=value)  # type: ignore[arg-type] # a row of the table


@CALLS
@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_told(azure: Sandbox, nowhere: pytest.MonkeyPatch, asked: Asked, status: int) -> None:
    assert_a_refusal_is_told(azure, nowhere, asked, status)


@CALLS
@pytest.mark.parametrize("mode", SILENCES)
def test_silence_is_told(azure: Sandbox, nowhere: pytest.MonkeyPatch, asked: Asked, mode: str) -> None:
    assert_silence_is_told(azure, nowhere, asked, mode)


def test_the_fewest_calls_are_made(api: Api, azure: Sandbox) -> None:
    api.get("ListStaticWebApp")
    assert len(azure.calls(ARM)) == 2
    api.get("ListStaticWebAppDomains")
    assert len(azure.calls(ARM)) == 3
    api.post("ExecStaticWebAppDomainRemove", {"Domain": OURS})
    assert len(azure.calls(ARM)) == 5
