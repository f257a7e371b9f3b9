import pytest

from sandbox import names
from tests.support.sandbox.sign_in import GRAPH, Sam, sam
from tests.support.sandbox_client import Sandbox

CHECK = f"/v1.0/users/{names.MEMBER_ID}/checkMemberGroups"
MEMBERS = f"/v1.0/groups/{names.EMPTY_GROUP_ID}/members"
ENTRA: dict[str, object] = {"path": "/token$", "host": "login.*", "mode": "alter", "times": 0}
ALL = [names.EMPTY_GROUP_ID, names.GROUP_ID.upper(), names.OUTER_GROUP_ID]


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox)


def delegated(app: Sam) -> str:
    return str(app.refresh(app.refresh_token).json()["access_token"])


def token_with(app: Sam, *roles: str) -> str:
    """Return a token of the app with only these permissions."""
    app.sandbox.faults([{**ENTRA, "alter": {"claims": {"roles": list(roles)}}}])
    token = str(app.sign_in().json()["access_token"])
    app.sandbox.faults([])
    return token


def test_check_member_groups_returns_direct_and_nested_groups(app: Sam) -> None:
    answer = app.graph("POST", CHECK, {"groupIds": ALL}).json()
    assert answer["@odata.context"] == f"{GRAPH}/v1.0/$metadata#Collection(Edm.String)"
    assert answer["value"] == ALL[1:]


@pytest.mark.parametrize("name", [names.GUEST_ID, names.GUEST_NAME.replace("#", "%23"), names.GUEST_NAME.upper()])
def test_user_and_type_are_found_by_id_or_name(app: Sam, name: str) -> None:
    read = app.graph("GET", f"/v1.0/users/{name.replace('#', '%23')}?$select=id,userType").json()
    assert (read["id"], read["userType"]) == (names.GUEST_ID, "Guest")


def test_unknown_user_is_not_found(app: Sam) -> None:
    for path in ("/v1.0/users/nobody@contosomsp.onmicrosoft.com", "/v1.0/users/x"):
        error = app.graph("GET", path)
        assert (error.status_code, error.json()["error"]["code"]) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    "body",
    [{}, {"groupIds": "x"}, {"groupIds": [1]}, {"groupIds": ["not-a-guid"]}, {"groupIds": [names.GROUP_ID] * 21}],
)
def test_invalid_member_check_is_refused_completely(app: Sam, body: object) -> None:
    refused = app.graph("POST", CHECK, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        (["Directory.Read.All"], 200),
        (["User.ReadBasic.All", "GroupMember.Read.All"], 200),
        (["User.Read.All", "Group.Read.All"], 200),
        (["GroupMember.Read.All"], 403),
        (["User.Read.All"], 403),
        (["Application.ReadWrite.All"], 403),
    ],
)
def test_member_check_requires_permission_to_read_users_and_groups(app: Sam, roles: list[str], status: int) -> None:
    token = token_with(app, *roles)
    assert app.graph("POST", CHECK, {"groupIds": ALL}, token).status_code == status


def test_user_type_requires_more_than_the_basic_profile(app: Sam) -> None:
    path = f"/v1.0/users/{names.MEMBER_ID}"
    assert app.graph("GET", path, token=token_with(app, "User.ReadBasic.All")).status_code == 403
    assert app.graph("GET", path, token=token_with(app, "User.Read.All")).status_code == 200


def test_member_is_added_and_removed_once(app: Sam) -> None:
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.MEMBER_ID}"}
    token = delegated(app)
    assert app.graph("POST", f"{MEMBERS}/$ref", link).status_code == 403  # the app itself lacks the permission
    assert app.graph("POST", f"{MEMBERS}/$ref", link, token).status_code == 204
    assert "already exist" in app.graph("POST", f"{MEMBERS}/$ref", link, token).json()["error"]["message"]
    assert names.EMPTY_GROUP_ID in app.graph("POST", CHECK, {"groupIds": ALL}).json()["value"]
    gone = f"{MEMBERS}/{names.MEMBER_ID}/$ref"
    assert [app.graph("DELETE", gone, token=token).status_code for _ in range(2)] == [204, 404]


def test_another_tenant_does_not_have_the_users_and_groups(app: Sam) -> None:
    tenant, refresh_token = next(iter(app.direct.items()))
    token = app.refresh(refresh_token, tenant).json()["access_token"]
    assert app.graph("GET", f"/v1.0/users/{names.MEMBER_ID}", token=token).status_code == 404
