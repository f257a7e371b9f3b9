"""Refusals that are not missing rights: errors and ListBackendRights name the cause and who can remove it."""

import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from backend.azure.errors.translation import while_trying_to
from backend.errors import AzureRefusedError, BackendError, NotFoundError
from sandbox import names
from tests.azure.test_errors import Answer as Response
from tests.hosting.test_deployments import connect
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.sandbox_client import Sandbox

VAULT = f"{names.VAULT}.vault.azure.net"
ARM = "management.azure.com"
Call = tuple[str, dict[str, object] | None]
STORE: Call = ("ExecKeyVaultSecretSet", {"Name": "Extra", "Value": "1"})
RESTART: Call = ("ExecFunctionAppRestart", {})
APPS: Call = ("ListFunctionApps", None)
SECRETS: Call = ("ListKeyVaultSecrets", None)
SETTINGS: Call = ("ListFunctionAppSettings", None)
DEPLOYMENTS: Call = ("ListFunctionAppDeployments", None)
SYNC: Call = ("ExecFunctionAppDeploymentSync", {})
# The call, where Azure refuses it, its code, and the words that name the cause and who removes it.
REFUSED: list[tuple[Call, str, str, tuple[str, str]]] = [
    (SECRETS, VAULT, "ForbiddenByFirewall", ("key vault's firewall", "owner or contributor of the vault")),
    (STORE, VAULT, "ForbiddenByFirewall", ("key vault's firewall", "owner or contributor of the vault")),
    (SECRETS, VAULT, "ForbiddenByConnection", ("no public network access", "private endpoint")),
    (STORE, VAULT, "SecretDisabled", ("version of the secret is disabled", "permission to set secrets")),
    (RESTART, "/restart$", "RequestDisallowedByPolicy", ("'Only approved changes'", "owner of the policy")),
    (SETTINGS, "/config/", "RequestDisallowedByPolicy", ("policyAssignments/1f0cae28", "az policy exemption create")),
    (RESTART, "/restart$", "DenyAssignmentAuthorizationFailed", ("'Deny assignment of stack cipp'", "owner of the")),
    (APPS, "/sites$", "DenyAssignmentAuthorizationFailed", ("deny assignment", "owner of the stack")),
    (RESTART, "/restart$", "ScopeLocked", (f"lock on {names.RESOURCE_GROUP_ID}", "az lock delete")),
    (SETTINGS, "/appsettings/list$", "ScopeLocked", ("ReadOnly lock", "Owner or User Access Administrator")),
    (RESTART, "/restart$", "ReadOnlyDisabledSubscription", ("subscription is disabled", "billing account owner")),
    (APPS, "/sites$", "SubscriptionNotFound", ("moved to another tenant", "subscription's owner")),
    (RESTART, "/restart$", "MissingSubscriptionRegistration", ("not registered", "--namespace Microsoft.Web")),
    (APPS, "/sites$", "InvalidAuthenticationTokenTenant", ("belongs to another tenant", "administrator")),
    (APPS, "/sites$", "ExpiredAuthenticationToken", ("has expired", "restart this app")),
    (DEPLOYMENTS, "/deployments$", "SiteStopped", ("the app is stopped", "ExecFunctionAppStart")),
    (DEPLOYMENTS, "/deployments$", "SiteBlocked", ("access restrictions", "Website Contributor")),
]


def ask(name: str, body: object) -> Answer:
    return Api().get(name) if body is None else Api().post(name, body)


@pytest.mark.parametrize(("call", "place", "code", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_refusal_names_its_cause_and_who_removes_it(
    azure: Sandbox, call: Call, place: str, code: str, words: tuple[str, str]
) -> None:
    where = {"host": place} if "." in place else {"host": ARM, "path": place}
    azure.faults([{**where, "mode": "refuse", "code": code, "times": 0}])
    answer = ask(*call)
    assert answer.status == 500, answer.text
    assert all(part in answer.results for part in words), answer.results
    assert phrases.RIGHT_IS_MISSING not in answer.results
    assert "Missing: " not in answer.results
    assert code in answer.body["azureCode"] or code.startswith("Site")


@pytest.mark.parametrize("code", ["ForbiddenByFirewall", "ForbiddenByConnection"])
def test_rights_on_a_vault_behind_a_firewall_exist_and_name_the_firewall(azure: Sandbox, code: str) -> None:
    azure.faults([{"host": VAULT, "mode": "refuse", "code": code, "times": 0}])
    refused = ask(*SECRETS).results
    results = Api().get("ListBackendRights").results
    rights = [right for right in results["Rights"] if right["Kind"] == "vault"]
    assert {right["Has"] for right in rights} == {True}
    assert {right["Problem"] for right in rights} == {refused}
    assert {right["Has"] for right in results["Rights"] if right["Kind"] == "graph"} == {None}
    assert (results["Missing"], results["Commands"]) == (0, [])


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("DenyAssignmentAuthorizationFailed", phrases.DENY_ASSIGNMENT),
        ("RequestDisallowedByPolicy", "Azure Policy assignment"),
        ("ReadOnlyDisabledSubscription", phrases.SUBSCRIPTION_DISABLED),
        ("ScopeLocked", phrases.A_LOCK),
    ],
)
def test_rights_that_cannot_be_looked_up_are_not_missing_rights(azure: Sandbox, code: str, cause: str) -> None:
    azure.faults([{"host": ARM, "path": "/permissions$", "mode": "refuse", "code": code, "times": 0}])
    results = Api().get("ListBackendRights").results
    rights = [right for right in results["Rights"] if right["Kind"] == "azure"]
    assert {right["Has"] for right in rights} == {None}
    assert all(cause in right["Problem"] for right in rights)
    assert (results["Missing"], results["Commands"]) == (0, [])


@pytest.mark.parametrize(
    ("code", "cause", "who"),
    [
        ("KeyBasedAuthenticationNotPermitted", phrases.NO_SHARED_KEYS, "CIPP_STORAGE__tableServiceUri"),
        ("AuthorizationFailure", phrases.STORAGE_FIREWALL, phrases.OWNER_OF_ACCOUNT),
    ],
)
def test_storage_that_refuses_every_key_lacks_no_right(azure: Sandbox, code: str, cause: str, who: str) -> None:
    azure.faults([{"host": "127.0.0.1", "path": "/devstoreaccount1", "mode": "refuse", "code": code, "times": 0}])
    answer = ask("ExecTimeSettings", {"Timezone": "UTC"})
    assert answer.status == 500, answer.text
    assert cause in answer.results
    assert who in answer.results
    rights = [right for right in ask("ListBackendRights", None).results["Rights"] if right["Kind"] == "table"]
    assert {right["Has"] for right in rights} == {None}
    assert all(cause in right["Problem"] for right in rights)


def test_vault_firewall_does_not_pass_for_a_secret_that_is_there(azure: Sandbox) -> None:
    azure.faults([{"host": VAULT, "method": "GET", "path": "/secrets/Extra", "mode": "refuse", "times": 0}
                  | {"code": "ForbiddenByFirewall"}])  # fmt: skip
    assert Api().post("ExecKeyVaultSecretSet", {"Name": "Extra", "Value": "1"}).status == 200
    answer = Api().post("ExecKeyVaultSecretRecover", {"Name": "Extra"})
    assert answer.status == 500
    assert phrases.VAULT_FIREWALL in answer.results
    assert phrases.NOT_DELETED not in answer.results


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"status": 409}, 409, "ListFunctionAppDeployments shows"),
        ({"code": "ScopeLocked"}, 500, "az lock list"),
        ({"code": "ReadOnlyDisabledSubscription"}, 500, phrases.BILLING_OWNER),
        (
            {"answer": {"status": 409, "body": {"Code": "Conflict", "Message": "The site has no source control."}}},
            500,
            phrases.NO_REPOSITORY,
        ),
        (
            {"answer": {"status": 409, "body": {"Code": "Conflict", "Message": "Something else."}}},
            409,
            phrases.SYNC_CONFLICT,
        ),
        (
            {"answer": {"status": 409, "body": {"Message": "Another deployment is in progress, please try later."}}},
            409,
            "ListFunctionAppDeployments shows",
        ),
    ],
)
def test_sync_that_is_refused_with_409_names_its_own_cause(
    azure: Sandbox, fault: dict[str, object], status: int, words: str
) -> None:
    connect(azure)
    azure.faults([{"path": "/sync$", "mode": "refuse", "times": 0, **fault}])
    answer = ask(*SYNC)
    assert answer.status == status, answer.text
    assert words in answer.results
    assert (phrases.FORK_MAY in answer.results.lower()) is (status == 409)


def test_hidden_subscription_is_not_reported_as_missing_repository(azure: Sandbox) -> None:
    azure.faults([{"path": "/sourcecontrols/web$", "mode": "refuse", "code": "SubscriptionNotFound", "times": 0}])
    answer = ask(*SYNC)
    assert answer.status == 500
    assert phrases.NO_REPOSITORY not in answer.results


# What no endpoint provokes


def raised(status: int, body: object, **headers: str) -> BackendError:
    response = Response(status, body if isinstance(body, str) else json.dumps(body))
    response.headers = headers
    with pytest.raises(BackendError) as error, while_trying_to("open the box"):
        raise HttpResponseError(response=response)  # type: ignore[arg-type] # as much of one as is read
    return error.value


def vault(inner: str, message: str = "x") -> dict[str, Any]:
    return {"error": {"code": "Forbidden", "message": message, "innererror": {"code": inner}}}


def arm(code: str, message: str = "x", **more: object) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


DENY = "DenyAssignmentId: '7d3e5b1c-2a4f-4e6d-8c9b-0a1f2e3d4c5b'\r\nDecisionReason: 'DeniedByDenyAssignment'"
LINKED = (
    "The client 'c' with object id 'o' has permission to perform action 'a' on scope 's'; however, it does not have "
    "permission to perform action 'b' on the linked scope(s) 't' and is blocked by deny assignments on it."
)
NESTED_POLICY = arm(
    "InvalidTemplateDeployment",
    details=[
        {
            "code": "RequestDisallowedByPolicy",
            "message": "no",
            "additionalInfo": [{"type": "PolicyViolation", "info": {"policyAssignmentName": "Nested one"}}],
        }
    ],
)
POLICY_IN_TEXT = """Disallowed. Policy identifiers: '[{"policyAssignment":{"name":"In the text","id":"/a"}}]'."""
UNREGISTERED = "The subscription is not registered to use namespace 'Microsoft.Web'."
IN_TEXT = arm("BadRequest", json.dumps(arm("ScopeLocked", "because following scope(s) are locked: '/subscriptions/s'")))


@pytest.mark.parametrize(
    ("status", "body", "words", "is_right"),
    [
        (403, vault("forbiddenbyfirewall"), "firewall", False),
        (403, vault("FORBIDDENBYRBAC"), phrases.RIGHT_IS_MISSING, True),
        (403, vault("ForbiddenByRbac", DENY), "7d3e5b1c-2a4f-4e6d-8c9b-0a1f2e3d4c5b", False),
        (403, vault("ForbiddenByPolicy"), phrases.RIGHT_IS_MISSING, True),
        (403, vault("AccessDenied"), phrases.RIGHT_IS_MISSING, True),
        (403, vault("SecretManagedByKeyVault"), phrases.OF_A_CERTIFICATE, False),
        (
            403,
            arm("Forbidden", "Client address is not authorized and caller is not a trusted service."),
            "firewall",
            False,
        ),
        (403, arm("Forbidden", "Something new"), f"{phrases.UNKNOWN_CAUSE}: {phrases.ITS_CODE_IS} Forbidden", False),
        (403, arm("BrandNewCode"), f"{phrases.UNKNOWN_CAUSE}: {phrases.ITS_CODE_IS} BrandNewCode", False),
        (403, "", f"{phrases.UNKNOWN_CAUSE}: {phrases.SENT_NO_CODE}", False),
        (403, "<html><body>Nothing to see</body></html>", phrases.UNKNOWN_CAUSE, False),
        (403, "<html><h1>SITE DISABLED</h1></html>", phrases.APP_IS_STOPPED, False),
        (403, arm("authorizationfailed"), phrases.RIGHT_IS_MISSING, True),
        (403, arm("LinkedAuthorizationFailed"), phrases.RIGHT_IS_MISSING, True),
        (403, arm("LinkedAuthorizationFailed", LINKED), phrases.DENY_ASSIGNMENT, False),
        (400, NESTED_POLICY, "'Nested one'", False),
        (403, arm("RequestDisallowedByPolicy", POLICY_IN_TEXT), "'In the text'", False),
        (403, arm("RequestDisallowedByPolicy", POLICY_IN_TEXT, additionalInfo=[{"info": {}}]), "'In the text'", False),
        (409, arm("MissingSubscriptionRegistration", UNREGISTERED), "--namespace Microsoft.Web", False),
        (409, arm("MissingSubscriptionRegistration"), "--namespace <namespace>", False),
        (400, IN_TEXT, f"{phrases.A_LOCK} on /subscriptions/s ", False),
        (
            409,
            {"Code": "Conflict", "Message": "The scope is locked. Please remove the lock."},
            phrases.A_LOCK,
            False,
        ),
        (401, {"Code": "Unauthorized", "Message": "This region has quota of 0 instances."}, "a quota", False),
        (
            401,
            arm("Unauthorized", "AKV10032: Invalid issuer. Expected one of a, found b."),
            phrases.TOKEN_OF_ANOTHER_TENANT,
            False,
        ),
        (
            403,
            {"odata.error": {"code": "AuthenticationFailed", "message": {"value": "no"}}},
            phrases.ACCOUNT_KEY,
            False,
        ),
        (403, {"odata.error": {"code": "AuthorizationPermissionMismatch"}}, "Storage Table Data Contributor", True),
        (403, {"odata.error": {"code": "AuthorizationSourceIPMismatch"}}, phrases.SHARED_ACCESS_SIGNATURE, False),
        (403, {"odata.error": {"code": "AccountIsDisabled"}}, phrases.ACCOUNT_DISABLED, False),
        (409, arm("DisabledSubscription"), phrases.SUBSCRIPTION_DISABLED, False),
        (409, arm("AnotherOperationInProgress"), phrases.ANOTHER_OPERATION, False),
        (409, arm("QuotaExceeded"), "a quota", False),
    ],
)
def test_cause_is_read_from_codes_and_words_of_any_depth_and_case(
    status: int, body: object, words: str, *, is_right: bool
) -> None:
    error = raised(status, body)
    assert isinstance(error, AzureRefusedError)
    assert words in str(error), str(error)
    assert error.is_missing_right is is_right
    assert (f"{phrases.RIGHT_IS_MISSING}." in str(error) or "Missing: " in str(error)) is is_right


def test_code_in_a_header_alone_is_read() -> None:
    error = raised(403, "", **{"x-ms-error-code": "KeyBasedAuthenticationNotPermitted"})
    assert isinstance(error, AzureRefusedError)
    assert phrases.NO_SHARED_KEYS in str(error)


@pytest.mark.parametrize(
    ("code", "kind"), [("ResourceNotFound", NotFoundError), ("SubscriptionNotFound", BackendError)]
)
def test_only_a_thing_that_is_not_there_is_not_found(code: str, kind: type[BackendError]) -> None:
    assert isinstance(raised(404, arm(code)), kind)
    assert isinstance(raised(404, arm(code)), NotFoundError) is (kind is NotFoundError)


@pytest.mark.parametrize(
    "body",
    [
        arm("X", innererror="x", details="x", additionalInfo="x"),
        arm("X", innererror=[], details=[1, None, {}], additionalInfo=[1, {"info": 7}, {"info": None}]),
        {"error": {"code": ["x"], "message": ["y"], "details": {"a": 1}}},
        {"error": {"code": True, "message": 7}},
        arm("X", '{"error": {"code": '),
        arm("X", "{" * 3000),
    ],
)
def test_odd_body_stays_a_refusal(body: object) -> None:
    assert isinstance(raised(403, body), AzureRefusedError)


def test_deeply_nested_body_stays_a_refusal() -> None:
    body: dict[str, Any] = {"code": "Deep"}
    for _ in range(200):
        body = {"code": "Outer", "innererror": body, "details": [{"code": "Beside"}] * 20}
    assert isinstance(raised(403, {"error": body}), AzureRefusedError)


def test_credential_in_a_locked_scope_is_not_repeated(azure: Sandbox) -> None:
    secret = "abc8Q~abcdefghijklmnopqrstuvwxyz0123456"
    message = f"The scope '/s' cannot perform it because following scope(s) are locked: '/sites/a?sig={secret}'."
    body = json.dumps({"error": {"code": "ScopeLocked", "message": message}})
    azure.faults(
        [{"host": "management.azure.com", "path": "/restart$", "times": 0, "answer": {"status": 409, "body": body}}]
    )
    answer = Api().post("ExecFunctionAppRestart", {"Name": names.MAIN_SITE})
    assert phrases.A_LOCK in answer.results
    assert secret not in answer.text
