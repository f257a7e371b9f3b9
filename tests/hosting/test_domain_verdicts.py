"""The verdict on a domain by what was read of it, and which host names are possible."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError, UnreadableResponseError
from backend.hosting.container.domains.facts import (
    Analysis,
    Binding,
    Certificate,
    SiteFacts,
    analysis_of,
    binding_of,
    certificate_of,
    site_facts,
)
from backend.hosting.container.domains.own_address import host_of_address
from backend.hosting.container.domains.verdict import DomainFacts, record_to_bind, verdict
from backend.hosting.domains.host_names import (
    custom_host,
    in_punycode,
    is_wildcard,
    ownership_host,
    record_type,
    why_no_certificate,
)
from settings.http.endpoint import origin_host

NOW = datetime(2027, 1, 6, 12, tzinfo=UTC)
HOST, DEFAULT, ADDRESS = "cipp.contosomsp.com", "cippabc12.azurewebsites.net", "20.76.14.33"
PLAN = "/subscriptions/s/resourceGroups/plans/providers/Microsoft.Web/serverfarms/plan"
SITE = SiteFacts(
    "cippabc12", "cipp", DEFAULT, ADDRESS, "AB" * 32, (DEFAULT, HOST), PLAN, "plans", "West Europe", "Basic"
)
HERE = Analysis((DEFAULT,), (), (), has_conflict=False, other="")
NOWHERE = Analysis((), (), (), has_conflict=False, other="")
PROXY = Analysis(("proxy.example.net",), ("203.0.113.7",), (), has_conflict=False, other="")
BOUND, SECURE = Binding(HOST, "CName", ""), Binding(HOST, "CName", "T1")


def certificate(days: float | None, thumbprint: str = "T1") -> Certificate:
    return Certificate(f"c{days}", HOST, thumbprint, None if days is None else NOW + timedelta(days=days))


PENDING = Certificate("new", HOST, "", None)
HOUR_AGO = NOW - timedelta(hours=1)
CASES: list[tuple[str, dict[str, Any], str | None]] = [
    ("Unknown", {}, "Add"),
    ("NoDns", {"analysis": NOWHERE, "requested": HOUR_AGO}, None),
    ("DnsElsewhere", {"analysis": PROXY}, None),
    ("StrayTxt", {"analysis": Analysis((DEFAULT,), (), ("CD" * 32,), has_conflict=False, other="")}, None),
    ("NotBound", {"analysis": Analysis((DEFAULT,), (), ("ab" * 32,), has_conflict=False, other="")}, "Add"),
    ("NotBound", {"analysis": Analysis((), (ADDRESS,), (), has_conflict=False, other="")}, "Add"),
    ("Conflict", {"analysis": Analysis((DEFAULT,), (), ("CD" * 32,), has_conflict=True, other="x")}, None),
    ("NoCertificate", {"binding": BOUND, "analysis": HERE}, "Secure"),
    ("NoCertificate", {"binding": BOUND, "analysis": HERE, "certificates": None}, "Secure"),
    ("NoCertificate", {"binding": BOUND, "certificates": [certificate(-1)]}, "Secure"),
    ("NoCertificate", {"binding": BOUND, "ordered": NOW - timedelta(days=2)}, "Secure"),
    ("Issuing", {"binding": BOUND, "analysis": HERE, "certificates": [PENDING]}, "Secure"),
    ("Issuing", {"binding": BOUND, "ordered": HOUR_AGO}, "Secure"),
    ("NotSecured", {"binding": BOUND, "certificates": [PENDING, certificate(90)]}, "Secure"),
    ("NoDns", {"binding": BOUND, "analysis": NOWHERE}, "Secure"),
    ("Works", {"binding": SECURE, "analysis": HERE, "certificates": [certificate(90)], "callback": True}, None),
    ("Works", {"binding": SECURE, "certificates": None, "callback": True}, None),
    ("Works", {"binding": SECURE, "certificates": [], "callback": True}, None),
    ("Works", {"binding": SECURE, "certificates": [certificate(None)]}, None),
    ("DnsElsewhere", {"binding": SECURE, "analysis": PROXY, "certificates": [certificate(90)]}, None),
    ("Expiring", {"binding": SECURE, "analysis": HERE, "certificates": [certificate(30)]}, None),
    ("Expiring", {"binding": SECURE, "certificates": [certificate(3), certificate(90, "T2")]}, "Secure"),
    ("Expired", {"binding": SECURE, "analysis": HERE, "certificates": [certificate(0)]}, "Secure"),
    ("Expired", {"binding": SECURE, "certificates": [certificate(-1)], "callback": False}, "Secure"),
    ("NoCallback", {"binding": SECURE, "certificates": [certificate(3)], "callback": False}, "RepairSignIn"),
]


@pytest.mark.parametrize(("state", "facts", "step"), CASES)
def test_state_and_next_step_follow_from_what_was_read(state: str, facts: dict[str, Any], step: str | None) -> None:
    found = verdict(DomainFacts(HOST, **facts), SITE, NOW)
    assert (found.state, found.next_step) == (state, step and f"ExecBackendDomain{step}")
    assert bool(found.problems) is (state != "Works")
    assert found.is_bound is ("binding" in facts)
    assert (found.since is not None) is (state in ("NoDns", "Issuing") and ("requested" in facts or "ordered" in facts))


def test_certificate_of_a_verdict_is_the_one_in_use_or_the_best() -> None:
    known = [PENDING, certificate(90, "T2"), certificate(10, "T1")]
    for binding, name in ((SECURE, "c10"), (BOUND, "c90"), (None, "c90")):
        found = verdict(DomainFacts(HOST, binding=binding, certificates=known), SITE, NOW).certificate
        assert found
        assert found.name == name


def test_type_of_a_binding_is_that_of_dns() -> None:
    by_address = Analysis((), (ADDRESS,), (), has_conflict=False, other="")
    hosts = (HOST, "contoso.co.uk", "*.contoso.co.uk")
    assert [record_to_bind(host, SITE, None) for host in hosts] == ["CName", "A", "CName"]
    assert [record_to_bind(HOST, SITE, seen) for seen in (HERE, by_address, PROXY)] == ["CName", "A", "CName"]


def test_analysis_leaves_out_texts_that_are_not_of_dns() -> None:
    shown = {
        "cNameRecords": [f"{DEFAULT.upper()}.", "<script>", 7],
        "aRecords": [ADDRESS, "not an address"],
        "txtRecords": ["ms=123", "cd" * 32],
        "alternateTxtRecords": ["cd" * 32, "password"],
        "conflictingAppResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/other",
    }
    found = analysis_of({"properties": shown})
    assert (found.cnames, found.addresses, found.verification_ids) == ((DEFAULT,), (ADDRESS,), ("cd" * 32,))
    assert (found.has_conflict, found.other) == (True, "other")
    assert analysis_of({"properties": {"conflictingAppResourceId": "a/<b>"}}).other == ""
    assert analysis_of({}) == NOWHERE


def test_facts_are_read_from_any_response() -> None:
    properties = {"serverFarmId": PLAN, "defaultHostName": DEFAULT.upper(), "hostNames": [DEFAULT, HOST, HOST, ""]}
    found = site_facts({"name": "cippabc12", "location": "westeurope", "properties": properties}, {}, "cipp")
    assert (found.plan_group, found.location, found.tier, found.custom_hosts) == ("plans", "westeurope", "", [HOST])
    for missing in ("serverFarmId", "defaultHostName"):
        with pytest.raises(UnreadableResponseError):
            site_facts({"properties": {**properties, missing: None}}, {}, "cipp")
    assert binding_of({"name": ""}) is None
    assert binding_of(
        {"name": f"x/{HOST.upper()}", "properties": {"sslState": "Disabled", "thumbprint": "t"}}
    ) == Binding(HOST, "", "")
    assert certificate_of({"name": "uploaded", "properties": {"thumbprint": "T"}}) is None
    assert certificate_of({"properties": {"canonicalName": HOST}}) is None


LABEL = st.text("abcxyz019-", min_size=1, max_size=12).map(lambda text: f"a{text}z")
SUFFIX = st.sampled_from(["com", "de", "co.uk", "com.au", "uk.com", "k12.ca.us", "gov.au"])
WORD = st.text(st.characters(categories=["Ll", "Lo"], max_codepoint=0x24F), min_size=1, max_size=12)


@given(st.lists(LABEL, min_size=1, max_size=4), SUFFIX, st.booleans())
def test_any_registered_name_keeps_its_form(labels: list[str], suffix: str, wildcard: bool) -> None:
    base = ".".join([*labels, suffix])
    host = f"*.{base}" if wildcard else base
    try:
        found = custom_host(f" {host.upper()}. ", DEFAULT)
    except InvalidInputError:  # it looks like a key, or is a suffix of the list
        return
    assert found == host
    assert custom_host(found, DEFAULT) == found
    assert is_wildcard(found) is wildcard
    assert ownership_host(found) == f"asuid.{base}"
    # A label below the registered name is never the top of a zone.
    assert record_type(found) == ("A" if not wildcard and len(labels) == 1 else "CNAME")


@given(st.lists(WORD, min_size=1, max_size=3), st.booleans())
def test_internationalized_name_becomes_punycode_or_is_refused(labels: list[str], wildcard: bool) -> None:
    host = f"{'*.' if wildcard else ''}{'.'.join(labels)}.example.com"
    try:
        found = in_punycode(host)
        accepted = custom_host(host, DEFAULT)
    except InvalidInputError:
        return
    assert found == accepted
    assert found.isascii()
    assert found == found.lower()
    assert in_punycode(found) == found
    assert found.startswith("*.") is wildcard


def test_label_in_punycode_alone_does_not_look_like_a_secret() -> None:
    host = "xn--0caa1aa9cya10aqa190d.contoso.com"
    assert custom_host(host, DEFAULT) == in_punycode(host) == host


@pytest.mark.parametrize(
    "text", ["0.AXoA-planted-refresh-token", "xn--bcher-kva.abc8Q~fKq3.PLANTED_-x~0123456789abcdefg"]
)
def test_secret_in_place_of_a_host_name_is_refused(text: str) -> None:
    for check in (in_punycode, custom_host):
        with pytest.raises(InvalidInputError) as refused:
            check(text)
        assert "planted" not in str(refused.value).lower()


@pytest.mark.parametrize(
    ("host", "is_possible"), [("a.b.contoso.com", True), (f"{'a' * 53}.example.com", False), ("*.contoso.com", False)]
)
def test_certificate_is_for_one_name_of_at_most_64_characters(host: str, is_possible: bool) -> None:
    assert (why_no_certificate(host) == "") is is_possible


@given(st.text(max_size=60))
def test_any_text_is_a_host_name_or_a_refusal_of_its_field(text: str) -> None:
    try:
        found = custom_host(text, DEFAULT)
    except InvalidInputError:
        return
    assert found.isascii()
    assert "." in found


@pytest.mark.parametrize(
    "text",
    [
        *("a.b", f"{'a' * 64}.contoso.com", f"*.{DEFAULT}", f"x.{DEFAULT}", "x.azurewebsites.us", "\u03c2.example.com"),
        *("xn--80ak6aa92e.xn--p1ai", "x..com", "-a.com", "a-.com", ".".join(["a" * 60] * 5) + ".com", "\u0080.de"),
    ],
)
def test_name_that_azure_refuses_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        custom_host(text, DEFAULT)


def test_hosts_of_addresses_are_in_lower_case() -> None:
    values = {f"https://{HOST.upper()}/x": HOST, HOST: HOST, "": "", "https://[": "", " https://a.b:443 ": "a.b"}
    assert {text: host_of_address(text) for text in values} == values
    origins = {"https://A.b": "a.b", "null": "", "https://[": "", "": ""}
    assert {text: origin_host({"origin": text}) for text in origins} == origins
    assert origin_host({}) == ""
