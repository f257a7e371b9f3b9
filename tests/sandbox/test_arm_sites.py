import threading
from datetime import datetime

import pytest
from azure.core.exceptions import ResourceNotFoundError

from sandbox import names
from tests.support.sandbox.arm import SITE, WEB, Arm
from tests.support.sandbox_client import Sandbox

GROUP, NAME = names.RESOURCE_GROUP, names.MAIN_SITE


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset()
    return Arm(sandbox)


def test_apps_are_listed_in_the_group_and_in_the_subscription(arm: Arm) -> None:
    apps = arm.web_client().web_apps
    expected = {names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE}
    assert {s.name for s in apps.list()} == {s.name for s in apps.list_by_resource_group(GROUP)} == expected
    site = apps.get(GROUP, NAME)
    assert site.state == "Running"
    assert site.default_host_name == f"{NAME}.azurewebsites.net"
    assert site.identity.principal_id == names.MAIN_PRINCIPAL_ID
    plan = arm.web_client().app_service_plans.get(GROUP, site.server_farm_id.rpartition("/")[2])
    assert plan.sku.tier == "Dynamic"
    assert len(site.properties) > 80


def test_times_have_no_zone_and_etag_is_of_the_last_change(arm: Arm) -> None:
    first = arm.call("GET", SITE)
    assert datetime.fromisoformat(first.json()["properties"]["lastModifiedTimeUtc"]).tzinfo is None
    arm.call("POST", f"{SITE}/stop")
    second = arm.call("GET", SITE)
    assert first.headers["etag"] != second.headers["etag"]
    assert second.headers["etag"].startswith('"1D')


def test_stop_start_and_restart_return_200_with_an_empty_body(arm: Arm, sandbox: Sandbox) -> None:
    for verb, state in (("stop", "Stopped"), ("restart", "Stopped"), ("start", "Running"), ("restart", "Running")):
        answer = arm.call("POST", f"{SITE}/{verb}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert sandbox.state()["sites"][NAME]["state"] == state
        assert arm.web_client().web_apps.get(GROUP, NAME).state == state


def test_restart_creates_another_instance_with_a_later_start(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().web_apps

    def running() -> list[tuple[str, datetime]]:
        names_of = [i.name for i in apps.list_instance_identifiers(GROUP, NAME)]
        return [(name, apps.get_instance_process(GROUP, NAME, "0", name).start_time) for name in names_of]

    ((first, first_start),) = running()
    apps.restart(GROUP, NAME, synchronous=True)
    ((second, second_start),) = running()
    assert first != second
    assert first_start < second_start
    apps.restart(GROUP, NAME)
    assert running() == [(second, second_start)]
    sandbox.advance(5)
    ((third, _),) = running()
    assert third not in (first, second)
    apps.restart(GROUP, NAME, soft_restart=True, synchronous=True)
    assert [name for name, _ in running()] == [third]
    apps.stop(GROUP, NAME)
    assert running() == []


def test_settings_are_replaced_completely(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().web_apps
    before = apps.list_application_settings(GROUP, NAME)
    assert before.name == "appsettings"
    assert dict(before.properties) == sandbox.state()["sites"][NAME]["appSettings"]
    assert before.properties["FUNCTIONS_WORKER_RUNTIME"] == "powershell"
    apps.update_application_settings(GROUP, NAME, {"properties": {"A": "1"}})
    assert sandbox.state()["sites"][NAME]["appSettings"] == {"A": "1"}
    raw = arm.call("POST", f"{SITE}/config/appsettings/list").json()
    assert set(raw) == {"id", "name", "type", "location", "properties"}


@pytest.mark.usefixtures("arm")
def test_concurrent_read_and_write_of_settings_loses_keys(sandbox: Sandbox) -> None:
    both = threading.Barrier(2)

    def edit(key: str) -> None:
        client = Arm(sandbox).web_client().web_apps
        settings = dict(client.list_application_settings(GROUP, NAME).properties)
        both.wait(10)
        client.update_application_settings(GROUP, NAME, {"properties": {**settings, key: "1"}})

    editors = [threading.Thread(target=edit, args=(key,)) for key in ("FIRST", "SECOND")]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert len({"FIRST", "SECOND"} & set(sandbox.state()["sites"][NAME]["appSettings"])) == 1


def test_setting_that_is_not_text_is_refused_in_app_services_format(arm: Arm) -> None:
    answer = arm.call("PUT", f"{SITE}/config/appsettings", {"properties": {"A": {"b": 1}}})
    assert answer.status_code == 400
    body = answer.json()
    assert list(body) == ["Code", "Message", "Target", "Details", "Innererror"]
    assert body["Details"][2]["ErrorEntity"]["Code"] == body["Code"] == "BadRequest"


def test_configuration_patch_changes_its_properties_and_returns_the_app_id(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().web_apps
    before = sandbox.state()["sites"][NAME]["siteConfig"]
    answer = apps.update_configuration(GROUP, NAME, {"properties": {"alwaysOn": True}})
    assert answer.id == SITE
    assert sandbox.state()["sites"][NAME]["siteConfig"] == {**before, "alwaysOn": True}
    assert apps.get_configuration(GROUP, NAME).always_on is True
    assert apps.get(GROUP, NAME).site_config.always_on is True


def test_source_control_deployments_and_functions_are_listed(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().web_apps
    assert apps.get_source_control(GROUP, NAME).branch == "master"
    assert apps.get_source_control(GROUP, names.OFFLOAD_SITE).branch is None
    deployments = list(apps.list_deployments(GROUP, NAME))
    assert [d.active for d in deployments] == [True, False, False]
    assert deployments[0].start_time < deployments[0].end_time
    assert apps.get_deployment(GROUP, NAME, deployments[0].id.rpartition("/")[2]).author == "alex"
    assert len(sandbox.state()["sites"][NAME]["deployments"]) == len(deployments)
    assert "CIPPTimer" in [f.name.rpartition("/")[2] for f in apps.list_functions(GROUP, NAME)]
    assert apps.list_host_keys(GROUP, NAME).master_key
    apps.sync_function_triggers(GROUP, NAME)


def test_secret_reference_is_resolved_when_the_vault_has_the_secret(arm: Arm) -> None:
    apps = arm.web_client().web_apps
    settings = {
        "Held": f"@Microsoft.KeyVault(VaultName={names.VAULT};SecretName=refreshtoken)",
        "Gone": f"@Microsoft.KeyVault(SecretUri=https://{names.VAULT}.vault.azure.net/secrets/Nothing/)",
        "Elsewhere": "@Microsoft.KeyVault(SecretUri=https://elsewhere.vault.azure.net/secrets/x)",
        "Plain": "x",
    }
    apps.update_application_settings(GROUP, NAME, {"properties": settings})
    found = {r.name: r.status for r in apps.get_app_settings_key_vault_references(GROUP, NAME)}
    assert found == {"Held": "Resolved", "Gone": "SecretNotFound", "Elsewhere": "VaultNotFound"}


def test_app_is_created_and_changed(arm: Arm, sandbox: Sandbox) -> None:
    plan = f"{WEB}/serverfarms/cipp-srv-abc12"
    made = arm.call(
        "PUT",
        f"{WEB}/sites/cippabc12-standards",
        {"location": "West Europe", "kind": "functionapp", "properties": {"serverFarmId": plan}},
    )
    assert made.status_code == 200
    assert "cippabc12-standards" in sandbox.state()["sites"]
    changed = arm.call("PATCH", SITE, {"properties": {"httpsOnly": False}, "tags": {"a": "b"}})
    assert changed.json()["properties"]["httpsOnly"] is False
    assert arm.get(SITE)["tags"] == {"a": "b"}


def test_unknown_app_is_a_resource_not_found_error(arm: Arm) -> None:
    with pytest.raises(ResourceNotFoundError, match="was not found"):
        arm.web_client().web_apps.restart(GROUP, "nope")
