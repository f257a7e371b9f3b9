"""One odd value in a response of Azure: it is treated as unknown, and everything else is unaffected."""

from collections.abc import Iterator

import pytest

from backend.access.tables import access_rules_of
from sandbox import names
from tests.support import phrases
from tests.support.api import Api, functions
from tests.support.cipp import READ, Cipp, at, cipp_of
from tests.support.principals import application, user
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
GRAPH = "graph.microsoft.com"
TABLES = "127.0.0.1"
VAULT = "cippabc12.vault.azure.net"
MILLISECONDS = 1_893_456_000_000
TIMERS = ("weeklykeyrotation", "keyrotationcatchup")
ODD = [None, 7, -1, 10**40, "unexpected", "", True, [], {}, [None], {"value": 1}]


def edit(azure: Sandbox, host: str, path: str, *edits: list[object], method: str = "*") -> None:
    azure.faults([{"host": host, "method": method, "path": path, "times": 0, "edit": list(edits)}])


def tenant_of(azure: Sandbox) -> str:
    """Return the name of a direct tenant's token."""
    secrets: dict[str, object] = azure.state()["vaults"][names.VAULT]["secrets"]
    return next(name for name in secrets if name.count("-") == 4)


def outcomes(api: Api, **body: object) -> dict[str, str]:
    response = api.post("ExecKeyRotation", body)
    assert response.status == 200, response.text
    return {key["Name"]: key["Outcome"] for key in response.results["Keys"]}


@pytest.mark.parametrize("expiry", [MILLISECONDS, 10**40, -(10**15), "soon", [], {}, True, 1.5e300], ids=repr)
def test_odd_expiry_of_a_tenant_token_is_unknown(azure: Sandbox, expiry: object) -> None:
    tenant = tenant_of(azure)
    place = [["value", f"?/secrets/{tenant}", "attributes", "exp"], expiry]
    edit(azure, VAULT, "^/secrets($|/[^/]+/versions$)", place, [["attributes", "exp"], expiry], method="GET")
    api = Api()
    keys_by_name = {key["Name"]: key for key in api.get("ListKeyRotations").results["Keys"]}
    assert keys_by_name[tenant]["Ends"]  # 90 days after it was stored
    assert api.get("ListBackend").status == 200
    listed = {secret["Name"]: secret for secret in api.get("ListKeyVaultSecrets").results}
    assert listed[tenant]["Expires"] is None
    assert listed[tenant]["Version"]
    assert set(outcomes(api).values()) == {"rotated"}
    for timer in TIMERS:
        functions()[timer].get_user_function()(None)
    assert api.get("ListKeyRotations").results["Running"] is None


@pytest.mark.parametrize("created", [odd for odd in ODD if odd not in (7, -1)], ids=repr)  # those two are times
def test_key_of_unknown_age_is_unchanged_and_others_are_rotated(azure: Sandbox, created: object) -> None:
    tenant = tenant_of(azure)
    before = azure.state()["vaults"][names.VAULT]["secrets"]
    listed = [["value", f"?/secrets/{tenant}", "attributes", "created"], created]
    edit(azure, VAULT, f"^/secrets($|/{tenant}/)", listed, [["attributes", "created"], created], method="GET")
    api = Api()
    keys_by_name = {key["Name"]: key for key in api.get("ListKeyRotations").results["Keys"]}
    assert keys_by_name[tenant]["CurrentSince"] is None
    assert any(phrases.EXPIRY_NOT_SHOWN in problem for problem in keys_by_name[tenant]["Problems"])
    found = outcomes(api)
    assert found.pop(tenant) == "failed"
    assert set(found.values()) == {"rotated"}
    assert azure.state()["vaults"][names.VAULT]["secrets"][tenant] == before[tenant]


@pytest.mark.parametrize("properties", ODD, ids=repr)
def test_app_without_readable_properties_is_listed_with_an_unknown_state(azure: Sandbox, properties: object) -> None:
    edit(azure, ARM, "/sites$", ["value.0.properties", properties])
    api = Api()
    apps = {app["Name"]: app for app in api.get("ListFunctionApps").results}
    assert {app["State"] for app in apps.values()} == {"Unknown", "Running"}
    cards = [card for card in api.get("ListBackend").results["Cards"] if card["Kind"] == "FunctionApp"]
    assert {card["Name"] for card in cards} == set(apps)
    problems = [problem for card in cards if card["State"] == "Unknown" for problem in card["Problems"]]
    assert any(phrases.STATE_NOT_SHOWN in problem for problem in problems)
    assert not any("ExecFunctionAppStart" in problem for problem in problems)


@pytest.mark.parametrize("entry", [None, 7, "text", [], {}], ids=repr)
@pytest.mark.parametrize(
    ("name", "host", "path", "left"),
    [
        ("ListFunctionApps", ARM, "/sites$", 2),
        ("ListKeyVaultSecrets", VAULT, "^/secrets$", 6),
        ("ListStaticWebAppUsers", ARM, "/listUsers$", 0),
    ],
)
def test_odd_list_entry_is_left_out(  # noqa: PLR0913, PLR0917 - each is a part of the case
    azure: Sandbox, name: str, host: str, path: str, left: int, entry: object
) -> None:
    before = Api().get(name).results
    edit(azure, host, path, ["value.0", entry])
    response = Api().get(name)
    assert response.status == 200, response.text
    counts = [len(found["Users"] if isinstance(found, dict) else found) for found in (before, response.results)]
    assert counts[1] == counts[0] - 1 >= left


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["displayName", "customerId", "Excluded", "defaultDomainName"])
def test_odd_tenant_of_cipp_is_the_only_one_that_is_not_rotated(azure: Sandbox, field: str, odd: object) -> None:
    tenant = tenant_of(azure)
    edit(azure, TABLES, r"/Tenants\(", [["value", f"?{tenant}", field], odd], ["value.0.fieldOfTomorrow", odd])
    found = outcomes(Api())
    assert {outcome for name, outcome in found.items() if name != tenant} == {"rotated"}
    assert found[tenant] in ("rotated", "unchanged", "postponed", "skipped")


@pytest.mark.parametrize("edits", [[None, None], [{"$remove": True}, {"$remove": True}], ["", 7], [[], {}]], ids=repr)
@pytest.mark.parametrize("kind", ["passwordCredentials", "keyCredentials"])
def test_credential_without_dates_stays(azure: Sandbox, kind: str, edits: list[object]) -> None:
    starts, ends = edits
    places: list[list[object]] = [
        [f"{kind}.*.startDateTime", starts],
        [f"{kind}.*.endDateTime", ends],
        ["createdDateTime", ends],
        ["fieldOfTomorrow", {"a": [1]}],
    ]
    before = {one["keyId"] for one in azure.state()["applications"][names.SAM_APP_ID][kind]}
    edit(azure, GRAPH, r"^/v1\.0/applications\(", *places)
    api = Api()
    assert api.get("ListKeyRotations").status == 200
    assert outcomes(api)["RefreshToken"] == "rotated"
    for timer in TIMERS:
        functions()[timer].get_user_function()(None)
    after = {one["keyId"] for one in azure.state()["applications"][names.SAM_APP_ID][kind]}
    assert before <= after


def test_run_that_fails_by_an_internal_error_is_not_left_running(api: Api, nowhere: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("odd")

    nowhere.setattr("backend.rotation.reporting.reporter.Reporter.add", fail)
    response = api.post("ExecKeyRotation")
    assert response.status == 500
    assert "odd" not in response.text
    overview = api.get("ListKeyRotations").results
    assert overview["Running"] is None
    assert overview["Runs"][0]["Ended"]


@pytest.mark.parametrize("timer", TIMERS)
def test_internal_error_does_not_escape_a_timer(api: Api, nowhere: pytest.MonkeyPatch, timer: str) -> None:
    del api

    def fail(*_: object) -> None:
        raise KeyError("odd")

    nowhere.setattr("backend.rotation.service.run_batch", fail)
    nowhere.setattr("backend.rotation.service.check_keys", fail)
    functions()[timer].get_user_function()(None)


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


@pytest.mark.parametrize("odd", [None, 7, {}, "text", [None], True], ids=repr)
def test_odd_access_table_grants_nothing(azure: Sandbox, cipp: Cipp, odd: object) -> None:
    cipp.ranges("admin", "10.0.0.0/8")
    cipp.client(role="helpers", IPRange='["10.0.0.0/8"]')
    cipp.custom_role("helpers", READ)
    inside, outside = at("10.1.2.3", user("admin")), at("203.0.113.9", user("admin"))
    assert Api().call("GET", "openapi.json", role=None, headers=inside).status == 200
    for table in ("AccessIPRanges", "CustomRoles", "ApiClients", "AccessRoleGroups"):
        for place in (["value"], ["value", "0"], ["value", "0", "RowKey"], ["value", "0", "IPRanges"]):
            if (place[-1], odd) == ("RowKey", "text"):  # the name of another role
                continue
            edit(azure, TABLES, rf"/{table}\(", [place, odd])
            api = Api()
            assert api.call("GET", "openapi.json", role=None, headers=outside).status == 403, (table, place)
            client = at("203.0.113.9", application())
            assert api.call("GET", "openapi.json", role=None, headers=client).status == 403, (table, place)


def test_range_of_an_unreadable_role_restricts_all_except_superadmin() -> None:
    rules = access_rules_of([], [], [], [{"RowKey": 7, "IPRanges": '["Any"]'}])
    assert not rules.ranges_of(["admin"]).hold("10.0.0.1")
    assert rules.ranges_of(["superadmin"]).hold("10.0.0.1")


def test_last_superadmin_with_unreadable_roles_is_not_removed(azure: Sandbox) -> None:
    edit(azure, ARM, "/listUsers$", ["value.*.properties.roles", None])
    alex = {"UserId": "5d1c6a0f2be84f3a9c7d8e1b40f6a293", "Provider": "aad"}
    response = Api().post("ExecStaticWebAppUserRemove", alex)
    assert (response.status, phrases.LAST_SUPERADMIN in response.results) == (409, True)


def test_null_setting_in_azure_is_not_lost_by_a_write(azure: Sandbox) -> None:
    edit(azure, ARM, "/config/appsettings/list$", ["properties.FUNCTIONS_WORKER_RUNTIME", None])
    response = Api().post("ExecFunctionAppSettings", {"Name": names.MAIN_SITE, "Set": {"A_C": "2"}, "Force": True})
    assert response.status == 500
    assert "FUNCTIONS_WORKER_RUNTIME" in response.results


@pytest.mark.parametrize("place", ["properties", "sku", "properties.defaultHostname"])
@pytest.mark.parametrize("value", [None, 7, "Free", [], ["x"]], ids=repr)
def test_odd_static_web_app_causes_no_internal_error(azure: Sandbox, place: str, value: object) -> None:
    edit(azure, ARM, "/staticSites$", [f"value.0.{place}", value])
    api = Api()
    for response in (
        api.get("ListStaticWebAppDomains"),
        api.get("ListStaticWebApp"),
        api.post("ExecStaticWebAppDomainAdd", {"Domain": "new.contosomsp.com", "DryRun": True}),
        api.post("ExecStaticWebAppDomainRemove", {"Domain": "new.contosomsp.com", "DryRun": True}),
    ):
        assert phrases.INTERNAL_ERROR not in response.text.lower()


@pytest.mark.parametrize("date", ["soon", ""])
def test_restart_with_an_unreadable_date_succeeds(azure: Sandbox, date: str) -> None:
    restarted = {
        "host": ARM,
        "path": "/restart$",
        "times": 0,
        "answer": {"status": 200, "headers": {"Date": date}, "body": ""},
    }
    azure.faults([restarted])
    assert Api().post("ExecFunctionAppRestart", {"Name": names.MAIN_SITE}).status == 200
