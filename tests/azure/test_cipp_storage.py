"""A storage account that holds none of CIPP's tables, as Azure proposes one for each app: they are not empty there."""

import time

import pytest

from sandbox import names
from sandbox.tables.cipps_tables import TABLES
from tests.support import phrases
from tests.support.admin import Admin
from tests.support.api import Answer, Api, functions
from tests.support.cipp import MAY, ask, at, cipp_of
from tests.support.principals import application, user, visitor
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

RESULT = phrases.TABLES_ELSEWHERE
ADVICE = "Set CIPP_STORAGE or CIPP_STORAGE__tableServiceUri to CIPP's account"
SOON_SECONDS = 3.0
SEEN_SECONDS = 15.0  # 3 s that a look is remembered, 5 s for the tables of access, and a busy machine


@pytest.fixture
def elsewhere(azure: Sandbox) -> Others:
    """This app's storage account, which is not CIPP's: it holds no table at all. The next reset gives CIPP's back."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    others = Others(azure)
    for table in others.tables.list_tables():
        others.tables.delete_table(table.name)
    return others


@pytest.fixture(params=["elsewhere", "none"])
def wrong(request: pytest.FixtureRequest, nowhere: pytest.MonkeyPatch) -> str:
    """A storage that does not lead to CIPP's tables, and the words that name it."""
    others: Others = request.getfixturevalue("elsewhere")
    if request.param == "none":
        nowhere.delenv("AzureWebJobsStorage")
        return "No storage account is configured"
    assert others.azure.env["AzureWebJobsStorage"]
    return f"The storage account 'devstoreaccount1' (AzureWebJobsStorage) {RESULT}"


def made(others: Others) -> set[str]:
    return {table.name for table in others.tables.list_tables()}


def warnings(api: Api) -> list[str]:
    return list(api.get("ExecBackendURLs").results["Warnings"])


def table_rights(api: Api) -> list[dict[str, object]]:
    return [right for right in api.get("ListBackendRights").results["Rights"] if right["Kind"] == "table"]


def test_links_warn_of_a_storage_that_is_not_cipps(wrong: str) -> None:
    (warning,) = [warning for warning in warnings(Api()) if wrong in warning]
    assert ADVICE in warning


def test_card_of_this_app_shows_a_storage_that_is_not_cipps(wrong: str) -> None:
    cards = Api().get("ListBackend").results["Cards"]
    shown = [card for card in cards if any(wrong in problem for problem in card["Problems"])]
    (card,) = [card for card in shown if card["Kind"] != "Keys"]  # the client secret has the problem too
    assert (card["Kind"], card["Name"]) == ("FunctionApp", names.BACKEND_SITE)
    assert ADVICE in " ".join(card["Problems"])


def test_card_of_the_group_shows_foreign_storage_when_this_app_is_unlisted(azure: Sandbox, wrong: str) -> None:
    azure.faults([{"host": "management.azure.com", "path": "/sites", "mode": "refuse", "status": 403, "times": 0}])
    cards = Api().get("ListBackend").results["Cards"]
    shown = [card["Kind"] for card in cards if any(wrong in problem for problem in card["Problems"])]
    assert [kind for kind in shown if kind != "Keys"] == ["ResourceGroup"]


def test_rights_lack_cipps_storage(wrong: str) -> None:
    answer = Api().get("ListBackendRights").results
    lacking = [right for right in answer["Rights"] if right["Has"] is False]
    assert len(lacking) == answer["Missing"] == 1
    assert lacking[0]["Kind"] == "table"
    assert wrong in lacking[0]["Problem"]
    assert ADVICE in lacking[0]["Problem"]
    assert "" not in answer["Commands"]


@pytest.mark.parametrize("table", TABLES)
def test_one_table_is_enough_to_be_cipps(elsewhere: Others, table: str) -> None:
    elsewhere.tables.create_table(table)
    api = Api()
    assert not [warning for warning in warnings(api) if RESULT in warning]
    assert [right["Has"] for right in table_rights(api)] == [True]


@pytest.mark.compares_times
def test_storage_that_is_not_cipps_closes_all_but_base_roles(elsewhere: Others) -> None:
    del elsewhere
    api = Api()
    began = time.monotonic()
    for headers in (visitor("a@b", "helpers"), user("helpers"), user(), application()):
        refused = ask(headers, MAY, api)
        assert refused.status == 403, refused.text
        assert phrases.TABLES_UNREACHABLE in refused.results
    assert api.get(MAY, role="superadmin").status == 200
    assert time.monotonic() - began < 4 * SOON_SECONDS
    began = time.monotonic()
    assert api.get("me", role="admin").status == 200
    assert time.monotonic() - began < SOON_SECONDS  # a definite result is not waited for


@pytest.mark.parametrize("value", [None, "unexpected", {"$remove": True}, [None]])
def test_table_of_unknown_form_is_there_so_address_ranges_hold(azure: Sandbox, value: object) -> None:
    with cipp_of(azure) as cipp:
        cipp.ranges("admin", "10.0.0.0/8")
        edit = {"edit": [[["value"], value]], "times": 0}
        azure.faults([{"method": "GET", "host": "127.0.0.1", "path": r"/Version\(\)$", **edit}])
        api = Api()
        assert ask(at("203.0.113.9", user("admin")), MAY, api).status == 403
        assert ask(at("10.1.2.3", user("admin")), MAY, api).status == 200


def test_tables_of_access_beside_none_of_the_three_do_not_count(elsewhere: Others) -> None:
    elsewhere.row("ApiClients", "ApiClients", "1c1e7c1a-1111-4222-8333-444455556666", Role="superadmin", Enabled=True)
    refused = ask(application("1c1e7c1a-1111-4222-8333-444455556666"), MAY)
    assert refused.status == 403


@pytest.mark.compares_times
def test_cipps_storage_is_recognized_soon_after_cipp_is_set_up(elsewhere: Others) -> None:
    api = Api()
    assert [warning for warning in warnings(api) if RESULT in warning]
    assert ask(application(), "me", api).status == 403
    with cipp_of(elsewhere.azure) as cipp:
        cipp.client()
        elsewhere.tables.create_table("Version")
        began = time.monotonic()
        while warnings(api) or ask(application(), "me", api).status == 403:
            assert time.monotonic() - began < SEEN_SECONDS
            time.sleep(0.2)


def test_storage_that_was_cipps_stays_cipps_for_this_process(azure: Sandbox) -> None:
    others, api = Others(azure), Api()
    assert warnings(api) == []
    for table in TABLES:
        others.tables.delete_table(table)
    time.sleep(3.1)
    assert [warning for warning in warnings(api) if RESULT in warning] == []


def test_logbook_is_not_created_in_foreign_storage_but_entries_are_logged(
    elsewhere: Others, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = Api()
    assert api.post("ExecKeyRotation", {"Names": ["RefreshToken"]}).status == 200
    assert api.get(MAY, role="editor").status == 403  # a denial
    assert "CippLogs" not in made(elsewhere)
    messages = [record.getMessage() for record in caplog.records if record.name == "cipp.logbook"]
    assert [line for line in messages if phrases.NOT_IN_LOGBOOK in line and RESULT in line]
    assert [line for line in messages if "Key Rotation" in line and "RefreshToken: rotated" in line]


def test_logbook_is_made_in_cipps_own_storage(azure: Sandbox) -> None:
    others = Others(azure)
    others.clear_tables()
    assert Api().post("ExecKeyProof", {"Names": ["RefreshToken"]}).status == 200
    assert "CippLogs" in made(others)


def test_time_zone_is_refused_in_a_storage_that_is_not_cipps(elsewhere: Others) -> None:
    answer = Api().post("ExecTimeSettings", {"Timezone": "Asia/Tokyo"})
    assert (answer.status, RESULT in answer.results, ADVICE in answer.results) == (409, True, True)
    dry = Api().post("ExecTimeSettings", {"Timezone": "Asia/Tokyo", "DryRun": True})
    assert (dry.status, dry.body["WouldDo"]) == (200, [f"Refuse: {answer.results}"])
    assert "Config" not in made(elsewhere)


def superadmin(api: Api) -> dict[str, str]:
    found = [one for one in api.get("ListStaticWebAppUsers").results["Users"] if "superadmin" in one["Roles"]]
    assert len(found) == 1
    return {"UserId": found[0]["UserId"], "Provider": found[0]["Provider"]}


def test_last_superadmin_stays_when_groups_are_unknown(elsewhere: Others) -> None:
    elsewhere.row("AccessRoleGroups", "AccessRoleGroups", "superadmin", GroupId=names.GROUP_ID)  # not CIPP's own
    api = Api()
    for name, body in (("ExecStaticWebAppUserRemove", {}), ("ExecStaticWebAppUserRoles", {"Roles": ["editor"]})):
        refused = api.post(name, {**superadmin(api), **body})
        assert refused.status == 409, refused.text
        assert "unknown" in refused.results
    assert superadmin(api)


def test_role_is_not_called_unknown_when_custom_roles_can_not_be_read(elsewhere: Others) -> None:
    del elsewhere
    api = Api()
    users = api.get("ListStaticWebAppUsers").results["Users"]
    sent = {"UserId": users[0]["UserId"], "Provider": users[0]["Provider"], "Roles": ["superadmin", "helpers"]}
    assert api.post("ExecStaticWebAppUserRoles", sent).status == 200
    listed = api.get("ListStaticWebAppUsers").results
    assert [one["UnknownRoles"] for one in listed["Users"]] == [[]] * len(users)
    assert phrases.CUSTOM_ROLES_UNKNOWN in listed["Note"]


def outcomes(answer: Answer) -> dict[str, tuple[str, str]]:
    found = answer.results["Keys"] if isinstance(answer.results, dict) else answer.results
    return {key["Kind"]: (key["Outcome"], key["Reason"]) for key in found}


@pytest.mark.parametrize("force", [False, True])
def test_rotation_postpones_direct_tenants_alone_in_a_storage_that_is_not_cipps(elsewhere: Others, force: bool) -> None:
    api = Api()
    tenant = next(name for name in elsewhere.azure.state()["vaults"][names.VAULT]["secrets"] if name.count("-") == 4)
    before = elsewhere.azure.state()["vaults"][names.VAULT]["secrets"][tenant]
    dry = api.post("ExecKeyRotation", {"DryRun": True, "Force": force})
    real = api.post("ExecKeyRotation", {"Force": force})
    for answer, outcome in ((dry, "planned"), (real, "rotated")):
        found = outcomes(answer)
        assert {found[kind][0] for kind in ("RefreshToken", "Certificate") if kind in found} == {outcome}
        assert found["ClientSecret"][0] == ("planned" if outcome == "planned" else "unchanged")  # only the lock
        assert "certificate-only mode" in found["ClientSecret"][1]
        assert found["TenantRefreshToken"][0] == "postponed"
        assert phrases.EXCLUSIONS_UNKNOWN in found["TenantRefreshToken"][1]
        assert RESULT in found["TenantRefreshToken"][1]
        assert [warning for warning in answer.results["Warnings"] if RESULT in warning]
    assert not [step for step in dry.results["WouldDo"] if tenant in step]
    assert elsewhere.azure.state()["vaults"][names.VAULT]["secrets"][tenant] == before
    proofs = outcomes(api.post("ExecKeyProof", {}))
    assert (proofs["TenantRefreshToken"][0], proofs["RefreshToken"][0]) == ("skipped", "proven")
    overview = api.get(MAY).results
    (key,) = [key for key in overview["Keys"] if key["Name"] == tenant]
    assert (key["Counts"], "excluded" in key["Problems"][0]) == (True, True)
    assert [note for note in overview["Notes"] if RESULT in note]
    assert {"CippBackendLocks", "CippBackendRuns"} <= made(elsewhere)  # this app's own tables stay where they are


def test_catch_up_that_only_postpones_is_not_in_the_history(elsewhere: Others) -> None:
    api = Api()
    assert api.post("ExecKeyRotation", {}).status == 200
    before = [run["RunId"] for run in api.get(MAY).results["Runs"]]
    for _ in range(2):
        elsewhere.azure.advance(3_600)
        functions()["keyrotationcatchup"].get_user_function()(None)
    assert [run["RunId"] for run in api.get(MAY).results["Runs"]] == before
    assert len(before) == 1


def test_rotation_goes_on_with_direct_tenants_without_any_storage(
    elsewhere: Others, nowhere: pytest.MonkeyPatch
) -> None:
    del elsewhere
    nowhere.delenv("AzureWebJobsStorage")
    assert outcomes(Api().post("ExecKeyRotation", {}))["TenantRefreshToken"][0] == "rotated"


@pytest.mark.parametrize("setting", ["CIPP_STORAGE__accountName", "AzureWebJobsStorage__accountName"])
def test_ranges_hold_when_the_account_is_named(azure: Sandbox, nowhere: pytest.MonkeyPatch, setting: str) -> None:
    nowhere.delenv("AzureWebJobsStorage")
    nowhere.setenv(setting, names.STORAGE_ACCOUNT)
    Admin(azure).give_role("Storage Table Data Contributor", names.RESOURCE_GROUP_ID)
    with cipp_of(azure) as cipp:
        cipp.ranges("admin", "203.0.113.0/24")
        api = Api()
        inside, outside = (ask(at(address, user("admin")), MAY, api) for address in ("203.0.113.9", "198.51.100.7"))
        assert (inside.status, outside.status) == (200, 403)
        assert warnings(api) == []
        assert [right["Has"] for right in table_rights(api)] == [True] * 7


def test_invalid_account_name_is_shown_as_a_problem_and_not_repeated(
    azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    del azure
    nowhere.setenv("CIPP_STORAGE__accountName", "PLANTED/evil.example")
    api = Api()
    answers = [api.get(name) for name in ("ExecBackendURLs", "ListBackend", "ListBackendRights", MAY)]
    assert [answer.status for answer in answers] == [200] * 4
    for answer in answers[:3]:
        assert "Invalid setting CIPP_STORAGE__accountName" in answer.text
    assert not [answer for answer in answers if "PLANTED" in answer.text]
    refused = api.post("ExecKeyRotation", {})
    assert (refused.status, "CIPP_STORAGE__accountName" in refused.results) == (500, True)
