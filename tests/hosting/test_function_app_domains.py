"""The custom domains of function apps, in the form of both shapes: those of the static web app."""

from datetime import UTC, datetime

import pytest

from backend.hosting.functions.domains import cipp_domain
from backend.hosting.results.static_web_app import DnsRecord, Domain
from tests.support import phrases
from tests.support.api import Api
from tests.support.page_troubles import ARM
from tests.support.sandbox_client import Sandbox

OURS, NEW = "cipp.contosomsp.com", "portal.contosomsp.com"
MOMENT = datetime(2027, 1, 6, tzinfo=UTC)


def writes(azure: Sandbox) -> list[str]:
    return [call["method"] for call in azure.calls(ARM) if call["method"] != "GET"]


def test_domain_of_a_static_web_app_is_added_and_removed(api: Api, azure: Sandbox) -> None:
    (ours,) = api.get("ListBackendDomains").results["Domains"]
    assert (ours["Name"], ours["State"], ours["IsBound"]) == (OURS, "Works", True)
    planned = api.post("ExecBackendDomainAdd", {"Domain": NEW, "DryRun": True}).results
    (record,) = planned["Domain"]["Records"]
    assert (record["Type"], record["Host"], record["Purpose"], writes(azure)) == ("CNAME", NEW, "Traffic", [])
    added = api.post("ExecBackendDomainAdd", {"Domain": f" {NEW.upper()}. "}).results["Domain"]
    assert (added["Name"], added["State"]) == (NEW, "Validating")
    assert added["Since"]
    assert NEW in azure.state()["staticSites"]["cipp-swa-abc12"]["customDomains"]
    assert api.post("ExecBackendDomainAdd", {"Domain": NEW}).results["Domain"]["Name"] == NEW
    assert writes(azure) == ["PUT"]
    assert [one["Name"] for one in api.get(f"ListBackendDomains?Domain={NEW}").results["Domains"]] == [NEW]
    assert api.post("ExecBackendDomainRemove", {"Domain": NEW}).status == 200
    assert api.post("ExecBackendDomainRemove", {"Domain": NEW}).results["Domain"]["State"] == "Removing"
    assert writes(azure) == ["PUT", "DELETE"]


def test_only_domain_is_removed_with_force_alone(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecBackendDomainRemove", {"Domain": OURS}).status == 409
    planned = api.post("ExecBackendDomainRemove", {"Domain": OURS, "Force": True, "DryRun": True}).results
    assert (planned["Domain"]["Name"], writes(azure)) == (OURS, [])
    assert api.post("ExecBackendDomainRemove", {"Domain": OURS, "Force": True}).status == 200
    assert api.post("ExecBackendDomainRemove", {"Domain": "a.contosomsp.com"}).status == 404


def test_certificate_and_sign_in_of_a_static_web_app_need_nothing(api: Api, azure: Sandbox) -> None:
    for dry in (True, False):
        for step, body in (("Secure", {"Domain": OURS}), ("RepairSignIn", {})):
            answer = api.post(f"ExecBackendDomain{step}", {**body, "DryRun": dry})
            assert answer.status == 200
            assert phrases.NOTHING_TO_DO in answer.results["WouldDo" if dry else "Done"][0]
    assert api.post("ExecBackendDomainSecure", {"Domain": NEW}).status == 404
    assert writes(azure) == []


def test_top_of_a_zone_is_validated_by_txt(api: Api) -> None:
    added = api.post("ExecBackendDomainAdd", {"Domain": "contoso.co.uk", "DryRun": True}).results["Domain"]
    assert {(one["Type"], one["Purpose"]) for one in added["Records"]} == {("TXT", "Ownership"), ("ALIAS", "Traffic")}
    refused = api.post("ExecBackendDomainAdd", {"Domain": "contoso.co.uk", "Validation": "cname"})
    assert (refused.status, refused.body["field"]) == (400, "Domain")
    for name in ("b\u00fccher.example", "*.contosomsp.com"):
        assert api.post("ExecBackendDomainAdd", {"Domain": name}).status == 400


def test_cipp_without_a_static_web_app_has_no_domain(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    found = Api().get("ListBackendDomains").results
    assert (found["DefaultHost"], found["Domains"]) == (None, [])
    assert writes(azure) == []


def test_unknown_shape_shows_domains_with_a_note(azure: Sandbox) -> None:
    azure.faults([{"method": "GET", "path": "/sites/cippabc12$", "edit": [["kind", "app,linux"]], "times": 0}])
    found = Api().get("ListBackendDomains").results
    assert len(found["Notes"]) == 1


@pytest.mark.parametrize(
    ("state", "shown", "error", "problems"),
    [
        ("Ready", "Works", None, 0),
        ("Adding", "Validating", None, 1),
        ("RetrievingValidationToken", "Validating", None, 1),
        ("Failed", "Failed", "CNAME Record is invalid.", 1),
        ("Deleting", "Removing", None, 0),
        ("New", "Unknown", None, 0),
    ],
)
def test_state_of_azure_has_one_word_in_both_shapes(state: str, shown: str, error: str | None, problems: int) -> None:
    record = DnsRecord(type="CNAME", host=OURS, value="x")
    azures = Domain(
        name=OURS,
        state=state,
        validation_token=None,
        error=error,
        since=MOMENT,
        dns_record=record,
        routing_record=record,
    )
    found = cipp_domain(azures)
    assert (found.state, len(found.problems), len(found.records), found.since) == (shown, problems, 1, MOMENT)
