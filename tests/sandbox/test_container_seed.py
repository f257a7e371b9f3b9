"""CIPP as one container in Resource Manager, as a reset seeds it."""

import json
from typing import Any

import pytest

from sandbox import names
from tests.support.sandbox.arm import GROUP, SITE, WEB, Arm
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox_client import Sandbox

PLAN = f"{WEB}/serverfarms/{names.CONTAINER_PLAN}"


def container(sandbox: Sandbox, **options: object) -> Arm:
    sandbox.reset(shape="container", **options)
    return Arm(sandbox)


def properties(arm: Arm, path: str) -> dict[str, Any]:
    shown: dict[str, Any] = arm.get(path)["properties"]
    return shown


def kinds(arm: Arm) -> dict[str, str]:
    return {site["name"]: site["kind"] for site in arm.get(f"{WEB}/sites")["value"]}


def tags(arm: Arm) -> dict[str, str]:
    shown: dict[str, str] = arm.get(GROUP, version="2022-09-01")["tags"]
    return shown


def test_container_has_the_name_of_the_main_app_and_of_the_vault(sandbox: Sandbox) -> None:
    arm = container(sandbox)
    site = arm.get(SITE)
    assert site["kind"] == "app,linux,container"
    assert site["identity"]["principalId"] == names.CONTAINER_PRINCIPAL_ID
    assert site["properties"]["serverFarmId"].endswith(f"/serverfarms/{names.CONTAINER_PLAN}")
    assert site["properties"]["reserved"] is True
    assert kinds(arm) == {names.MAIN_SITE: "app,linux,container", names.BACKEND_SITE: "functionapp,linux"}
    assert tags(arm) == {"Linux": "true"}
    assert arm.get(f"{WEB}/staticSites")["value"] == []
    assert arm.get(PLAN)["sku"] == {"name": "B2", "tier": "Basic", "size": "B2", "family": "B", "capacity": 1}
    assert arm.get(PLAN)["properties"]["reserved"] is True


def test_site_shows_parts_of_its_configuration_as_null(sandbox: Sandbox) -> None:
    arm = container(sandbox)
    whole, shown = properties(arm, f"{SITE}/config/web"), properties(arm, SITE)["siteConfig"]
    expected: dict[str, object] = {
        "linuxFxVersion": "DOCKER|ghcr.io/cyberdrain/cipp:latest",
        "healthCheckPath": "/api/setup/health",
    }
    expected |= {"alwaysOn": True, "numberOfWorkers": 1}
    assert {name: whole[name] for name in expected} == expected
    assert {name: shown[name] for name in expected} == dict.fromkeys(expected)


def test_sign_in_of_the_container_is_set_up(sandbox: Sandbox) -> None:
    arm = container(sandbox)
    settings = arm.call("POST", f"{SITE}/config/appsettings/list").json()["properties"]
    assert set(settings) == {"AzureWebJobsStorage", "WEBSITE_RESOURCE_GROUP", "AUTH_SECRET"}
    assert settings["AUTH_SECRET"] == "@Microsoft.KeyVault(VaultName=cippabc12;SecretName=SSOAppSecret)"
    shown = properties(arm, f"{SITE}/config/authsettingsV2")
    provider = shown["identityProviders"]["azureActiveDirectory"]
    assert shown["platform"]["enabled"] is True
    assert provider["registration"]["clientId"] == names.SSO_APP_ID
    assert provider["registration"]["clientSecretSettingName"] == "AUTH_SECRET"
    assert "/api/setup/*" in shown["globalValidation"]["excludedPaths"]
    state = sandbox.state()
    secrets = state["vaults"][names.VAULT]["secrets"]
    (password,) = state["applications"][names.SSO_APP_ID]["passwordCredentials"]
    assert secrets["SSOAppSecret"][0]["value"] == password["secretText"]
    assert {"SSOAppId", "SSOMultiTenant", "SAMCertificate"} < set(secrets)


def test_secret_of_the_sign_in_app_signs_in(sandbox: Sandbox) -> None:
    app: Sam = sam(sandbox, shape="container")
    secret = sandbox.state()["vaults"][names.VAULT]["secrets"]["SSOAppSecret"][0]["value"]
    assert app.sign_in(client_id=names.SSO_APP_ID, client_secret=secret).status_code == 200


def test_identity_of_the_container_has_a_role_on_its_site_alone(sandbox: Sandbox) -> None:
    arm = container(sandbox)
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"
    found = [one["properties"] for one in arm.get(path, version="2022-04-01")["value"]]
    scopes = [one["scope"] for one in found if one["principalId"] == names.CONTAINER_PRINCIPAL_ID]
    assert scopes == [SITE]
    vault = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{names.VAULT}"
    policies = arm.get(vault, version="2023-07-01")["properties"]["accessPolicies"]
    assert names.CONTAINER_PRINCIPAL_ID in {policy["objectId"] for policy in policies}
    assert names.MAIN_PRINCIPAL_ID not in {policy["objectId"] for policy in policies}


def test_certificate_only_has_no_client_secret(sandbox: Sandbox) -> None:
    for shape in ("functions", "container"):
        state = sandbox.reset(shape=shape, certificate_only=True)
        app = state["applications"][names.SAM_APP_ID]
        assert app["passwordCredentials"] == []
        (key,) = app["keyCredentials"]
        assert key["displayName"] == "CIPP-SAM Certificate (cippabc12)"
        assert state["vaults"][names.VAULT]["secrets"]["ApplicationSecret"][0]["value"] == "AppSecret"


def test_sign_in_off_leaves_the_container_without_app_service_authentication(sandbox: Sandbox) -> None:
    arm = container(sandbox, sign_in_off=True)
    assert properties(arm, f"{SITE}/config/authsettingsV2")["platform"]["enabled"] is False
    settings = arm.call("POST", f"{SITE}/config/appsettings/list").json()["properties"]
    assert settings["WEBSITE_AUTH_AAD_ALLOWED_TENANTS"] == "*"
    assert "AUTH_SECRET" not in settings


def test_pinned_names_the_tag_of_the_image(sandbox: Sandbox) -> None:
    arm = container(sandbox, pinned="10.8.4")
    image = properties(arm, f"{SITE}/config/web")["linuxFxVersion"]
    assert image == "DOCKER|ghcr.io/cyberdrain/cipp:10.8.4"


def test_state_s3_has_a_container_of_another_name(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S3")
    assert arm.call("GET", SITE).status_code == 404
    assert names.RENAMED_SITE in kinds(arm)
    assert tags(arm)["NG"] == "true"
    assert set(sandbox.state()["vaults"]) == {names.RENAMED_SITE}


def test_state_s4_leaves_this_app_without_a_role_on_the_site(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S4")
    assert arm.get(SITE)["identity"]["principalId"] != names.MAIN_PRINCIPAL_ID
    assert arm.call("POST", f"{SITE}/restart").status_code == 403


def test_state_s5_keeps_a_function_app(sandbox: Sandbox) -> None:
    assert kinds(container(sandbox, state="S5"))[names.OFFLOAD_SITE] == "functionapp"


def test_state_s6_has_no_site_of_cipp(sandbox: Sandbox) -> None:
    assert set(kinds(container(sandbox, state="S6"))) == {names.BACKEND_SITE}
    assert set(sandbox.state()["vaults"]) == {names.VAULT}


def test_state_s7_keeps_the_static_web_app(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S7")
    assert [site["name"] for site in arm.get(f"{WEB}/staticSites")["value"]] == [names.STATIC_SITE]


def test_state_s11_has_two_containers(sandbox: Sandbox) -> None:
    found = kinds(container(sandbox, state="S11"))
    assert found[names.SECOND_CONTAINER_SITE] == found[names.MAIN_SITE] == "app,linux,container"


def test_state_s12_has_a_vault_of_another_name(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S12")
    assert arm.get(SITE)["name"] == names.MAIN_SITE
    assert set(sandbox.state()["vaults"]) == {names.OTHER_VAULT}


def test_state_s13_signs_in_with_another_app_than_the_vault_names(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S13")
    provider = properties(arm, f"{SITE}/config/authsettingsV2")["identityProviders"]["azureActiveDirectory"]
    assert provider["registration"]["clientId"] == names.OTHER_SSO_APP_ID
    assert sandbox.state()["vaults"][names.VAULT]["secrets"]["SSOAppId"][0]["value"] == names.SSO_APP_ID


def test_state_s14_has_a_plan_that_this_app_may_not_read(sandbox: Sandbox) -> None:
    arm = container(sandbox, state="S14")
    plan = properties(arm, SITE)["serverFarmId"]
    assert f"/resourceGroups/{names.PLAN_GROUP}/" in plan
    assert arm.call("GET", plan).status_code == 403


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"shape": "swarm"}, "shape"),
        ({"state": "S1", "shape": "container"}, "state"),
        ({"state": "S4"}, "container"),
        ({"pinned": 1, "shape": "container"}, "pinned"),
        ({"old_cipp": "yes"}, "old_cipp"),
        ({"unknowns": ["U9"], "shape": "container"}, "unknowns"),
        ({"start_seconds": -1}, "start_seconds"),
    ],
)
def test_option_that_does_not_fit_is_refused(sandbox: Sandbox, options: dict[str, object], word: str) -> None:
    status, text = sandbox.refused("reset", json.dumps(options).encode())
    assert (status, word in text) == (400, True)
    sandbox.reset()
