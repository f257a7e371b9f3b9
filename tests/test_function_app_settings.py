"""The settings of an app: shown masked, changed one by one, and none is ever lost."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.function_app_settings import completed, is_there, lost, merged
from backend.setting_names import HARMLESS
from sandbox import names
from tests.api import Answer, Api
from tests.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.sandbox.arm import SITE, WEB, Arm
from tests.sandbox_client import Sandbox

ARM = "management.azure.com"
READ = "/config/appsettings/list$"
WRITE = "/config/appsettings$"
FIELDS = {"Name", "Value", "Masked", "KeyVaultReference", "ReferenceStatus", "SlotSetting"}
OURS = {"Name": names.BACKEND_SITE}
FORCE = {"Force": True}
VITAL = [
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__accountName",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "website_run_from_package",
]
NEVER = ["WEBSITE_AUTH_ENABLED", "website_auth_anything", "AZURE_FUNCTIONS_ENVIRONMENT", "WEBSITE.AUTH.ENABLED"]
ACCESS = [
    "ALLOWED_TENANTS",
    "allowed_tenants",
    "CIPP_KV_NAME",
    "CIPP.KV.NAME",
    "CIPP_FUNCTION_APP",
    "CIPP_CLOUD",
    "CIPP_STORAGE",
    "CIPP_STORAGE__tableServiceUri",
    "AzureWebJobsStorage",
    "IDENTITY_ENDPOINT",
    "CONTAINER_NAME",
    "WEBSITE_SITE_NAME",
    "WEBSITE_DEPLOYMENT_ID",
    "WEBSITE_OWNER_NAME",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
    "WEBSITE_RUN_FROM_PACKAGE",
]
setting_names = st.text("ab_", min_size=1, max_size=2) | st.text("AB", min_size=1, max_size=2)
settings_of = st.dictionaries(setting_names, st.text(max_size=3), max_size=6)


def held(azure: Sandbox, site: str = names.MAIN_SITE) -> dict[str, str]:
    """What Azure holds."""
    found: dict[str, str] = azure.state()["sites"][site]["appSettings"]
    return found


def put(azure: Sandbox, settings: dict[str, str], site: str = names.MAIN_SITE) -> None:
    """Replace an app's settings as somebody else does."""
    assert Arm(azure).call("PUT", f"{WEB}/sites/{site}/config/appsettings", {"properties": settings}).ok


def change(api: Api, **body: object) -> Answer:
    return api.post("ExecFunctionAppSettings", body)


def writes(azure: Sandbox) -> list[dict[str, Any]]:
    return [call for call in azure.calls(ARM) if call["method"] == "PUT" and call["path"].endswith("appsettings")]


@pytest.fixture
def impatient(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API with short waits; no fault stays behind."""
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Api()
    azure.faults([])


# What is shown


def test_every_setting_is_listed_by_name_and_only_the_harmless_ones_with_their_value(api: Api, azure: Sandbox) -> None:
    put(azure, held(azure) | {"WEBSITE_TIME_ZONE": "UTC", "zPassword": "hush-hush", "CIPP_Hosted": "false"})
    answer = api.get("ListFunctionAppSettings")
    there = held(azure)
    assert [one["Name"] for one in answer.results] == sorted(there, key=str.lower)
    for one in answer.results:
        assert set(one) == FIELDS
        shown = one["Name"].lower() in HARMLESS
        is_reference = there[one["Name"]].startswith("@Microsoft.KeyVault(")
        assert one["Masked"] is not (shown or is_reference)
        assert one["Value"] == (there[one["Name"]] if shown else None)
    assert not any(hidden in answer.text for hidden in ("hush-hush", "AccountKey"))


def test_the_harmless_list_names_no_secret() -> None:
    assert len(HARMLESS) < 20
    assert not any(
        part in name for name in HARMLESS for part in ("secret", "key_vault", "password", "connection", "storage")
    )


def test_a_key_vault_reference_is_shown_with_its_status(api: Api, azure: Sandbox) -> None:
    gone = f"@Microsoft.KeyVault(SecretUri=https://{names.VAULT}.vault.azure.net/secrets/nothing-here/)"
    put(azure, held(azure) | {"Gone": gone})
    shown = {one["Name"]: one for one in api.get("ListFunctionAppSettings").results}
    assert shown["RefreshToken"]["KeyVaultReference"].endswith("/secrets/RefreshToken/)")
    assert (shown["RefreshToken"]["ReferenceStatus"], shown["RefreshToken"]["Masked"]) == ("Resolved", False)
    assert (shown["Gone"]["KeyVaultReference"], shown["Gone"]["ReferenceStatus"]) == (gone, "SecretNotFound")
    assert shown["AzureWebJobsStorage"]["KeyVaultReference"] is None


def test_a_setting_that_stays_with_its_slot_is_told(api: Api, azure: Sandbox) -> None:
    sticky = {"properties": {"appSettingNames": ["websitE_RUN_from_package"]}}
    assert Arm(azure).call("PUT", f"{SITE}/config/slotConfigNames", sticky).ok
    shown = api.get("ListFunctionAppSettings").results
    assert [one["Name"] for one in shown if one["SlotSetting"]] == ["WEBSITE_RUN_FROM_PACKAGE"]


def test_the_app_that_the_query_names_is_listed_and_another_deployments_is_not_found(api: Api, azure: Sandbox) -> None:
    for name in ("cippabc12-PROC", names.BACKEND_SITE):
        shown = [one["Name"] for one in api.get(f"ListFunctionAppSettings?nAME={name}").results]
        assert shown == sorted(held(azure, name.lower()), key=str.lower)
    assert api.get("ListFunctionAppSettings?Name=somebodyelses").status == 404
    assert change(api, Name="somebodyelses", Set={"A": "1"}).status == 404
    assert writes(azure) == []


# What is changed


def test_a_change_keeps_every_setting_that_it_does_not_name(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    answer = change(api, Set={"NEW.one": "1", "functions_worker_runtime_VERSION": "7.6"}, Remove=["refreshTOKEN"])
    assert answer.status == 200, answer.text
    changed = before | {"NEW.one": "1", "FUNCTIONS_WORKER_RUNTIME_VERSION": "7.6"}
    assert held(azure) == {name: value for name, value in changed.items() if name != "RefreshToken"}
    assert answer.results["Set"] == ["NEW.one", "functions_worker_runtime_VERSION"]
    assert answer.results["Removed"] == ["refreshTOKEN"]
    assert "restarts" in " ".join(answer.results["Done"])
    assert held(azure, names.OFFLOAD_SITE).get("NEW.one") is None


def test_the_named_app_is_changed_and_no_other(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    assert change(api, Name="CIPPabc12-PROC", Set={"A": "1"}).status == 200
    assert held(azure, names.OFFLOAD_SITE)["A"] == "1"
    assert held(azure) == before


def test_what_is_so_already_is_not_written_since_that_would_restart_the_app(api: Api, azure: Sandbox) -> None:
    answer = change(api, Set={"CIPP_PROCESSOR": "true"}, Remove=["Nothing"], Name=names.OFFLOAD_SITE)
    assert answer.status == 200
    assert "Nothing was written" in answer.results["Done"][0]
    assert writes(azure) == []


def test_a_setting_may_be_called_value(api: Api, azure: Sandbox) -> None:
    assert change(api, Set={"Value": "1"}).status == 200
    assert held(azure)["Value"] == "1"


def test_a_dry_run_names_what_it_would_do_and_writes_nothing(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    answer = change(api, Set={"A": "hush-hush"}, Remove=["RefreshToken"], DryRun=True)
    assert answer.status == 200
    assert (answer.results["DryRun"], answer.results["Done"]) == (True, [])
    assert "set A and remove RefreshToken" in answer.results["WouldDo"][0]
    assert "restarts" in " ".join(answer.results["WouldDo"])
    assert "hush-hush" not in answer.text
    assert held(azure) == before
    assert writes(azure) == []


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "Set", "Nothing"),
        ({"Set": {}, "Remove": []}, "Set", "Nothing"),
        ({"Set": {"A-B": "1"}}, "Set", "letters, digits, periods and underscores"),
        ({"Set": {"": "1"}}, "Set", "letters"),
        ({"Set": {"A\n": "1"}}, "Set", "letters"),
        ({"Set": {"x" * 257: "1"}}, "Set", "256"),
        ({"Set": {"A": "1", "a": "2"}}, "Remove", "more than once"),
        ({"Set": {"A": "1"}, "Remove": ["a"]}, "Remove", "more than once"),
        ({"Set": {"A": 1}}, "Set", "str"),
        ({"Set": {"A": None}}, "Set", "str"),
        ({"Set": ["A"]}, "Set", "object"),
        ({"Remove": "A"}, "Remove", "array"),
    ],
)
def test_a_bad_change_is_refused_by_field_and_rule_and_nothing_is_written(
    api: Api, azure: Sandbox, body: dict[str, object], field: str, said: str
) -> None:
    answer = api.post("ExecFunctionAppSettings", body)
    assert (answer.status, answer.body["field"]) == (400, field)
    assert said in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize("name", VITAL)
def test_what_an_app_needs_to_start_is_changed_only_with_force(api: Api, azure: Sandbox, name: str) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        refused = api.post("ExecFunctionAppSettings", body)
        assert refused.status == 409
        assert name in refused.results
        assert "Force" in refused.results
    assert writes(azure) == []
    assert change(api, Set={name: "x"}, **FORCE).status == 200
    assert {key.lower(): value for key, value in held(azure).items()}[name.lower()] == "x"


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("app", [{}, OURS])
def test_what_is_the_platforms_is_never_changed(api: Api, azure: Sandbox, name: str, app: dict[str, str]) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        answer = api.post("ExecFunctionAppSettings", {**body, **app, **FORCE})
        assert (answer.status, answer.body["field"]) == (400, next(iter(body)))
        assert "never" in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize("name", ACCESS)
def test_what_access_to_this_app_depends_on_is_never_changed(api: Api, azure: Sandbox, name: str) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        answer = api.post("ExecFunctionAppSettings", {**body, **OURS, **FORCE})
        assert (answer.status, answer.body["field"]) == (400, next(iter(body)))
        assert "never" in answer.results
    assert writes(azure) == []
    assert change(api, Set={name: "x"}, **FORCE).status == 200  # of CIPP's app it is an ordinary setting


def test_the_app_that_answers_is_changed_only_with_force(api: Api, azure: Sandbox) -> None:
    refused = change(api, Set={"KEY_ROTATION_WARN_DAYS": "20"}, **OURS)
    assert refused.status == 409
    assert "restarts it" in refused.results
    assert writes(azure) == []
    assert change(api, Set={"KEY_ROTATION_WARN_DAYS": "20"}, **OURS, **FORCE).status == 200
    assert held(azure, names.BACKEND_SITE)["KEY_ROTATION_WARN_DAYS"] == "20"


def test_values_stand_in_no_answer_and_in_no_line_of_the_log(
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for fault in (
        [],
        [{"path": WRITE, "mode": "refuse", "status": 403}],
        [{"path": WRITE, "mode": "refuse", "status": 500}],
    ):
        azure.faults(fault)
        answer = change(api, Set={"CIPP_TIMEZONE": f"hush-hush-{len(fault)}"}, Remove=["TenantID"])
        assert "hush-hush" not in answer.text + caplog.text
    assert "AccountKey" not in answer.text + caplog.text


# No setting is lost


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
def test_a_change_is_refused_where_the_settings_cannot_be_read(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    before = held(azure)
    azure.faults([{"path": READ, "times": 0, **fault}])
    started = time.monotonic()
    check_told(change(impatient, Set={"A": "1"}), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert writes(azure) == []
    assert held(azure) == before


@pytest.mark.parametrize("fault", [day for day in BAD_DAYS if day["mode"] != "drop-after"], ids=day_of)
def test_a_write_that_azure_did_not_take_is_told_is_sent_once_and_loses_nothing(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "times": 0, **fault}])
    started = time.monotonic()
    check_told(change(impatient, Set={"A": "1"}, Remove=["TenantID"]), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert len(writes(azure)) == 1
    assert held(azure) == before


def test_a_write_that_was_cut_after_azure_took_it_is_seen_to_be_there(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "mode": "drop-after"}])
    assert change(api, Set={"A": "1"}, Remove=["TenantID"]).status == 200
    assert held(azure) == {name: value for name, value in (before | {"A": "1"}).items() if name != "TenantID"}
    assert len(writes(azure)) == 1


@pytest.mark.parametrize(
    "half",
    [["AzureWebJobsStorage"], [], ["A", "TenantID"], ["AzureWebJobsStorage", "FUNCTIONS_EXTENSION_VERSION", "A"]],
)
def test_what_went_missing_by_a_write_that_was_cut_half_way_is_put_back(
    impatient: Api, azure: Sandbox, half: list[str]
) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "mode": "hang"}])
    answers: list[Answer] = []
    editor = threading.Thread(target=lambda: answers.append(change(impatient, Set={"A": "1"}, Remove=["TenantID"])))
    editor.start()
    while not writes(azure):
        time.sleep(0.02)
    put(azure, {name: value for name, value in (before | {"A": "1"}).items() if name in half})
    editor.join()
    assert answers[0].status == 200, answers[0].text
    assert held(azure) == {name: value for name, value in (before | {"A": "1"}).items() if name != "TenantID"}


def test_what_someone_else_added_while_a_write_was_cut_stays(impatient: Api, azure: Sandbox) -> None:
    before = held(azure)
    azure.faults([{"method": "PUT", "path": WRITE, "mode": "hang"}])
    answers: list[Answer] = []
    editor = threading.Thread(target=lambda: answers.append(change(impatient, Set={"A": "1"})))
    editor.start()
    while not writes(azure):
        time.sleep(0.02)
    put(azure, {"THEIRS": "2", "AzureWebJobsStorage": before["AzureWebJobsStorage"]})
    editor.join()
    assert answers[0].status == 200, answers[0].text
    assert held(azure) == before | {"A": "1", "THEIRS": "2"}


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
def test_a_write_that_cannot_be_read_back_says_that_azure_took_it(
    impatient: Api, azure: Sandbox, fault: dict[str, Any]
) -> None:
    azure.faults([{"path": READ, "times": 0, "nth": 2, **fault}])
    answer = change(impatient, Set={"A": "1"})
    check_told(answer, fault)
    assert "Azure took the write" in answer.results
    assert "could not be seen" in answer.results
    assert held(azure)["A"] == "1"


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize("path", ["/sites$", READ, "/config/slotConfigNames$", "/configreferences/appsettings$"])
def test_a_list_that_azure_does_not_give_is_told(
    impatient: Api, azure: Sandbox, fault: dict[str, Any], path: str
) -> None:
    azure.faults([{"host": ARM, "path": path, "times": 0, **fault}])
    started = time.monotonic()
    check_told(impatient.get("ListFunctionAppSettings"), fault)
    assert time.monotonic() - started < LONGEST_SECONDS


# The rules, by themselves


@settings(deadline=None, max_examples=60)
@given(before=settings_of, to_set=settings_of, remove=st.lists(setting_names, max_size=3))
def test_a_merge_sets_what_is_set_removes_what_is_removed_and_keeps_the_rest(
    before: dict[str, str], to_set: dict[str, str], remove: list[str]
) -> None:
    to_set = {name: value for name, value in to_set.items() if name.lower() not in {gone.lower() for gone in remove}}
    after = merged(before, to_set, remove)
    named = {name.lower() for name in [*to_set, *remove]}
    assert {k: v for k, v in before.items() if k.lower() not in named}.items() <= after.items()
    assert not {name.lower() for name in after} & {name.lower() for name in remove}
    assert {name.lower() for name in to_set} <= {name.lower() for name in after}
    assert {name.lower() for name in after} <= {name.lower() for name in [*before, *to_set]}
    if len({name.lower() for name in to_set}) == len(to_set):
        values = {(name.lower(), value) for name, value in after.items()}
        assert {(name.lower(), value) for name, value in to_set.items()} <= values
        assert merged(after, to_set, remove) == after  # asking twice is asking once
        assert is_there(after, after, to_set, remove)


@settings(deadline=None, max_examples=60)
@given(after=settings_of, wanted=settings_of)
def test_what_is_completed_has_all_that_was_wanted_and_all_that_was_there(
    after: dict[str, str], wanted: dict[str, str]
) -> None:
    whole = completed(after, wanted)
    assert after.items() <= whole.items()
    assert lost(wanted, whole) == []
    assert {name: whole[name] for name in lost(wanted, after)}.items() <= wanted.items()
