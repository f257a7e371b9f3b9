"""This app's own settings: a list of those that its API may write, each with a value of its kind."""

import re

import pytest

from backend.configuration.own_settings import ACCESS, NEVER_BLANK, WRITABLE, problem_with
from backend.configuration.problems import setting_problems
from backend.configuration.timeouts import Limits
from backend.hosting import platform_names
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.markdown import names as names_in
from tests.support.markdown import table
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import change, held, writes

OURS = {"Name": names.BACKEND_SITE, "Force": True}
READ_BY_THE_WORKER = {"PYTHON_THREADPOOL_THREAD_COUNT"}
GOOD = {
    "CIPP_TIMEZONE": "Europe/Amsterdam",
    "CIPP_HOSTED": "True",
    "KEY_ROTATION_SCHEDULE": "0 30 3 * * 6",
    "PYTHON_THREADPOOL_THREAD_COUNT": "32",
    **{
        name.upper(): str(value).lower()
        for name, value in ((f, getattr(Limits(), f)) for f in Limits.__struct_fields__)
    },
}
# Each gives away sessions, the host's admin API, the identity, the wire or the code of this app.
DANGEROUS = [
    *("MACHINEKEY_DecryptionKey", "AzureWebEncryptionKey", "languageWorkers__python__arguments", "PYTHONHOME"),
    *("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", "FUNCTIONS_WORKER_RUNTIME"),
    *("AzureWebJobsScriptRoot", "PYTHON_SCRIPT_FILE_NAME", "LD_PRELOAD", "DOTNET_STARTUP_HOOKS", "SSLKEYLOGFILE"),
    *("POST_BUILD_COMMAND", "PRE_BUILD_COMMAND", "OPENSSL_CONF", "AzureWebJobsSecretStorageType", "HTTPS_PROXY"),
    *("APPLICATIONINSIGHTS_CONNECTION_STRING", "AzureWebJobsStorage", "WEBSITE_TIME_ZONE", "ANYTHING_ELSE"),
    *("CIPP.TIMEZONE", "WEBSITE_AUTH_ENABLED", "KEY.ROTATION.WARN.DAYS"),
]
PLATFORM = [
    *("MACHINEKEY_DecryptionKey", "machinekey_validation", "MACHINEKEY.ValidationKey", "AzureWebEncryptionKey"),
    *("WEBSITE_AUTH_SIGNING_KEY", "WEBSITE.AUTH.ENABLED", "REGION_NAME", "WEBSITE_SITE_NAME", "website_hostname"),
    *("WEBSITE_INSTANCE_ID", "WEBSITE_OWNER_NAME", "WEBSITE_RESOURCE_GROUP", "WEBSITE_SKU", "WEBSITE_DEPLOYMENT_ID"),
    *("HOME", "SERVER_PORT", "IDENTITY_HEADER", "MSI_SECRET", "CONTAINER_NAME", "CONTAINER_ENCRYPTION_KEY"),
    *("LEGION_SERVICE_HOST", "KUBERNETES_SERVICE_HOST", "AZURE_FUNCTIONS_ENVIRONMENT", "DOTNET_STARTUP_HOOKS"),
    *("WEBSITE_COMPUTE_MODE", "WEBSITE_PRIVATE_IP", "WEBSITE_PLATFORM_VERSION", "WEBSITE_KEYVAULT_REFERENCES"),
    *(
        "APPSETTING_Anything",
        "SQLCONNSTR_Main",
        "AzureBlobStorage__AccountKey",
        "languageWorkers__powershell__arguments",
    ),
]
ORDINARY = [
    *(
        "WEBSITE_TIME_ZONE",
        "WEBSITE_NODE_DEFAULT_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_LOAD_CERTIFICATES",
    ),
    *(
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_CONTENTSHARE",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "CIPP_PROCESSOR",
        "HOMEPAGE",
    ),
    *("APPLICATIONINSIGHTS_CONNECTION_STRING", "WEBSITE_WARMUP_PATH", "WEBSITES_CONTAINER_START_TIME_LIMIT", "PORTAL"),
    *("AzureWebJobsDisableHomepage", "AzureWebJobs.Sync.Disabled", "ALLOWED_TENANTS", "HTTPS_PROXY", "OAuth2Token"),
]


@pytest.mark.parametrize(
    ("schedule", "meaning"),
    [
        ("0 0 * * 0", f"'0 0 * * 0' means 00:00 every Sunday (UTC). {phrases.FIVE_FIELDS}"),
        ("30 2 * * mon,wed", f"'30 2 * * mon,wed' means 02:30 every Monday and Wednesday (UTC). {phrases.FIVE_FIELDS}"),
        ("0 30 2 * * 6", "'0 30 2 * * 6' means 02:30 every Saturday (UTC)."),
    ],
)
def test_schedule_is_shown_with_its_meaning(api: Api, azure: Sandbox, schedule: str, meaning: str) -> None:
    planned = change(api, Set={"KEY_ROTATION_SCHEDULE": schedule}, DryRun=True, **OURS)
    assert meaning in " ".join(planned.results["WouldDo"])
    unforced = {"Name": names.BACKEND_SITE, "Set": {"KEY_ROTATION_SCHEDULE": schedule}}
    assert meaning in " ".join(change(api, **unforced, DryRun=True).results["WouldDo"])
    assert meaning in change(api, **unforced).results
    assert writes(azure) == []
    assert meaning in " ".join(change(api, Set={"key_rotation_schedule": schedule}, **OURS).results["Done"])
    assert held(azure, names.BACKEND_SITE)["KEY_ROTATION_SCHEDULE"] == schedule


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("KEY_ROTATION_SCHEDULE", f"{phrases.WEEKLY_DEFAULT}."),
        ("CIPP_TIMEZONE", f"{phrases.UTC_IS_USED} unless CIPP's table Config "),
        ("KEY_ROTATION_WARN_DAYS", f"{phrases.DEFAULT_APPLIES}: 14."),
        ("DISCOVERY_TIMEOUT_SECONDS", f"{phrases.DEFAULT_APPLIES}: 2.5."),
        ("KEY_ROTATION_RESTART_CIPP", f"{phrases.DEFAULT_APPLIES}: false."),
    ],
)
def test_removal_reports_the_default_that_applies(api: Api, azure: Sandbox, name: str, default: str) -> None:
    change(api, Set={name: GOOD[name]}, **OURS)
    before = len(writes(azure))
    planned = change(api, Remove=[name.lower()], DryRun=True, **OURS).results["WouldDo"]
    assert planned[-1].startswith(f"Without {name} {default}")
    assert len(writes(azure)) == before
    assert change(api, Remove=[name], **OURS).results["Done"][-1] == planned[-1]


def test_removal_of_a_required_setting_reports_the_consequence(api: Api) -> None:
    body = {"Remove": ["AzureWebJobsStorage"], "Force": True, "DryRun": True}
    planned = change(api, **body).results["WouldDo"]
    assert any(step.endswith(f" AzureWebJobsStorage '{names.MAIN_SITE}' {phrases.MAY_NOT_START}.") for step in planned)


WRONG = {
    "CIPP_TIMEZONE": "localtime",
    "CIPP_HOSTED": "yes",
    "KEY_ROTATION_SCHEDULE": "0 0 0 * * 7",
    "PYTHON_THREADPOOL_THREAD_COUNT": "0",
}


@pytest.mark.parametrize("name", sorted(WRITABLE))
def test_value_that_the_api_rejects_is_a_warning_when_it_is_set(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, name: str
) -> None:
    del azure
    value = WRONG.get(name, "-1")
    assert problem_with(name, value)
    nowhere.setenv(name, value)
    assert [name in warning for warning in Api().get("ExecBackendURLs").results["Warnings"]].count(True) == 1


@pytest.mark.parametrize("name", sorted(WRITABLE | ACCESS))
def test_invisible_character_in_a_setting_is_a_warning(name: str) -> None:
    (warning,) = [problem for problem in setting_problems({name: "x\u200b"}) if "U+200B" in problem]
    assert f" {name} " in warning
    assert phrases.at_position("U+200B (ZERO WIDTH SPACE)", 2) in warning


def test_every_documented_setting_is_either_writable_or_protected() -> None:
    documented = {name for row in table("setting") for name in names_in(row[0])}
    decided = WRITABLE | ACCESS
    assert documented - decided == set()
    assert documented >= WRITABLE - READ_BY_THE_WORKER
    assert not WRITABLE & ACCESS
    assert {name.upper() for name in Limits.__struct_fields__} <= WRITABLE


@pytest.mark.parametrize("name", sorted(WRITABLE))
def test_each_writable_setting_is_set_and_removed_with_force(api: Api, azure: Sandbox, name: str) -> None:
    for value in (GOOD[name], *([] if name in NEVER_BLANK else [""])):
        assert change(api, Set={name: value}, **OURS).status == 200
        assert held(azure, names.BACKEND_SITE)[name] == value
    assert change(api, Remove=[name], **OURS).status == 200
    assert name not in held(azure, names.BACKEND_SITE)


@pytest.mark.parametrize("name", [*DANGEROUS, *sorted(ACCESS)])
def test_every_other_setting_of_this_app_is_refused_and_the_portal_named(api: Api, azure: Sandbox, name: str) -> None:
    for body in ({"Set": {name: "hush-hush"}}, {"Remove": [name]}):
        answer = change(api, **body, **OURS)
        assert answer.status == 400, answer.text
        assert answer.body["field"] == next(iter(body))
        assert name in answer.results or "'***'" in answer.results  # a name that could be a value is not shown
        assert phrases.CANT_CHANGE in answer.results
        assert "az functionapp config appsettings set" in answer.results
        assert "hush-hush" not in answer.text
    assert writes(azure) == []


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CIPP_TIMEZONE", "PLANTED Standard Time"),
        ("CIPP_TIMEZONE", "localtime"),
        ("CIPP_TIMEZONE", "right/UTC"),
        ("CIPP_TIMEZONE", " "),
        ("CIPP_TIMEZONE", "0.AXoA-PLANTED-refresh-token"),
        ("CIPP_TIMEZONE", "../../etc/passwd"),
        ("CIPP_HOSTED", "yes-PLANTED"),
        ("KEY_ROTATION_SCHEDULE", "PLANTED"),
        ("KEY_ROTATION_SCHEDULE", "%PLANTED%"),
        ("KEY_ROTATION_SCHEDULE", ""),
        ("KEY_ROTATION_SCHEDULE", "   "),
        ("KEY_ROTATION_SCHEDULE", "@weekly"),
        ("KEY_ROTATION_SCHEDULE", "0 0 * * L"),
        ("KEY_ROTATION_SCHEDULE", "0 0 0 30 2 *"),
        ("KEY_ROTATION_SCHEDULE", "0 0 0 * * 0 2027"),
        ("key_rotation_schedule", "0 0"),
        ("KEY_ROTATION_SCHEDULE", "0 0 0 * * 7"),
        ("KEY_ROTATION_SCHEDULE", "0 60 0 * * 0"),
        ("KEY_ROTATION_SCHEDULE", "0 0 0 * * monster"),
        ("KEY_ROTATION_SCHEDULE", "7.00:00:00"),
        ("KEY_ROTATION_WARN_DAYS", "PLANTED"),
        ("KEY_ROTATION_WARN_DAYS", "0"),
        ("KEY_ROTATION_RESTART_CIPP", "PLANTED"),
        ("AZURE_DEADLINE_SECONDS", "1e999"),
        ("AZURE_DEADLINE_SECONDS", "0"),
        ("AZURE_DEADLINE_SECONDS", "nan"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "0"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "PLANTED"),
        ("CIPP_TIMEZONE", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/PLANTED/)"),
        ("cipp_hosted", " \t@MICROSOFT.keyvault(VaultName=v;SecretName=PLANTED)"),
        ("KEY_ROTATION_SCHEDULE", "@Microsoft.KeyVault(PLANTED"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_value_of_another_kind_is_refused_and_not_repeated(  # noqa: PLR0913, PLR0917 - each is a part of the case
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture, name: str, value: str, dry_run: bool
) -> None:
    caplog.set_level("DEBUG")
    answer = change(api, Set={name: value}, DryRun=dry_run, **OURS)
    assert (answer.status, answer.body["field"]) == (400, "Set")
    assert name.upper() in answer.results
    assert "PLANTED" not in answer.text + caplog.text
    assert writes(azure) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("KEY_ROTATION_SCHEDULE", value) for value in ("0 */5 * * * *", "0 0 * * Mon-Fri", "0 0 0 1,15 Jan Sunday")),
        ("CIPP_TIMEZONE", "UTC"),
        ("CIPP_TIMEZONE", "W. Europe Standard Time"),
        ("KEY_ROTATION_PULSE_HOURS", "0"),
        ("DISCOVERY_TIMEOUT_SECONDS", "0.5"),
    ],
)
def test_a_value_of_the_kind_is_accepted(name: str, value: str) -> None:
    assert problem_with(name, value) is None


@pytest.mark.each_value
@pytest.mark.parametrize("name", PLATFORM)
@pytest.mark.parametrize("site", [names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE])
def test_setting_of_the_platform_is_never_changed(api: Api, azure: Sandbox, name: str, site: str) -> None:
    for body in ({"Set": {name: "x"}}, {"Remove": [name]}):
        answer = change(api, **body, Name=site, Force=True)
        assert (answer.status, answer.body["field"]) == (400, next(iter(body)))
        assert name in answer.results
    assert writes(azure) == []


@pytest.mark.parametrize(
    ("name", "is_platforms"),
    [
        *(
            (name, True)
            for name in ("MSI_ENDPOINT", "identity_endpoint", "WEBSITE_AUTHENTICATION_X", "AzureWebJobsEnv")
        ),
        *((name, True) for name in ("LD_AUDIT", "LD_LIBRARY_PATH", "PATH", "COR_PROFILER", "CORECLR_ENABLE_PROFILING")),
        *((name, True) for name in ("DOTNET_ADDITIONAL_DEPS", "AzureWebJobsScriptRoot", "HOME_EXPANDED", "PORT")),
        ("AzureFunctionsJobHost__languageWorkers__python__arguments", True),
        ("AzureFunctionsJobHost__customHandler__description", True),
        *(
            (name, False)
            for name in ("PATHS", "MY_PATH", "HOMEPAGE", "xMACHINEKEY_a", "MACHINEKEY", "WEBSITE_SITE_NAMES")
        ),
    ],
)
def test_platform_name_matches_as_a_whole(name: str, is_platforms: bool) -> None:
    assert (re.fullmatch(platform_names.PLATFORM, name, re.IGNORECASE) is not None) is is_platforms


@pytest.mark.parametrize("name", ["MACHINEKEY:ValidationKey", "languageWorkers:powershell:arguments"])
def test_a_platform_name_with_colons_is_never_removed(api: Api, azure: Sandbox, name: str) -> None:
    assert change(api, Remove=[name], Force=True).status == 400
    assert writes(azure) == []


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_setting_of_cipps_app_is_set(api: Api, azure: Sandbox, name: str) -> None:
    assert change(api, Set={name: "x"}, Force=True).status == 200
    assert {key.lower(): value for key, value in held(azure).items()}[name.lower()] == "x"


def test_this_app_is_recognized_when_it_runs_inside_cipps_app(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("CIPP_FUNCTION_APP")
    nowhere.setenv("WEBSITE_SITE_NAME", names.MAIN_SITE)
    assert change(Api(), Set={"ANYTHING": "1"}, Force=True).status == 400
    assert writes(azure) == []


def test_setting_of_this_app_is_written_in_its_documented_case(azure: Sandbox, api: Api) -> None:
    body = {"Name": names.BACKEND_SITE, "Set": {"key_rotation_warn_days": "20"}, "Force": True}
    assert api.post("ExecFunctionAppSettings", body).status == 200
    settings = azure.state()["sites"][names.BACKEND_SITE]["appSettings"]
    assert settings["KEY_ROTATION_WARN_DAYS"] == "20"
    assert "key_rotation_warn_days" not in settings
