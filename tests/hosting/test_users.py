"""CIPP's users in both shapes: a container's table, and the users of a static web app."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.access.allowed_users import TABLE
from backend.access.users.rows import Content
from sandbox import names
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.bad_days import BAD_DAYS, IMPATIENT, check_told
from tests.support.cipp import Cipp
from tests.support.principals import user as signed_in
from tests.support.sandbox_client import Sandbox

ALEX, SERVICE, PAT = names.MEMBER_NAME, names.ADMIN_NAME, "pat@contosomsp.com"
GROUP = "7c9d0a2f-4b68-4a3b-8e51-0f9c2b1e6d47"
SET, REMOVE = "ExecBackendUserSet", "ExecBackendUserRemove"
STORAGE = {"host": "127.0.0.1", "path": rf"/{TABLE}(\(|$)", "times": 0}
SITE = "cipp-swa-abc12"
Row = dict[str, Any]


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    """A container CIPP: Alex is the only superadmin, and the service account is editor."""
    azure.reset(propagation_seconds=0, shape="container")
    made = Cipp(azure)
    yield made
    azure.faults([])
    for table in ("AccessRoleGroups", "CustomRoles", "CippBackendUsers"):
        made.others.tables.delete_table(table)


def stored(cipp: Cipp) -> dict[str, Row]:
    return {row["RowKey"]: row for row in cipp.others.rows(TABLE)}


def manual(cipp: Cipp) -> dict[str, list[str]]:
    return {key: json.loads(row["ManualRoles"]) for key, row in stored(cipp).items()}


def put(cipp: Cipp, name: str, *roles: str, auto: tuple[str, ...] = (), **columns: object) -> None:
    cipp.others.row(TABLE, "User", name, **{**Content(roles, auto).columns, **columns})


def as_alex(api: Api, name: str, body: object) -> Answer:
    """Call as the superadmin whom CIPP's table lists."""
    headers = {**signed_in(), "content-type": "application/json"}
    return api.call("POST", name, json.dumps(body).encode(), role=None, headers=headers)


def listed(api: Api) -> Any:  # noqa: ANN401 - any JSON
    answer = api.get("ListBackendUsers")
    assert answer.status == 200, answer.text
    return answer.results


def users(results: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {user["User"]: user for user in results["Users"]}


def test_users_are_listed_with_the_source_of_each_role_and_problems(cipp: Cipp) -> None:
    cipp.custom_role("my-role")
    cipp.others.row("AccessRoleGroups", "AccessRoleGroups", "admin", GroupId=GROUP, GroupName="Helpdesk")
    put(cipp, PAT, "my-role", auto=("admin",), LastSync="2026-09-01T12:00:00.0000000Z")
    put(cipp, "bad@contosomsp.com", "superadmin", "My-Role", "gone")
    cipp.others.row(TABLE, "User", "Text@contosomsp.com", Roles="editor", ManualRoles='["editor"')
    cipp.others.row(TABLE, "User", "_internal", Roles='["superadmin"]')
    results = listed(Api())
    found = users(results)
    assert set(found) == {ALEX, SERVICE, PAT, "bad@contosomsp.com", "text@contosomsp.com"}
    assert found[PAT] == {
        "User": PAT,
        "Roles": [
            {"Role": "admin", "Manual": False, "BySync": True, "Groups": ["Helpdesk"], "Exists": True},
            {"Role": "my-role", "Manual": True, "BySync": False, "Groups": [], "Exists": True},
        ],
        "IsLastSuperadmin": False,
        "DisplayName": None,
        "Provider": None,
        "UserId": None,
        "Source": "Both",
        "LastSync": "2026-09-01T12:00:00Z",
        "Problems": [],
    }
    problems = found["bad@contosomsp.com"]["Problems"]
    assert [word for word in ("my-role", "gone", "superadmin") if any(word in one for one in problems)] == [
        "my-role",
        "gone",
        "superadmin",
    ]
    problems = found["text@contosomsp.com"]["Problems"]
    assert any("ManualRoles" in one for one in problems)
    assert any("User/Text@contosomsp.com" in one for one in problems)
    assert [role["Role"] for role in results["AvailableRoles"] if role["IsCustom"]] == ["my-role"]
    assert len(results["AvailableRoles"]) == 5
    assert results["Groups"] == [{"Group": "Helpdesk", "GroupId": GROUP, "Role": "admin"}]
    assert (results["Seats"], results["EffectiveWithinMinutes"], results["Overwritten"]) == (None, 5, [])
    assert results["Address"] == "https://cippabc12.azurewebsites.net"
    assert not found[ALEX]["IsLastSuperadmin"]  # the other superadmin counts, because a person assigned it


def test_new_user_is_added_and_gets_the_address(cipp: Cipp) -> None:
    api = Api()
    body = {"User": "Pat@ContosoMSP.com", "Roles": ["editor"]}
    planned = api.post(SET, {**body, "DryRun": True}).results
    assert manual(cipp) == {ALEX: ["superadmin"], SERVICE: ["editor"]}
    done = api.post(SET, body).results
    assert stored(cipp)[PAT] == {"PartitionKey": "User", "RowKey": PAT, **Content(("editor",)).columns}
    for result, sentences in ((planned, planned["WouldDo"]), (done, done["Done"])):
        assert (result["User"], result["IsNew"], result["EffectiveWithinMinutes"]) == (PAT, True, 5)
        assert result["Address"] == "https://cippabc12.azurewebsites.net"
        assert any(result["Address"] in sentence for sentence in sentences)
        assert PAT in sentences[0]
        assert phrases.ROW_HIDES_GROUPS in str(sentences)
    again = api.post(SET, body).results
    assert not again["IsNew"]
    assert phrases.ROW_HIDES_GROUPS not in str(again)


def test_roles_are_changed_and_the_user_is_removed(cipp: Cipp) -> None:
    api = Api()
    assert api.post(SET, {"User": SERVICE, "Roles": ["superadmin"]}).status == 200
    assert api.post(SET, {"User": ALEX, "Roles": ["readonly"]}).status == 200
    assert manual(cipp) == {ALEX: ["readonly"], SERVICE: ["superadmin"]}
    assert api.post(REMOVE, {"User": ALEX.upper(), "DryRun": True}).results["WouldDo"]
    assert ALEX in stored(cipp)
    assert api.post(REMOVE, {"User": ALEX.upper()}).status == 200
    assert set(stored(cipp)) == {SERVICE}
    assert api.post(REMOVE, {"User": ALEX}).status == 404


def test_superadmin_who_must_stay_stays(cipp: Cipp) -> None:
    api = Api()
    refused = [
        (REMOVE, {"User": ALEX}, 409),
        (SET, {"User": ALEX, "Roles": ["admin"], "Force": True}, 409),
        (SET, {"User": PAT, "Roles": ["superadmin", "admin"]}, 400),
        (SET, {"User": PAT, "Roles": ["Admin"]}, 400),
        (SET, {"User": PAT, "Roles": []}, 400),
        (SET, {"User": "pat", "Roles": ["admin"]}, 400),
    ]
    for name, body, status in refused:
        assert api.post(name, body).status == status, body
    assert phrases.LAST_SUPERADMIN in api.post(REMOVE, {"User": ALEX, "DryRun": True}).results["WouldDo"][0]
    put(cipp, SERVICE, "superadmin")
    before = stored(cipp)
    for name, body in ((REMOVE, {"User": ALEX}), (SET, {"User": ALEX, "Roles": ["admin"]})):
        assert as_alex(api, name, body).status == 409
        assert as_alex(api, name, {**body, "DryRun": True}).results["WouldDo"][0].startswith("Refuse")
    assert stored(cipp) == before
    assert as_alex(api, REMOVE, {"User": SERVICE}).status == 200


def test_caller_is_recognized_by_their_object_id(cipp: Cipp) -> None:
    put(cipp, SERVICE, "superadmin")
    headers = {**signed_in(upn="Alex Example"), "content-type": "application/json"}
    headers["x-ms-client-principal-name"] = "Alex Example"
    answer = Api().call("POST", REMOVE, json.dumps({"User": ALEX}).encode(), role=None, headers=headers)
    assert answer.status == 409
    assert ALEX in stored(cipp)


def test_change_that_cipp_overwrote_later_is_reported(cipp: Cipp) -> None:
    api = Api()
    put(cipp, PAT, "editor")
    sync = cipp.sync({"readonly": [PAT]})  # it has read the table, and writes it after this app
    assert api.post(SET, {"User": PAT, "Roles": ["admin"]}).status == 200
    assert api.post(SET, {"User": SERVICE, "Roles": ["readonly"]}).status == 200
    assert listed(api)["Overwritten"] == []
    sync()
    (change,) = listed(Api())["Overwritten"]
    assert (change["User"], change["Roles"], change["Present"], change["BySync"]) == (PAT, ["admin"], ["editor"], True)
    assert api.post(REMOVE, {"User": PAT}).status == 200
    assert listed(api)["Overwritten"] == []
    cipp.sync({"admin": [PAT]})()
    assert stored(cipp)[PAT]["Source"] == "Auto"
    assert listed(api)["Overwritten"] == []
    put(cipp, PAT, "editor")
    (change,) = listed(api)["Overwritten"]
    assert (change["Roles"], change["Present"]) == (None, ["editor"])


def test_settings_that_move_the_table_stop_every_write(cipp: Cipp, azure: Sandbox) -> None:
    path = rf"/sites/{names.MAIN_SITE}/config/appsettings/list$"
    edit = [["properties.App__Auth__UserTableName", "others"]]
    azure.faults([{"method": "POST", "path": path, "edit": edit, "times": 0}])
    api, before = Api(), stored(cipp)
    assert any("App__Auth__UserTableName" in note for note in listed(api)["Notes"])
    for name, body in ((SET, {"User": PAT, "Roles": ["admin"]}), (REMOVE, {"User": SERVICE})):
        assert "App__Auth__UserTableName" in api.post(name, body).results
        assert "App__Auth__UserTableName" in api.post(name, {**body, "DryRun": True}).results["WouldDo"][0]
    azure.faults([{"method": "POST", "path": path, "mode": "refuse", "status": 403, "times": 0}])
    assert Api().post(SET, {"User": PAT, "Roles": ["admin"]}).status == 500
    assert stored(cipp) == before


@pytest.mark.slow("three endpoints wait for their retries")
@pytest.mark.parametrize("fault", BAD_DAYS, ids=lambda fault: str(fault.get("status") or fault["mode"]))
def test_failure_of_the_storage_is_reported(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    api = Api()
    assert api.get("ListBackendUsers").status == 200
    azure.faults([{**STORAGE, **fault}])
    for answer in (
        api.post(SET, {"User": PAT, "Roles": ["admin"]}),
        api.post(REMOVE, {"User": SERVICE}),
        *([] if fault.get("status") == 404 else [api.get("ListBackendUsers")]),
    ):
        if fault.get("status") == 403:  # the storage's firewall, which no role opens
            assert (answer.status, answer.body["azureStatus"]) == (500, 403)
        else:
            check_told(answer, fault)
    azure.faults([])
    assert set(stored(cipp)) >= {ALEX}


# The same endpoints for function apps with a static web app.


def app_users(azure: Sandbox) -> dict[str, list[str]]:
    return {user["displayName"]: user["roles"] for user in azure.state()["staticSites"][SITE]["users"]}


def test_users_of_a_static_web_app_are_listed_changed_and_removed(azure: Sandbox) -> None:
    api = Api()
    results = listed(api)
    assert users(results)["alex@contosomsp.com"]["IsLastSuperadmin"]
    assert users(results)["sam@contosomsp.com"]["Roles"] == [
        {"Role": "editor", "Manual": True, "BySync": False, "Groups": [], "Exists": True}
    ]
    assert (results["SeatsUsed"], results["Seats"]) == (3, 25)
    assert results["Address"] == "https://nice-sand-0abc12345.3.azurestaticapps.net"
    body = {"User": "Sam@contosomsp.com", "Roles": ["admin"]}
    assert "admin" in api.post(SET, {**body, "DryRun": True}).results["WouldDo"][0]
    assert app_users(azure)["sam@contosomsp.com"] == ["editor"]
    assert api.post(SET, body).results["InvitationUrl"] is None
    assert app_users(azure)["sam@contosomsp.com"] == ["admin"]
    assert api.post(REMOVE, {"User": users(results)["sam@contosomsp.com"]["UserId"]}).status == 200
    assert app_users(azure).get("sam@contosomsp.com", []) == []
    assert api.post(REMOVE, {"User": "alex@contosomsp.com"}).status == 409
    assert api.post(REMOVE, {"User": "nobody@contosomsp.com"}).status == 404
    assert api.post(SET, {"User": "kim@contosomsp.com", "Provider": "github", "Roles": ["x y"]}).status == 400


def test_unknown_user_of_a_static_web_app_is_invited_once(azure: Sandbox) -> None:
    api = Api()
    body = {"User": PAT, "Roles": ["editor"], "Hours": 48, "Domain": "cipp.contosomsp.com"}
    assert api.post(SET, {**body, "DryRun": True}).results["InvitationUrl"] is None
    answer = api.post(SET, body).results
    query = parse_qs(urlsplit(answer["InvitationUrl"]).query)
    assert (query["userDetails"], query["provider"], query["roles"]) == ([PAT], ["aad"], ["editor"])
    assert urlsplit(answer["InvitationUrl"]).hostname == "cipp.contosomsp.com"
    assert (answer["IsNew"], answer["User"]) == (True, PAT)
    assert answer["InvitationUrl"] not in json.dumps(api.get("ListBackendUsers").body)
    assert api.post(SET, {**body, "Hours": 169}).status == 400
    invited = [call for call in azure.calls() if call["path"].endswith("/createUserInvitation")]
    assert len(invited) == 1


def test_container_names_the_endpoints_for_its_users(cipp: Cipp) -> None:
    del cipp
    answer = Api().post("ExecStaticWebAppUserInvite", {"UserDetails": PAT, "Roles": ["editor"], "Hours": 24})
    assert answer.status == 409
    assert SET in answer.body["NotInThisShape"]["Instead"]
