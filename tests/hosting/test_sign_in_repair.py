"""The causes for which users can't sign in to a container, and their repair, in the API and then in Azure."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from backend.hosting.container.sign_in import repair as repairs
from backend.hosting.container.start_plan import RESPONSE_SECONDS
from backend.hosting.container.versions.change import END_SECONDS
from sandbox import names
from tests.hosting.test_callbacks import let_identity_repair
from tests.rotation.test_sign_in_secret import active, use_another_app
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.bad_days import IMPATIENT
from tests.support.busy_storage import busy_storage
from tests.support.cipp import Cipp
from tests.support.rotation.scene import ARM, ENTRA, GRAPH, VAULT, Scene
from tests.support.sandbox.person import Person

pytestmark = pytest.mark.slow("a look signs in, and reads Graph, Azure, the vault and a table")
SECRET = "SSOAppSecret"
SITE = f"{WEB}/sites/{names.MAIN_SITE}"
AUTH = f"{SITE}/config/authsettingsV2"
REFRESH = "/config/configreferences/appsettings/refresh"
PROVIDER = "properties.identityProviders.azureActiveDirectory"


@pytest.fixture
def container(scene: Scene) -> Scene:
    """A container on a Tuesday at noon, with one superadmin."""
    scene.others.reset(propagation_seconds=0, direct_tenants=0, shape="container", start_seconds=0.3)
    scene.go_to(scene.sunday() + timedelta(days=2, hours=12))
    roles = {"Roles": '["superadmin"]', "ManualRoles": '["superadmin"]', "AutoRoles": "[]", "Source": "Manual"}
    scene.others.row("allowedUsers", "User", "alex@contoso.com", **roles)
    return scene


def present(scene: Scene) -> dict[str, str]:
    """Return what is seen of each cause."""
    found = scene.api().get("ListBackendSignIn")
    assert found.status == 200, found.text
    return {cause["Cause"]: cause["Present"] for cause in found.results["Causes"]}


def those(scene: Scene, value: str = "yes") -> set[str]:
    return {cause for cause, one in present(scene).items() if one == value}


def repair(scene: Scene, *causes: str, status: int = 200, **fields: object) -> dict[str, Any]:
    body: dict[str, object] = {**({"Causes": list(causes)} if causes else {}), "DryRun": False, **fields}
    response = scene.api().post("ExecBackendSignInRepair", body)
    assert response.status == status, response.text
    return dict(response.results)


def auth(scene: Scene) -> dict[str, Any]:
    return dict(Admin(scene.azure).call("GET", AUTH, SITES_API)["properties"])


def write_auth(scene: Scene, settings: dict[str, Any]) -> None:
    Admin(scene.azure).call("PUT", AUTH, SITES_API, {"properties": settings})


def registration(settings: dict[str, Any]) -> dict[str, Any]:
    return dict(settings["identityProviders"]["azureActiveDirectory"]["registration"])


def redirect_uris(scene: Scene) -> list[str]:
    found = scene.others.graph("GET", f"applications/{names.SSO_OBJECT_ID}?$select=web")
    return list(found["web"]["redirectUris"])


def outcome(repaired: dict[str, Any]) -> dict[str, str]:
    return {step["Cause"]: step["Outcome"] for step in repaired["Steps"]}


def test_working_sign_in_has_no_cause(container: Scene) -> None:
    found = container.api().get("ListBackendSignIn").results
    assert found["Works"] is True
    assert {cause["Cause"] for cause in found["Causes"] if cause["Present"] != "no"} == set()
    before = auth(container)
    assert repair(container)["Steps"] == []
    assert auth(container) == before


def ip_rule(scene: Scene) -> tuple[str, str]:
    """Return whether the cause is present, and its sign."""
    causes = scene.api().get("ListBackendSignIn").results["Causes"]
    return next((cause["Present"], cause["Sign"]) for cause in causes if cause["Cause"] == "IpRule")


def test_rule_of_addresses_is_shown_with_the_roles_that_it_restricts(container: Scene) -> None:
    cipp = Cipp(container.azure)
    cipp.ranges("superadmin", "203.0.113.7")
    assert ip_rule(container)[0] == "no"  # CIPP never restricts a superadmin
    cipp.ranges("editor", "203.0.113.0/24")
    present, sign = ip_rule(container)
    assert (present, "editor" in sign, "superadmin" in sign) == ("unknown", True, False)
    for role in ("superadmin", "editor"):
        cipp.forget("AccessIPRanges", role)
    assert ip_rule(container)[0] == "no"


@pytest.mark.parametrize(
    ("edit", "present", "part"),
    [
        ([["properties.ipSecurityRestrictionsDefaultAction", "Deny"]], "unknown", "403"),
        (
            [["properties.ipSecurityRestrictions", [{"ipAddress": "203.0.113.7/32", "action": "Deny"}]]],
            "unknown",
            "403",
        ),
        ([["properties.publicNetworkAccess", "Disabled"]], "unknown", "private"),
        ([["properties.ipSecurityRestrictions", None]], "no", "AccessIPRanges"),
    ],
)
def test_rule_of_app_service_is_shown(container: Scene, edit: list[Any], present: str, part: str) -> None:
    container.azure.faults([{"method": "GET", "path": "/config/web$", "edit": edit, "times": 0}])
    found = ip_rule(container)
    assert (found[0], part in found[1]) == (present, True)


def test_rules_of_addresses_that_cant_be_read_are_unknown(container: Scene) -> None:
    table = {"host": "127.0.0.1", "path": "AccessIPRanges", "mode": "refuse", "status": 403, "times": 0}
    container.azure.faults([table])
    assert ip_rule(container)[0] == "unknown"
    container.azure.faults([])


def test_function_apps_have_no_sign_in_of_their_own(scene: Scene) -> None:
    found = scene.api().get("ListBackendSignIn")
    assert found.status == 200
    assert found.body["NotInThisShape"]["Shape"] == "functions"
    assert scene.api().post("ExecBackendSignInRepair", {"Causes": ["SecretEnded"]}).status == 409


def test_expired_secret_is_renewed(container: Scene) -> None:
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    assert {"SecretEnded", "SecretLost"} <= those(container)
    assert container.api().get("ListBackendSignIn").results["Works"] is False
    assert outcome(repair(container, DryRun=True)) == {"SecretEnded": "planned"}
    assert len(container.versions(SECRET)) == 2
    repaired = repair(container)
    assert outcome(repaired) == {"SecretEnded": "repaired"}
    assert repaired["Operation"]["Outcome"] == "done"
    assert those(container) == set()


def test_deleted_secret_is_recovered_and_never_replaced(container: Scene) -> None:
    container.others.delete(SECRET)
    causes = container.api().get("ListBackendSignIn").results["Causes"]
    (cause,) = [one for one in causes if one["Cause"] == "SecretEnded"]
    assert (cause["Present"], "ExecKeyVaultSecretRecover" in cause["Cure"]) == ("yes", True)
    applications = container.azure.state()["applications"]
    (step,) = repair(container, "SecretEnded")["Steps"]
    assert (step["Outcome"], "ExecKeyVaultSecretRecover" in step["Text"]) == ("refused", True)
    assert container.azure.state()["applications"] == applications


def test_reference_is_read_again_after_its_cause_is_gone(container: Scene) -> None:
    admin = Admin(container.azure)
    settings = admin.call("POST", f"{SITE}/config/appsettings/list", SITES_API)["properties"]
    policy = {"objectId": names.CONTAINER_PRINCIPAL_ID, "permissions": {"secrets": ["all"]}}
    vault = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}/accessPolicies"
    policies = {"properties": {"accessPolicies": [{**policy, "tenantId": names.TENANT_ID}]}}
    admin.call("PUT", f"{vault}/remove", "2023-07-01", policies)
    admin.call("PUT", f"{SITE}/config/appsettings", SITES_API, {"properties": settings})
    assert those(container) == {"ReferenceNotResolved"}
    still = repair(container, status=202)
    assert outcome(still) == {"ReferenceNotResolved": "requested"}
    admin.call("PUT", f"{vault}/add", "2023-07-01", policies)
    operations = container.api().get("ListBackendOperations").results
    assert [one["Outcome"] for one in operations] == ["done"]  # Azure reads a reference again that was not resolved


def set_auth_secret(scene: Scene, value: str | None) -> None:
    admin = Admin(scene.azure)
    settings = dict(admin.call("POST", f"{SITE}/config/appsettings/list", SITES_API)["properties"])
    settings.pop("AUTH_SECRET", None)
    settings |= {} if value is None else {"AUTH_SECRET": value}
    admin.call("PUT", f"{SITE}/config/appsettings", SITES_API, {"properties": settings})


def test_setting_that_is_missing_is_set_by_an_admin(container: Scene) -> None:
    set_auth_secret(container, None)
    assert those(container) == {"ReferenceNotResolved"}
    (step,) = repair(container)["Steps"]
    assert step["Outcome"] == "manual"
    assert f"AUTH_SECRET -NotePropertyValue '@Microsoft.KeyVault(VaultName={names.VAULT};" in step["Script"]
    assert container.calls(ARM, "POST", REFRESH) == []


def test_setting_with_a_value_of_its_own_is_not_judged(container: Scene) -> None:
    set_auth_secret(container, "a literal")
    found = container.api().get("ListBackendSignIn")
    (cause,) = [one for one in found.results["Causes"] if one["Cause"] == "ReferenceNotResolved"]
    assert (cause["Present"], cause["Repairable"]) == ("unknown", False)
    assert "a literal" not in found.text
    assert outcome(repair(container, "ReferenceNotResolved")) == {"ReferenceNotResolved": "refused"}
    assert container.calls(ARM, "POST", REFRESH) == []


def test_refused_read_of_the_reference_returns_a_script(container: Scene) -> None:
    container.azure.faults(
        [
            {"host": ARM, "path": REFRESH, "mode": "refuse", "status": 404, "times": 0},
            {
                "path": "/configreferences/appsettings/AUTH_SECRET",
                "edit": [["properties.status", "OtherReasons"]],
                "times": 0,
            },
        ]
    )
    (step,) = repair(container)["Steps"]
    assert (step["Outcome"], names.MAIN_SITE in step["Script"]) == ("manual", True)


def test_missing_callbacks_are_added_and_none_is_lost(container: Scene) -> None:
    uris = ["https://other.contoso.com/callback"]
    body = {"web": {"redirectUris": uris}}
    container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", body)
    assert those(container) == {"CallbackMissing"}
    assert outcome(repair(container)) == {"CallbackMissing": "repaired"}
    added = redirect_uris(container)
    assert added[0] == uris[0]
    assert len(added) == 2
    assert those(container) == set()


def test_host_that_was_removed_gets_no_callback(container: Scene) -> None:
    host = redirect_uris(container)[0].split("/")[2]
    edit = [["properties.hostNames", [host, "old.contoso.com"]]]
    site = {"host": ARM, "method": "GET", "path": f"/sites/{names.MAIN_SITE}$", "times": 0}
    container.azure.faults([{**site, "edit": edit}])
    assert those(container) == {"CallbackMissing"}
    container.azure.faults([])
    assert outcome(repair(container, "CallbackMissing")) == {"CallbackMissing": "repaired"}
    assert [uri.split("/")[2] for uri in redirect_uris(container)] == [host]
    assert those(container) == set()


def test_repair_needs_no_storage_with_force(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    before = auth(container)
    write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    with busy_storage(403, 0) as busy:
        nowhere.setenv("CIPP_STORAGE", busy.connection_string)
        assert container.api().post("ExecBackendSignInRepair", {"Causes": ["SignInOff"]}).status >= 400
        assert outcome(repair(container, "SignInOff", Force=True)) == {"SignInOff": "repaired"}
    assert auth(container)["platform"]["enabled"] is True


def test_secret_that_turns_out_to_work_is_left_as_it_is(container: Scene) -> None:
    one_refusal = {"host": ENTRA, "body": f"client_id={names.SSO_APP_ID}", "mode": "refuse", "status": 401}
    container.azure.faults([{**one_refusal, "aadsts": 7000215, "times": 1}])
    assert outcome(repair(container)) == {"SecretEnded": "refused"}
    assert len(container.versions(SECRET)) == 1


DAMAGES: list[dict[str, Any]] = [
    {"platform": {"enabled": False}},
    {"provider": {"enabled": False}},
    {"registration": {"clientId": ""}},
    {"validation": {"allowedAudiences": ["api://another"]}},
]


def test_one_repair_writes_and_reads_once_and_counts_as_starts(container: Scene) -> None:
    (old,) = container.azure.state()["applications"][names.SSO_APP_ID]["passwordCredentials"]
    container.others.graph("POST", f"applications/{names.SSO_OBJECT_ID}/removePassword", {"keyId": old["keyId"]})
    before = auth(container)
    write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    container.go(hours=1)  # after App Service's daily read
    assert active(container) == container.served(SECRET)["version"]
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    wanted = ("SignInOff", "SettingsDamaged", "SecretEnded", "ReferenceNotResolved")
    assert {*wanted} <= those(container)
    calls = len(container.calls(ARM, "PUT", "/config/authsettingsV2"))
    assert set(outcome(repair(container, *wanted)).values()) == {"repaired"}
    assert len(container.calls(ARM, "PUT", "/config/authsettingsV2")) == calls + 1
    assert len(container.calls(ARM, "POST", REFRESH)) == 1
    write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    repair(container)
    restart = container.api().post("ExecFunctionAppRestart", {"Name": names.MAIN_SITE})
    assert restart.status == 409, restart.text


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_settings_are_written_again_from_the_vault(container: Scene, damage: dict[str, Any]) -> None:
    before = auth(container)
    provider = before["identityProviders"]["azureActiveDirectory"]
    provider |= damage.get("provider", {})
    provider["registration"] |= damage.get("registration", {})
    provider["validation"] |= damage.get("validation", {})
    client = "5d1f4b33-0000-4000-8000-00000000a9c1"
    provider["validation"]["defaultAuthorizationPolicy"]["allowedApplications"].append(client)
    write_auth(container, {**before, "platform": {**before["platform"], **damage.get("platform", {})}})
    assert those(container) & {"SettingsDamaged", "SignInOff"}
    repaired = repair(container)
    assert set(outcome(repaired).values()) == {"repaired"}
    after = auth(container)
    assert after["platform"]["enabled"] is True
    assert registration(after)["clientId"] == names.SSO_APP_ID
    assert registration(after)["clientSecretSettingName"] == "AUTH_SECRET"
    policy = after["identityProviders"]["azureActiveDirectory"]["validation"]["defaultAuthorizationPolicy"]
    assert client in policy["allowedApplications"]
    assert after["globalValidation"]["excludedPaths"] == before["globalValidation"]["excludedPaths"]
    assert those(container) == set()


def test_settings_of_another_app_are_changed_only_with_force(container: Scene) -> None:
    before = auth(container)
    before["identityProviders"]["azureActiveDirectory"]["registration"]["clientId"] = names.OTHER_SSO_APP_ID
    write_auth(container, before)
    assert outcome(repair(container, "SettingsDamaged")) == {"SettingsDamaged": "refused"}
    assert registration(auth(container))["clientId"] == names.OTHER_SSO_APP_ID
    assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "repaired"}
    assert registration(auth(container))["clientId"] == names.SSO_APP_ID


def test_users_enter_without_a_secret_only_with_force(container: Scene) -> None:
    assert outcome(repair(container, "SecretLost")) == {"SecretLost": "refused"}
    (step,) = repair(container, "SecretLost", Force=True)["Steps"]
    assert step["Outcome"] == "repaired"
    assert "Force" in step["PutBack"]
    without = auth(container)
    assert without["platform"]["enabled"] is True
    assert "clientSecretSettingName" not in registration(without)
    assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "repaired"}
    assert registration(auth(container))["clientSecretSettingName"] == "AUTH_SECRET"


def test_secret_that_no_user_can_sign_in_with_is_not_put_back(container: Scene) -> None:
    repair(container, "SecretLost", Force=True)
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "refused"}
    assert outcome(repair(container, "SettingsDamaged", Force=True, DryRun=True)) == {"SettingsDamaged": "refused"}
    assert "clientSecretSettingName" not in registration(auth(container))
    assert container.report(SECRET)["Outcome"] == "rotated"
    state = {"path": "/configreferences/appsettings/AUTH_SECRET", "times": 0}
    container.azure.faults([{**state, "edit": [["properties.status", "SecretNotFound"]]}])
    assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "refused"}
    container.azure.faults([])
    assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "repaired"}
    assert registration(auth(container))["clientSecretSettingName"] == "AUTH_SECRET"


@pytest.mark.parametrize("damage", [{"enabled": False}, {"validation": {"allowedAudiences": ["api://another"]}}])
def test_repair_of_damages_keeps_a_sign_in_without_a_secret(container: Scene, damage: dict[str, Any]) -> None:
    repair(container, "SecretLost", Force=True)
    before = auth(container)
    before["identityProviders"]["azureActiveDirectory"] |= damage
    write_auth(container, before)
    assert outcome(repair(container)) == {"SettingsDamaged": "repaired"}
    assert "clientSecretSettingName" not in registration(auth(container))
    write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    assert set(outcome(repair(container, "SignInOff", Force=True)).values()) == {"repaired"}
    assert "clientSecretSettingName" not in registration(auth(container))


REVOKED = {"host": ENTRA, "body": f"client_id={names.SAM_APP_ID}", "mode": "refuse", "status": 401, "aadsts": 7000222}


def test_repair_with_a_revoked_credential_returns_a_script(container: Scene) -> None:
    container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    container.azure.faults([{**REVOKED, "times": 0}])
    repaired = repair(container, "SecretEnded", "CallbackMissing")
    assert outcome(repaired) == {"SecretEnded": "manual", "CallbackMissing": "manual"}
    scripts = [step["Script"] for step in repaired["Steps"]]
    assert "Set-AzKeyVaultSecret" in scripts[0]
    assert "redirectUris" in scripts[1]


def test_repair_with_a_revoked_credential_is_done_by_an_owner(container: Scene) -> None:
    container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    let_identity_repair(Person(container.azure))
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    container.azure.faults([{**REVOKED, "times": 0}])
    repaired = repair(container, "SecretEnded", "CallbackMissing")
    assert outcome(repaired) == {"SecretEnded": "repaired", "CallbackMissing": "repaired"}
    assert those(container) == set()


FAULTS: list[dict[str, Any]] = [
    {"mode": "refuse", "status": 403},
    {"mode": "refuse", "status": 409},
    {"mode": "refuse-then-do", "status": 500},
    {"mode": "drop-before"},
    {"mode": "drop-after"},
    {"mode": "hang"},
]


ANOTHER = "SettingsDamaged,callback"
CALLS: dict[str, dict[str, Any]] = {
    "SettingsDamaged": {"host": ARM, "method": "PUT", "path": "/config/authsettingsV2"},
    "CallbackMissing": {"host": GRAPH, "method": "PATCH"},
    "SecretEnded": {"host": GRAPH, "method": "POST", "path": "/addPassword"},
    "SecretEnded, stored": {"host": VAULT, "method": "PUT", "path": f"/secrets/{SECRET}"},
    "SecretEnded, read": {"host": ARM, "method": "POST", "path": REFRESH},
    "ReferenceNotResolved": {"host": ARM, "method": "POST", "path": REFRESH},
    "SignInOff": {"host": ARM, "method": "PUT", "path": "/config/authsettingsV2"},
    ANOTHER: {"host": GRAPH, "method": "PATCH"},
}


def use_a_secret_that_was_replaced(scene: Scene) -> None:
    """Let App Service keep a version that can't sign in any more, with one that can in the vault."""
    (old,) = scene.azure.state()["applications"][names.SSO_APP_ID]["passwordCredentials"]
    made = scene.others.graph("POST", f"applications/{names.SSO_OBJECT_ID}/addPassword", {"passwordCredential": {}})
    scene.others.graph("POST", f"applications/{names.SSO_OBJECT_ID}/removePassword", {"keyId": old["keyId"]})
    scene.go(hours=1)  # after App Service's daily read
    assert active(scene) == scene.served(SECRET)["version"]
    scene.others.store(SECRET, made["secretText"])
    scene.go(minutes=10)
    assert those(scene) == {"ReferenceNotResolved"}


@pytest.mark.each_value
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_interrupted_repair_is_completed_when_repeated(
    container: Scene, nowhere: pytest.MonkeyPatch, call: str, fault: dict[str, Any]
) -> None:
    cause = call.partition(",")[0]
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    before = auth(container)
    provider = before["identityProviders"]["azureActiveDirectory"]
    if call == ANOTHER:
        damaged = copy.deepcopy(before)
        damaged["identityProviders"]["azureActiveDirectory"]["registration"]["clientId"] = names.OTHER_SSO_APP_ID
        write_auth(container, damaged)
        container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    elif cause == "SettingsDamaged":
        write_auth(container, {**before, "identityProviders": {"azureActiveDirectory": {**provider, "enabled": False}}})
    elif cause == "SignInOff":
        write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    elif cause == "CallbackMissing":
        container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    elif cause == "ReferenceNotResolved":
        use_a_secret_that_was_replaced(container)
    else:
        container.others.store(SECRET, "~~~ not of the app")
        container.go(minutes=10)
    container.azure.faults([{**CALLS[call], **fault, "times": 1}])
    body = {"Causes": [cause], "Force": call == ANOTHER}
    container.api().post("ExecBackendSignInRepair", body)
    container.azure.faults([])
    container.api().post("ExecBackendSignInRepair", body if call == ANOTHER else {"DryRun": False})
    assert those(container) == set()
    assert auth(container)["platform"]["enabled"] is True


def test_sign_in_with_another_app_than_the_vaults_stays(container: Scene) -> None:
    use_another_app(container)
    container.go(minutes=10)
    before, versions = auth(container), container.versions(SECRET)
    assert those(container) == {"SettingsDamaged", "CallbackMissing"}
    assert present(container)["SecretEnded"] == "unknown"
    uris = used_uris(container)
    assert outcome(repair(container)) == {"SettingsDamaged": "refused", "CallbackMissing": "refused"}
    assert used_uris(container) == uris  # it is unknown which app is CIPP's
    assert outcome(repair(container, "SecretEnded", Force=True)) == {"SecretEnded": "refused"}
    assert (auth(container), container.versions(SECRET)) == (before, versions)
    assert outcome(repair(container, "CallbackMissing")) == {"CallbackMissing": "repaired"}
    assert used_uris(container) != uris


def used_uris(scene: Scene) -> list[str]:
    """Return the redirect URIs of the app that signs users in."""
    app = registration(auth(scene))["clientId"]
    return list(scene.others.graph("GET", f"applications(appId='{app}')?$select=web")["web"]["redirectUris"])


@pytest.mark.parametrize("may_add", [True, False])
def test_app_that_is_about_to_sign_users_in_gets_its_callbacks_first(container: Scene, may_add: bool) -> None:
    use_another_app(container)
    other = registration(auth(container))["clientId"]
    container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    planned = repair(container, "SettingsDamaged", Force=True, DryRun=True)
    assert "redirect URIs" in planned["Steps"][0]["Text"]
    assert redirect_uris(container) == []
    if may_add:
        assert outcome(repair(container, "SettingsDamaged", Force=True)) == {"SettingsDamaged": "repaired"}
        assert (registration(auth(container))["clientId"], len(redirect_uris(container))) == (names.SSO_APP_ID, 1)
        return
    container.azure.faults([{"host": GRAPH, "method": "PATCH", "mode": "refuse", "status": 403, "times": 0}])
    (step,) = repair(container, "SettingsDamaged", Force=True)["Steps"]
    assert (step["Outcome"], names.SSO_APP_ID in step["Script"]) == ("manual", True)
    assert registration(auth(container))["clientId"] == other


def test_step_that_may_end_after_the_response_is_not_begun(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    assert max(repairs.RESPONSE_SECONDS, RESPONSE_SECONDS, END_SECONDS) < 200
    before = auth(container)
    write_auth(container, {**before, "platform": {**before["platform"], "enabled": False}})
    container.others.graph("PATCH", f"applications/{names.SSO_OBJECT_ID}", {"web": {"redirectUris": []}})
    with nowhere.context() as late:
        late.setattr(repairs, "RESPONSE_SECONDS", 80)
        repaired = repair(container, "SettingsDamaged", "CallbackMissing")
        assert outcome(repaired) == {"SettingsDamaged": "failed", "CallbackMissing": "repaired"}
        assert repaired["Operation"]["Outcome"] == "failed"
        late.setattr(repairs, "RESPONSE_SECONDS", 35)
        assert outcome(repair(container, "SignInOff")) == {"SignInOff": "failed"}
    assert auth(container)["platform"]["enabled"] is False
    repair(container, "SignInOff")
    assert auth(container)["platform"]["enabled"] is True
