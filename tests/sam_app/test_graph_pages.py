"""Lists of Microsoft Graph: every page is read, and a link never leads the token to another host."""

import re
import uuid
from datetime import UTC, datetime

import pytest

from backend.concurrency.deadline import Deadline
from backend.configuration.clouds import CLOUDS, Cloud
from backend.configuration.timeouts import Limits
from backend.errors import AzureRefusedError, AzureUnreachableError, ConflictError
from backend.sam_app import graph as backend_graph
from backend.sam_app.graph import Graph
from backend.sam_app.management_policy import OUR_POLICY, AppPolicy, advised, exempt, read_app_policy
from backend.sam_app.sign_in import Entra, SamApp
from backend.values import SecretText
from sandbox import names
from tests.support import phrases
from tests.support.graph_as_sam_app import graph_of
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

HOST = "graph.microsoft.com"
POLICIES = "policies/appManagementPolicies"
RULE = {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None}


@pytest.fixture
def others(azure: Sandbox) -> Others:
    return Others(azure)


def policy(others: Others, name: str, *, applies: bool = False) -> str:
    """Create a policy that blocks client secrets, and return its ID."""
    body = {"displayName": name, "isEnabled": True, "restrictions": {"passwordCredentials": [RULE]}}
    made = others.graph("POST", POLICIES, body)
    if applies:
        link = {"@odata.id": f"https://{HOST}/v1.0/{POLICIES}/{made['id']}"}
        others.graph("POST", f"applications/{names.SAM_OBJECT_ID}/appManagementPolicies/$ref", link)
    return str(made["id"])


def turned(path: str, link: object, **fault: object) -> dict[str, object]:
    """Set a fault: the first page of a list is empty and has a link to the next one."""
    edit = [[["value"], []], [["@odata.nextLink"], link]]
    return {"method": "GET", "host": HOST, "path": path, "edit": edit, **fault}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_list_contains_the_entries_of_all_pages(others: Others, size: int) -> None:
    made = [policy(others, f"Policy {number}") for number in range(4)]
    found = graph_of(others).read_all("read the policies", f"{POLICIES}?$top={size}")
    assert [entry["id"] for entry in found] == made


def test_app_policy_is_found_on_the_second_page(others: Others) -> None:
    for number in range(100):
        policy(others, f"Policy {number}")
    own = policy(others, "The app's own", applies=True)
    found = read_app_policy(graph_of(others), names.SAM_OBJECT_ID, None)
    assert found.blocks_secrets == ("passwordAddition",)
    assert found.own_policy
    assert found.own_policy["id"] == own


def test_app_is_found_on_the_second_page_of_a_policys_apps(others: Others) -> None:
    own = policy(others, "The app's own", applies=True)
    path = f"{POLICIES}/{own}/appliesTo"
    link = f"https://{HOST}/v1.0/{path}?$skiptoken=MA=="
    others.azure.faults([turned(f"/v1.0/{path}", link)])
    assert read_app_policy(graph_of(others), names.SAM_OBJECT_ID, None).blocks_secrets == ("passwordAddition",)


def test_policy_that_applies_to_others_on_the_second_page_is_not_changed(others: Others) -> None:
    own = policy(others, OUR_POLICY, applies=True)
    path = f"{POLICIES}/{own}/appliesTo"
    found = read_app_policy(graph_of(others), names.SAM_OBJECT_ID, None)
    others.azure.faults(
        [
            {
                "method": "GET",
                "host": HOST,
                "path": f"/v1.0/{path}",
                "edit": [[["@odata.nextLink"], f"https://{HOST}/v1.0/{path}?$skiptoken=MA=="]],
            },
            {"method": "GET", "host": HOST, "path": f"/v1.0/{path}", "edit": [["value.*.id", str(uuid.uuid4())]]},
        ]
    )
    with pytest.raises(ConflictError, match=OUR_POLICY):
        exempt(graph_of(others), names.SAM_OBJECT_ID, found)


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.example.com/v1.0/policies/appManagementPolicies",
        "http://graph.microsoft.com/v1.0/policies/appManagementPolicies",
        "https://graph.microsoft.com@graph.example.com/v1.0/x",
        "https://graph.microsoft.com.example.com/v1.0/x",
        "https://graph.microsoft.us/v1.0/policies/appManagementPolicies",
        "/v1.0/policies/appManagementPolicies",
        7,
        ["https://graph.microsoft.com/v1.0/x"],
    ],
)
def test_link_to_another_host_is_not_followed(others: Others, link: object) -> None:
    graph = graph_of(others)
    others.azure.faults([turned(f"/v1.0/{POLICIES}", link)])
    before = len(others.azure.calls())
    with pytest.raises(AzureUnreachableError, match=phrases.FOREIGN_PAGE):
        graph.read_all("read the policies", POLICIES)
    assert len(others.azure.calls()) == before + 1


def test_list_is_refused_when_its_pages_form_a_loop(others: Others) -> None:
    graph = graph_of(others)
    others.azure.faults([turned(f"/v1.0/{POLICIES}", f"https://{HOST}/v1.0/{POLICIES}", times=0)])
    before = len(others.azure.calls(HOST))
    with pytest.raises(AzureUnreachableError, match=phrases.ENDLESS_LIST):
        graph.read_all("read the policies", POLICIES)
    assert len(others.azure.calls(HOST)) == before + 1


def test_list_is_refused_when_it_has_too_many_pages(others: Others, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(backend_graph, "MOST_PAGES", 3)
    for number in range(4):
        policy(others, f"Policy {number}")
    assert len(graph_of(others).read_all("read the policies", f"{POLICIES}?$top=2")) == 4
    with pytest.raises(AzureUnreachableError, match=phrases.ENDLESS_LIST):
        graph_of(others).read_all("read the policies", f"{POLICIES}?$top=1")


@pytest.mark.parametrize("value", [None, {}, "x", [None], [1]])
def test_list_without_entries_is_refused(others: Others, value: object) -> None:
    graph = graph_of(others)
    others.azure.faults([{"method": "GET", "host": HOST, "path": f"/v1.0/{POLICIES}", "edit": [["value", value]]}])
    with pytest.raises(AzureUnreachableError, match=phrases.NOT_A_LIST):
        graph.read_all("read the policies", POLICIES)


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
def test_policy_is_applied_and_advised_at_its_own_cloud(others: Others, cloud: Cloud) -> None:
    host = cloud.graph.removeprefix("https://")
    secret = others.azure.state()["applications"][names.SAM_APP_ID]["passwordCredentials"][0]["secretText"]
    app = SamApp(names.SAM_APP_ID, names.TENANT_ID, SecretText(secret))
    token = Entra(cloud, Limits(), Deadline.after(0)).sign_in(app).token
    graph = Graph(cloud, Limits(), lambda: token)
    others.restrict("passwordCredentials", **RULE)
    found = read_app_policy(graph, names.SAM_OBJECT_ID, None)
    assert found.blocks_secrets
    advice = advice_of(found)
    exempt(graph, names.SAM_OBJECT_ID, found)
    (link,) = [call for call in others.azure.calls(host) if call["path"].endswith("$ref")]
    assert f'"@odata.id": "https://{host}/v1.0/{POLICIES}/' in link["request_body"]
    own = read_app_policy(graph, names.SAM_OBJECT_ID, None)
    assert not own.blocks_secrets
    assert set(re.findall(r"https://([^/]+)/", advice + advice_of(own))) == {host}


def advice_of(found: AppPolicy) -> str:
    """Return the advice for a rule that blocks."""
    with pytest.raises(AzureRefusedError) as raised, advised(found, ["passwordAddition"], names.SAM_OBJECT_ID):
        raise AzureRefusedError("Refused.", status=400)
    return raised.value.advice or ""


@pytest.mark.parametrize("value", [None, {"$remove": True}, 7, "x", [], [None], {}], ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        "applicationRestrictions",
        "applicationRestrictions.passwordCredentials",
        "applicationRestrictions.passwordCredentials.*",
        "applicationRestrictions.passwordCredentials.*.restrictionType",
        "applicationRestrictions.passwordCredentials.*.restrictForAppsCreatedAfterDateTime",
        "applicationRestrictions.passwordCredentials.*.maxLifetime",
        "displayName",
    ],
)
def test_policy_in_another_form_is_ignored(others: Others, path: str, value: object) -> None:
    others.restrict("passwordCredentials", **RULE)
    default = "/v1.0/policies/defaultAppManagementPolicy"
    graph = graph_of(others)
    others.azure.faults([{"method": "GET", "host": HOST, "path": default, "edit": [[path, value]]}])
    blocks = read_app_policy(graph, names.SAM_OBJECT_ID, datetime.now(UTC)).blocks_secrets
    is_kept = path.endswith(("DateTime", "maxLifetime", "displayName"))
    assert blocks == (("passwordAddition",) if is_kept else ())
