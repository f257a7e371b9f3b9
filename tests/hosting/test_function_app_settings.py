"""The settings of an app: values are masked, changes keep all other settings."""

import pytest

from backend.hosting.setting_rules import HARMLESS
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox.arm import SITE, Arm
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import WRITE, change, held, put, writes

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
    "TRUSTED_PROXIES",
    "TRUST_STATIC_WEB_APP",
    "Trust.Static.Web.App",
    "CIPP_KV_NAME",
    "CIPP.KV.NAME",
    "CIPP_FUNCTION_APP",
    "CIPP_CLOUD",
    "CIPP_STORAGE",
    "CIPP_STORAGE__tableServiceUri",
    "TRUST_STATIC_WEB_APP",
    "AzureWebJobsStorage",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
    "WEBSITE_RUN_FROM_PACKAGE",
]


# The listed settings


@pytest.mark.each_value
@pytest.mark.parametrize("name", sorted(HARMLESS))
@pytest.mark.parametrize(
    "value", ["0.AXoA-PLANTED-refresh-token", "PLANTED secret!", "abc8Q~PLANTED", "AccountKey=PLANTED"]
)
def test_a_harmless_setting_of_another_kind_is_masked(api: Api, azure: Sandbox, name: str, value: str) -> None:
    put(azure, {name: value})
    answer = api.get("ListFunctionAppSettings")
    (one,) = answer.results
    assert (one["Value"], one["Masked"]) == (None, True)
    assert "PLANTED" not in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("WEBSITE_TIME_ZONE", zone) for zone in ("Europe/Amsterdam", "W. Europe Standard Time", "UTC-11")),
        ("WEBSITE_TIME_ZONE", "Central Standard Time (Mexico)"),
        *(("FUNCTIONS_EXTENSION_VERSION", version) for version in ("~4", "4.1037.0.23556")),
        ("FUNCTIONS_WORKER_RUNTIME", "dotnet-isolated"),
        ("FUNCTIONS_WORKER_PROCESS_COUNT", "10"),
        ("WEBSITE_NODE_DEFAULT_VERSION", "~18"),
        ("SCM_DO_BUILD_DURING_DEPLOYMENT", "1"),
        ("CIPP_KV_NAME", "cippabc12"),
        ("CIPP_CLOUD", "usgov"),
    ],
)
def test_a_harmless_setting_of_its_kind_is_shown(api: Api, azure: Sandbox, name: str, value: str) -> None:
    put(azure, held(azure) | {name: value})
    assert {one["Name"]: one["Value"] for one in api.get("ListFunctionAppSettings").results}[name] == value


@pytest.mark.parametrize(
    "value",
    [
        "@Microsoft.KeyVault(x) AccountKey=PLANTED==",
        " @Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/PLANTED/)",
        "@Microsoft.KeyVault(PLANTED",
        "@Microsoft.KeyVault((PLANTED))",
        "@Microsoft.KeyVault()PLANTED()",
        "x@Microsoft.KeyVault(PLANTED)",
        "@MicrosoftxKeyVault(PLANTED)",
        "@Microsoft.KeyVault(AccountKey=PLANTED==)",
        "@Microsoft.KeyVault(PLANTED)",
        "@Microsoft.KeyVault()",
        *(
            f"@Microsoft.KeyVault({inside})"
            for inside in (
                "SecretUri=http://v.vault.azure.net/secrets/PLANTED/",
                "SecretUri=https://u:PLANTED@v.vault.azure.net/secrets/s/",
                "SecretUri=https://v.vault.azure.net/secrets/s/?sig=PLANTED",
                "SecretUri=https://v.vault.azure.net/secrets/s#PLANTED",
                "SecretUri=https://v.vault.azure.net/secrets/s/PLANTED",
                "SecretUri=https://v.vault.azure.net/secrets/s//",
                "SecretUri=https://v.vault.azure.net/secrets/s/;AccountKey=PLANTED",
                "SecretUri=https://v.vault.azure.net/secrets/s/ PLANTED",
                "SecretUri=https://v.vault.azure.net/keys/PLANTED",
                "SecretUri=https://v.vault.azure.net/",
                "VaultName=v;SecretName=s;AccountKey=PLANTED",
                "VaultName=v;SecretName=s;SecretVersion=PLANTED",
                "VaultName=v;SecretName=s;",
                "VaultName=v",
                "SecretName=PLANTED",
                "VaultName=PLANTED==;SecretName=s",
                "VaultName=v;SecretName=s\nPLANTED",
                "VaultName=v;\u017fecretName=PLANTED",
            )
        ),
    ],
)
def test_value_that_only_starts_like_a_reference_is_masked(api: Api, azure: Sandbox, value: str) -> None:
    put(azure, held(azure) | {"Odd": value})
    answer = api.get("ListFunctionAppSettings")
    (one,) = [one for one in answer.results if one["Name"] == "Odd"]
    assert (one["Masked"], one["Value"], one["KeyVaultReference"]) == (True, None, None)
    assert "PLANTED" not in answer.text


@pytest.mark.parametrize(
    "reference",
    [
        "@MICROSOFT.keyvault(VaultName=v;SecretName=s)",
        f"@Microsoft.KeyVault(VaultName=my-vault;SecretName=My-Secret;SecretVersion={'0aF' * 10}12)",
        "@Microsoft.KeyVault( VaultName = my-vault ; SecretName = s )",
        "@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/s)",
        "@Microsoft.KeyVault(secreturi=HTTPS://my-vault.vault.usgovcloudapi.net/secrets/s/)",
        f"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.cn/secrets/s/{'0a' * 16})",
        f"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/{'0a' * 16}/)",
    ],
)
def test_a_reference_in_a_documented_form_is_shown(api: Api, azure: Sandbox, reference: str) -> None:
    put(azure, held(azure) | {"Odd": reference})
    (one,) = [one for one in api.get("ListFunctionAppSettings").results if one["Name"] == "Odd"]
    assert (one["Masked"], one["KeyVaultReference"]) == (False, reference)


def test_settings_are_listed_by_name_with_values_only_of_harmless_ones(api: Api, azure: Sandbox) -> None:
    put(azure, held(azure) | {"WEBSITE_TIME_ZONE": "UTC", "zPassword": "hush-hush", "CIPP_Hosted": "false"})
    answer = api.get("ListFunctionAppSettings")
    there = held(azure)
    assert [one["Name"] for one in answer.results] == sorted(there, key=str.lower)
    for one in answer.results:
        assert set(one) == FIELDS
        is_harmless = one["Name"].lower() in HARMLESS
        is_reference = there[one["Name"]].startswith("@Microsoft.KeyVault(")
        assert one["Masked"] is not (is_harmless or is_reference)
        assert one["Value"] == (there[one["Name"]] if is_harmless else None)
    assert not any(hidden in answer.text for hidden in ("hush-hush", "AccountKey"))


def test_list_of_harmless_settings_contains_no_secrets() -> None:
    assert len(HARMLESS) < 20
    assert not any(
        part in name for name in HARMLESS for part in ("secret", "key_vault", "password", "connection", "storage")
    )


def test_a_key_vault_reference_is_shown_with_its_status(api: Api, azure: Sandbox) -> None:
    gone = f"@Microsoft.KeyVault(SecretUri=https://{names.VAULT}.vault.azure.net/secrets/nothing-here/)"
    put(azure, held(azure) | {"Gone": gone})
    settings_by_name = {one["Name"]: one for one in api.get("ListFunctionAppSettings").results}
    assert settings_by_name["RefreshToken"]["KeyVaultReference"].endswith("/secrets/RefreshToken/)")
    assert (settings_by_name["RefreshToken"]["ReferenceStatus"], settings_by_name["RefreshToken"]["Masked"]) == (
        "Resolved",
        False,
    )
    assert (settings_by_name["Gone"]["KeyVaultReference"], settings_by_name["Gone"]["ReferenceStatus"]) == (
        gone,
        "SecretNotFound",
    )
    assert settings_by_name["AzureWebJobsStorage"]["KeyVaultReference"] is None


def test_setting_that_stays_with_its_slot_is_marked(api: Api, azure: Sandbox) -> None:
    sticky = {"properties": {"appSettingNames": ["websitE_RUN_from_package"]}}
    assert Arm(azure).call("PUT", f"{SITE}/config/slotConfigNames", sticky).ok
    shown = api.get("ListFunctionAppSettings").results
    assert [one["Name"] for one in shown if one["SlotSetting"]] == ["WEBSITE_RUN_FROM_PACKAGE"]


def test_settings_are_listed_only_for_apps_of_this_deployment(api: Api, azure: Sandbox) -> None:
    for name in ("cippabc12-PROC", names.BACKEND_SITE):
        shown = [one["Name"] for one in api.get(f"ListFunctionAppSettings?nAME={name}").results]
        assert shown == sorted(held(azure, name.lower()), key=str.lower)
    assert api.get("ListFunctionAppSettings?Name=somebodyelses").status == 404
    assert change(api, Name="somebodyelses", Set={"A": "1"}).status == 404
    assert writes(azure) == []


# What is changed


def test_change_keeps_all_other_settings(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    answer = change(api, Set={"NEW.one": "1", "functions_worker_runtime_VERSION": "7.6"}, Remove=["refreshTOKEN"])
    assert answer.status == 200, answer.text
    changed = before | {"NEW.one": "1", "FUNCTIONS_WORKER_RUNTIME_VERSION": "7.6"}
    assert held(azure) == {name: value for name, value in changed.items() if name != "RefreshToken"}
    assert answer.results["Set"] == ["NEW.one", "functions_worker_runtime_VERSION"]
    assert answer.results["Removed"] == ["refreshTOKEN"]
    assert "restarts" in " ".join(answer.results["Done"])
    assert held(azure, names.OFFLOAD_SITE).get("NEW.one") is None


def test_change_affects_only_the_named_app(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    assert change(api, Name="CIPPabc12-PROC", Set={"A": "1"}).status == 200
    assert held(azure, names.OFFLOAD_SITE)["A"] == "1"
    assert held(azure) == before


def test_unchanged_settings_are_not_written(api: Api, azure: Sandbox) -> None:
    answer = change(api, Set={"CIPP_PROCESSOR": "true"}, Remove=["Nothing"], Name=names.OFFLOAD_SITE)
    assert answer.status == 200
    assert "No change" in answer.results["Done"][0]
    assert writes(azure) == []


def test_a_setting_may_be_called_value(api: Api, azure: Sandbox) -> None:
    assert change(api, Set={"Value": "1"}).status == 200
    assert held(azure)["Value"] == "1"


def test_dry_run_reports_its_steps_and_writes_nothing(api: Api, azure: Sandbox) -> None:
    before = held(azure)
    answer = change(api, Set={"A": "hush-hush"}, Remove=["RefreshToken"], DryRun=True)
    assert answer.status == 200
    assert (answer.results["DryRun"], answer.results["Done"]) == (True, [])
    assert f"set A {phrases.AND_REMOVE} RefreshToken" in answer.results["WouldDo"][0]
    assert "restarts" in " ".join(answer.results["WouldDo"])
    assert "hush-hush" not in answer.text
    assert held(azure) == before
    assert writes(azure) == []


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "Set", "Set, Remove"),
        ({"Set": {}, "Remove": []}, "Set", "Set, Remove"),
        ({"Set": {"A-B": "1"}}, "Set", phrases.NAME_CHARACTERS),
        ({"Set": {"": "1"}}, "Set", "letters"),
        ({"Set": {"A\n": "1"}}, "Set", phrases.at_position("U+000A (LINE FEED)", 2)),
        ({"Set": {"x" * 257: "1"}}, "Set", "256"),
        ({"Set": {"A": "1", "a": "2"}}, "Remove", "Duplicate"),
        ({"Set": {"A": "1"}, "Remove": ["a"]}, "Remove", "Duplicate"),
        ({"Set": {"A": 1}}, "Set", "str"),
        ({"Set": {"A": None}}, "Set", "str"),
        ({"Set": ["A"]}, "Set", "object"),
        ({"Remove": "A"}, "Remove", "array"),
    ],
)
def test_invalid_change_is_refused_with_its_field_and_writes_nothing(
    api: Api, azure: Sandbox, body: dict[str, object], field: str, message: str
) -> None:
    answer = api.post("ExecFunctionAppSettings", body)
    assert (answer.status, answer.body["field"]) == (400, field)
    assert message in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize("name", VITAL)
def test_setting_that_an_app_needs_to_start_is_changed_only_with_force(api: Api, azure: Sandbox, name: str) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        refused = api.post("ExecFunctionAppSettings", body)
        assert refused.status == 409
        assert name in refused.results
        assert "Force" in refused.results
    assert writes(azure) == []
    assert change(api, Set={name: "x"}, **FORCE).status == 200
    assert {key.lower(): value for key, value in held(azure).items()}[name.lower()] == "x"


@pytest.mark.each_value
@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("app", [{}, OURS])
def test_platform_setting_is_never_changed(api: Api, azure: Sandbox, name: str, app: dict[str, str]) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        answer = api.post("ExecFunctionAppSettings", {**body, **app, **FORCE})
        assert (answer.status, answer.body["field"]) == (400, next(iter(body)))
        assert name in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize("name", ACCESS)
def test_setting_that_controls_access_to_this_app_is_never_changed(api: Api, azure: Sandbox, name: str) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        answer = api.post("ExecFunctionAppSettings", {**body, **OURS, **FORCE})
        assert (answer.status, answer.body["field"]) == (400, next(iter(body)))
        assert name in answer.results
    assert writes(azure) == []
    assert change(api, Set={name: "x"}, **FORCE).status == 200  # of CIPP's app it is an ordinary setting


def test_this_app_is_changed_only_with_force(api: Api, azure: Sandbox) -> None:
    refused = change(api, Set={"KEY_ROTATION_WARN_DAYS": "20"}, **OURS)
    assert refused.status == 409
    assert phrases.RESTARTS_IT in refused.results
    assert writes(azure) == []
    assert change(api, Set={"KEY_ROTATION_WARN_DAYS": "20"}, **OURS, **FORCE).status == 200
    assert held(azure, names.BACKEND_SITE)["KEY_ROTATION_WARN_DAYS"] == "20"


def test_values_are_not_in_responses_or_logs(api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
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
