"""The permissions: checked in Azure, with the missing ones and the commands that grant exactly those."""

import json
import time
from collections import Counter
from typing import Any, Final

import pytest

import function_app
from backend.health.permissions_held import allowed, held_by_policy
from sandbox import names
from sandbox.arm.target import target_of
from settings.http.routes import Route, all_routes
from tests.examples import prepared
from tests.support import az, phrases
from tests.support.admin import GROUP, OURS, ROLES, ROLES_API, SUBSCRIPTION, VAULT, WEB, Admin
from tests.support.api import Answer, Api
from tests.support.http_file import address_of
from tests.support.page_troubles import AMONG_OTHERS, ARM, MOST_SECONDS, REFUSALS, SILENCES
from tests.support.principals import user
from tests.support.sandbox_client import Sandbox

MAIN, OFFLOAD, STATIC = f"{WEB}/sites/cippabc12", f"{WEB}/sites/cippabc12-proc", f"{WEB}/staticSites/cipp-swa-abc12"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{names.STORAGE_ACCOUNT}"
SECRETS = f"{names.VAULT}.vault.azure.net"
# The endpoints that the tests of all endpoints leave out, by the reason.
UNLISTED = {
    **dict.fromkeys(("PublicPing", "me", "OpenApi", "Docs", "Console"), "calls nothing"),
    "ListBackendRights": "every test here calls it",
    **dict.fromkeys(("ExecTimeSettings", "ListBackendLog"), "calls CIPP's tables only"),
    **dict.fromkeys(("ListKeyVaultSecretVersions", "ExecKeyProof"), "finds the vault as the other endpoints do"),
    **dict.fromkeys(("ExecKeyVaultSecretRestore", "ExecKeyVaultSecretRecover"), "the same"),
    "ExecBackendSignInRepair": "needs CIPP as a container",
    "ExecKeyRotation": "its actions in Azure are those of a list and of a restart",
    "ExecFunctionAppDeploymentSync": "needs an app that is connected to its fork",
    "ExecBackendVersionSet": "needs CIPP as a container",
}
# The example of each other endpoint is sent. In the order of the route table, each can succeed.
ROUTES: Final = [route for route in all_routes(function_app.PAGES) if route.name not in UNLISTED]
REFUSED: list[tuple[str, dict[str, object] | None, str]] = [
    ("ExecFunctionAppStop", {}, "Microsoft.Web/sites/stop/action"),
    ("ListFunctionAppSettings", None, "Microsoft.Web/sites/config/list/action"),
    ("ListStaticWebAppUsers", None, "Microsoft.Web/staticSites/authproviders/listUsers/action"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "a.contoso.com"}, "Microsoft.Web/staticSites/customDomains/write"),
    (
        "ExecStaticWebAppUserInvite",
        {"UserDetails": "pat@contoso.com", "Roles": ["editor"], "Hours": 1},
        "Microsoft.Web/staticSites/createUserInvitation/action",
    ),
]


def rights(api: Api) -> Any:  # noqa: ANN401 - what JSON may hold
    answer = api.get("ListBackendRights")
    assert answer.status == 200
    return answer.results


def ask(api: Api, name: str, body: dict[str, object] | None) -> Answer:
    return api.get(name) if body is None else api.post(name, body)


def ask_example(azure: Sandbox, api: Api, route: Route) -> Answer:
    """Send the example of an endpoint without `DryRun`."""
    if not route.body:
        return api.get(address_of(route))
    return api.post(route.path, {**prepared(azure, route), "DryRun": False})


def missing(results: Any, kind: str) -> list[str]:  # noqa: ANN401 - what JSON may hold
    return [right["Action"] for right in results["Rights"] if right["Kind"] == kind and right["Has"] is False]


def has(results: Any, kind: str) -> set[bool | None]:  # noqa: ANN401 - what JSON may hold
    return {right["Has"] for right in results["Rights"] if right["Kind"] == kind}


def test_granted_permissions_of_every_kind_are_returned(api: Api) -> None:
    results = rights(api)
    assert {right["Kind"] for right in results["Rights"]} == {"azure", "vault", "graph", "table"}
    assert all(right["Has"] is True and right["Problem"] is None for right in results["Rights"])
    assert (results["Missing"], results["Commands"]) == (0, [])
    assert {right["Action"] for right in results["Rights"] if right["Kind"] == "graph"} == {
        "Application.ReadWrite.All",
        "Policy.Read.All",
        "Policy.ReadWrite.ApplicationConfiguration",
        "GroupMember.Read.All",
        "User.Read.All",
    }
    assert {right["Scope"] for right in results["Rights"] if right["Kind"] == "azure"} == {GROUP, MAIN, OFFLOAD, STATIC}


def test_permissions_are_returned_as_missing_without_any_role(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.take_roles()
    results = rights(api)
    assert has(results, "azure") == {False}
    assert has(results, "vault") == {None}  # the vault can't be read without Reader, which is reported
    assert all(right["Problem"] for right in results["Rights"] if right["Kind"] in ("azure", "vault"))
    assert results["Commands"][0].endswith(f'--role "Reader" --scope {GROUP}')


def test_commands_grant_exactly_the_missing_permissions(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.take_roles()
    admin.set_policy()
    rounds = 0
    while commands := rights(api)["Commands"]:
        rounds += 1
        assert rounds <= 3
        for command in commands:
            az.run(admin, command)
    assert rights(api)["Missing"] == 0
    assert has(rights(api), "vault") == {True}
    assignments = admin.call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
    ours = [one["properties"] for one in assignments if one["properties"]["principalId"] == OURS]
    roles = {
        definition["id"]: definition["properties"]["roleName"]
        for definition in admin.call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]
    }
    assert Counter((roles[one["roleDefinitionId"]], one["scope"]) for one in ours) == Counter(
        {
            ("Reader", GROUP): 1,
            ("Website Contributor", MAIN): 1,
            ("Website Contributor", OFFLOAD): 1,
            ("CIPP Backend on cipp-swa-abc12", STATIC): 1,
        }
    )
    policies = admin.call("GET", VAULT, "2023-07-01")["properties"]["accessPolicies"]
    (policy,) = [policy for policy in policies if policy["objectId"] == OURS]
    assert sorted(policy["permissions"]["secrets"]) == ["get", "list", "recover", "set"]
    for route in ROUTES:
        answer = ask_example(azure, api, route)
        assert (route.name, answer.status, "Missing: " in answer.text) == (route.name, 200, False), answer.text


def test_each_endpoint_that_is_left_out_exists() -> None:
    assert UNLISTED.keys() <= {route.name for route in all_routes(function_app.PAGES)}


def test_listed_actions_are_exactly_those_that_endpoints_need(azure: Sandbox, api: Api) -> None:
    listed = {right["Action"].lower() for right in rights(api)["Rights"] if right["Kind"] == "azure"}
    for route in ROUTES:
        assert ask_example(azure, api, route).status == 200, route.name
    assert api.post("ExecFunctionAppDeploymentSync", {"Name": "cippabc12-proc"}).status in (200, 409)
    owner = user("superadmin", oid=names.ADMIN_ID)
    assert api.get("ListBackendMigration", **owner).status == 200  # which looks up the roles of this user
    called = {target_of(call["method"], call["path"]).action.lower() for call in azure.calls(ARM)}
    of_subscription = {"microsoft.resources/subscriptions/resources/read"}  # lists only what the identity can see
    of_rights = {action for action in called if action.startswith("microsoft.authorization/")}  # anyone's own
    sync = {"microsoft.web/sites/sync/action"}  # only if a source is connected
    assert called - of_subscription - of_rights - listed == set()
    assert listed - called - sync == set()


def test_static_web_app_role_cannot_read_secrets_or_change_other_things(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", GROUP)
    (command,) = [command for command in rights(api)["Commands"] if "az role definition" in command]
    assert command.endswith(f"--scope {STATIC}")
    az.run(admin, command)
    (role,) = [role for role in _roles(admin) if role["roleName"] == "CIPP Backend on cipp-swa-abc12"]
    for action in (
        "listSecrets/action",
        "resetapikey/action",
        "write",
        "delete",
        "zipdeploy/action",
        "linkedBackends/write",
    ):
        assert not allowed(role["permissions"], f"Microsoft.Web/staticSites/{action}"), action
    assert role["assignableScopes"] == [GROUP]


def _roles(admin: Admin) -> list[Any]:
    found = admin.call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]
    return [definition["properties"] for definition in found]


def test_website_contributor_covers_no_static_web_app(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", GROUP)
    admin.give_role("Website Contributor", GROUP)
    results = rights(api)
    assert missing(results, "azure") == [
        "Microsoft.Web/staticSites/customDomains/write",
        "Microsoft.Web/staticSites/customDomains/delete",
        "Microsoft.Web/staticSites/authproviders/listUsers/action",
        "Microsoft.Web/staticSites/authproviders/users/write",
        "Microsoft.Web/staticSites/authproviders/users/delete",
        "Microsoft.Web/staticSites/createUserInvitation/action",
    ]
    assert len(results["Commands"]) == 1


def test_missing_permission_of_a_policy_is_returned_and_granted(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.set_policy("get", "list", "recover")
    results = rights(api)
    assert (missing(results, "vault"), results["Missing"]) == (["set"], 1)
    (command,) = results["Commands"]
    assert (
        command
        == f"az keyvault set-policy --name cippabc12 --object-id {OURS} --secret-permissions get list set recover"
    )
    az.run(admin, command)
    assert rights(api)["Missing"] == 0
    assert api.post("ExecKeyVaultSecretSet", {"Name": "Extra", "Value": "1"}).status == 200


def test_permissions_on_a_vault_with_roles_are_checked_by_roles(azure: Sandbox, api: Api) -> None:
    admin = Admin(azure)
    admin.let_roles_count()  # Contributor has no actions on data
    results = rights(api)
    assert {action.rpartition("secrets/")[2] for action in missing(results, "vault")} == {
        "getSecret/action",
        "readMetadata/action",
        "setSecret/action",
        "update/action",
        "recover/action",
    }
    command = results["Commands"][0]
    assert f'--role "Key Vault Secrets Officer" --scope {VAULT}' in command
    refused = api.get("ListKeyVaultSecrets")
    assert refused.status == 500
    assert "Missing: Microsoft.KeyVault/vaults/secrets/readMetadata/action" in refused.body["detail"]
    assert "ListBackendRights" in refused.body["advice"]
    az.run(admin, command)
    assert (rights(api)["Missing"], api.get("ListKeyVaultSecrets").status) == (0, 200)


def test_missing_permission_in_graph_is_returned_with_its_own_command(azure: Sandbox, api: Api) -> None:
    held = ["Application.ReadWrite.All", "Policy.Read.All", "GroupMember.Read.All", "User.Read.All"]
    azure.faults(
        [{"path": "/token$", "host": "login.*", "mode": "alter", "alter": {"claims": {"roles": held}}, "times": 0}]
    )
    results = rights(api)
    assert missing(results, "graph") == ["Policy.ReadWrite.ApplicationConfiguration"]
    (command,) = results["Commands"]
    assert f"az ad sp show --id {names.SAM_APP_ID} --query id" in command
    body = command.partition('--body "')[2].removesuffix('"').replace('\\"', '"')
    assert json.loads(body) == {
        "principalId": "$SAM",
        "resourceId": "$GRAPH",
        "appRoleId": "be74164b-cff1-491c-8741-e671cb536e13",
    }


@pytest.mark.parametrize(
    ("held", "lacks"),
    [
        ([], ["GroupMember.Read.All", "User.Read.All"]),
        (["GroupMember.Read.All"], ["User.Read.All"]),
        (["User.Read.All"], ["GroupMember.Read.All"]),
        (["Directory.Read.All"], []),
    ],
)
def test_roles_by_groups_need_to_read_users_and_groups_or_everything(
    azure: Sandbox, api: Api, held: list[str], lacks: list[str]
) -> None:
    others = ["Application.ReadWrite.All", "Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"]
    roles = {"claims": {"roles": [*others, *held]}}
    azure.faults([{"path": "/token$", "host": "login.*", "mode": "alter", "alter": roles, "times": 0}])
    assert missing(rights(api), "graph") == lacks


def test_refused_storage_key_is_a_missing_permission(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    parts = dict(part.partition("=")[::2] for part in azure.env["AzureWebJobsStorage"].split(";") if part)
    parts["AccountKey"] = "AAAA" + parts["AccountKey"][4:]
    nowhere.setenv("CIPP_STORAGE", ";".join(f"{name}={value}" for name, value in parts.items()))
    results = rights(Api())
    assert missing(results, "table") == [phrases.KEY_OF_ACCOUNT]
    assert (
        "az functionapp config appsettings set --name cippabc12-backend --resource-group cipp" in results["Commands"][0]
    )


def test_tables_by_identity_need_a_role_on_the_storage_account(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    nowhere.setenv("CIPP_STORAGE__tableServiceUri", f"https://{names.STORAGE_ACCOUNT}.table.core.windows.net")
    api = Api()
    results = rights(api)
    assert {action.rpartition("/tables/")[2] for action in missing(results, "table")} == {
        "entities/read",
        "entities/write",
        "entities/delete",
        "entities/add/action",
        "entities/update/action",
    }  # Contributor may create tables, but not read them
    (command,) = results["Commands"]
    assert command.endswith(f'--role "Storage Table Data Contributor" --scope {STORAGE}')
    az.run(Admin(azure), command)
    assert rights(api)["Missing"] == 0


def test_storage_account_is_missing_when_none_is_configured(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    del azure
    results = rights(Api())
    assert has(results, "table") == {False}
    assert (results["Missing"], results["Commands"]) == (1, [])
    assert "Set CIPP_STORAGE" in next(right["Problem"] for right in results["Rights"] if right["Kind"] == "table")


@pytest.mark.parametrize(("name", "body", "action"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_refusal_elsewhere_names_the_missing_action_and_the_endpoint_for_permissions(
    azure: Sandbox, api: Api, name: str, body: dict[str, object] | None, action: str
) -> None:
    admin = Admin(azure)
    admin.take_roles()
    admin.give_role("Reader", GROUP)
    answer = ask(api, name, body)
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert f"Missing: {action}" in answer.results.replace("customdomains", "customDomains")
    assert "ListBackendRights" in answer.results


@pytest.mark.compares_times
@pytest.mark.parametrize("status", REFUSALS)
def test_permission_that_cannot_be_checked_is_unknown_with_the_reason(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, status: int
) -> None:
    assert_unknown(azure, nowhere, {"mode": "refuse", "status": status, "retry_after": 2700})


@pytest.mark.compares_times
@pytest.mark.parametrize("mode", SILENCES)
def test_permission_check_without_a_response_is_unknown_and_not_waited_for(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, mode: str
) -> None:
    assert_unknown(azure, nowhere, {"mode": mode})


def assert_unknown(azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]) -> None:
    if fault["mode"] == "hang":
        for name, value in AMONG_OTHERS.items():
            nowhere.setenv(name, value)
    api = Api()
    azure.faults([{"host": ARM, "path": "/permissions$", "times": 0, **fault}])
    began = time.monotonic()
    results = rights(api)
    assert time.monotonic() - began < MOST_SECONDS
    expected = False if fault.get("status") == 403 else None  # a refusal is a result, a timeout is not
    assert (has(results, "azure"), has(results, "vault"), has(results, "graph")) == ({expected}, {True}, {True})
    assert all("Couldn't " in right["Problem"] for right in results["Rights"] if right["Has"] is not True)


ONE = [{"actions": ["*/read", "Microsoft.Web/sites/*"], "notActions": ["Microsoft.Web/sites/delete"]}]
DATA = [{"actions": [], "dataActions": ["Microsoft.KeyVault/vaults/secrets/*"], "notDataActions": []}]
SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


@pytest.mark.parametrize(
    ("permissions", "action", "held"),
    [
        ([], "Microsoft.Web/sites/read", False),
        (ONE, "Microsoft.Web/sites/read", True),
        (ONE, "microsoft.web/SITES/Restart/Action", True),
        (ONE, "Microsoft.Web/sites/delete", False),
        ([*ONE, {"actions": ["*"], "notActions": []}], "Microsoft.Web/sites/delete", True),
        (ONE, "Microsoft.Web/staticSites/write", False),
        ([{"actions": ["Microsoft.Web/sites"]}], "Microsoft.Web/sites/read", False),
        ([{"actions": ["Microsoft.Web.sites/read"]}], "Microsoft.Web/sites/read", False),
        ([{"actions": ["*"], "notActions": None, "dataActions": None}], SECRET, False),
        (DATA, SECRET, True),
        ([{**DATA[0], "notDataActions": ["*/getSecret/*"]}], SECRET, False),
    ],
)
def test_action_is_allowed_when_one_role_includes_and_does_not_exclude_it(
    permissions: list[dict[str, object]], action: str, held: bool
) -> None:
    assert allowed(permissions, action) is held


@pytest.mark.parametrize(
    ("policies", "held"),
    [
        ([], set()),
        ([{"objectId": "ME", "permissions": {"secrets": ["Get", "LIST"]}}], {"get", "list"}),
        ([{"objectId": "me", "permissions": {"secrets": ["all"]}}], {"get", "list", "set", "recover"}),
        ([{"objectId": "other", "permissions": {"secrets": ["get"]}}], set()),
        ([{"objectId": "me", "permissions": {"keys": ["get"], "secrets": None}}], set()),
        ([{"objectId": "me", "permissions": None}], set()),
    ],
)
def test_policy_grants_its_permissions_to_its_identity(policies: list[dict[str, object]], held: set[str]) -> None:
    assert held_by_policy(policies, "me") == held
