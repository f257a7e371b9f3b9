"""What Resource Manager has for a container alone: references of settings, host names and their certificates."""

from typing import Any

import pytest

from sandbox import names
from tests.support.sandbox.arm import SITE, WEB, Arm
from tests.support.sandbox.vault_calls import VAULT, identity_token
from tests.support.sandbox_client import Sandbox

REFERENCES = f"{SITE}/config/configreferences/appsettings"
HOST = "cipp.example.com"
BINDING = f"{SITE}/hostNameBindings/{HOST}"
CERTIFICATE = f"{WEB}/certificates/{HOST}-{names.MAIN_SITE}"
REQUEST = {
    "location": "West Europe",
    "properties": {"canonicalName": HOST, "serverFarmId": f"{WEB}/serverfarms/{names.CONTAINER_PLAN}"},
}


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset(shape="container")
    return Arm(sandbox)


def reference(arm: Arm) -> dict[str, Any]:
    found: dict[str, Any] = arm.get(f"{REFERENCES}/AUTH_SECRET", version="2024-04-01")["properties"]
    return found


def version_of(arm: Arm, value: str) -> str:
    """Store SSOAppSecret and return the version."""
    headers = {"Authorization": f"Bearer {identity_token(arm.sandbox)}"}
    url = f"{VAULT}/secrets/SSOAppSecret?api-version=7.4"
    stored = arm.web.put(url, json={"value": value}, headers=headers)
    version: str = stored.json()["id"].rpartition("/")[2]
    return version


def bind(arm: Arm, host: str = HOST, record: str | None = "CName") -> Any:  # noqa: ANN401 - what JSON may hold
    body = {"properties": {} if record is None else {"customHostNameDnsRecordType": record}}
    return arm.call("PUT", f"{SITE}/hostNameBindings/{host}", body)


def test_reference_keeps_its_version_until_it_is_refreshed(arm: Arm) -> None:
    first = reference(arm)
    assert (first["status"], first["vaultName"], first["secretName"]) == ("Resolved", "cippabc12", "SSOAppSecret")
    stored = version_of(arm, "another")
    arm.call("POST", f"{SITE}/restart")
    assert reference(arm)["activeVersion"] == first["activeVersion"] != stored
    refreshed = arm.call("POST", f"{REFERENCES}/refresh", version="2022-03-01")
    assert refreshed.json()["value"][0]["properties"]["activeVersion"] == stored
    later = version_of(arm, "a third")
    assert reference(arm)["activeVersion"] == stored
    arm.sandbox.advance(86_400)
    assert reference(arm)["activeVersion"] == later


def test_unknown_reference_returns_404(arm: Arm) -> None:
    assert arm.call("GET", f"{REFERENCES}/AzureWebJobsStorage").status_code == 404


def test_reference_shows_a_vault_that_denies_the_container(arm: Arm) -> None:
    policies = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}/accessPolicies/remove"
    policy = {"objectId": names.CONTAINER_PRINCIPAL_ID, "permissions": {"secrets": ["all"]}}
    body = {"properties": {"accessPolicies": [policy]}}
    assert arm.call("PUT", policies, body, version="2023-07-01").status_code == 200
    assert reference(arm)["status"] == "Resolved"  # App Service keeps what it read
    assert arm.call("POST", f"{REFERENCES}/refresh", version="2022-03-01").ok
    assert reference(arm)["status"] == "AccessToKeyVaultDenied"


def test_host_name_is_bound_secured_and_removed(arm: Arm) -> None:
    assert bind(arm).status_code == 200
    shown = arm.get(SITE)["properties"]
    assert shown["hostNames"] == [f"{names.MAIN_SITE}.azurewebsites.net", HOST]
    assert arm.call("PUT", CERTIFICATE, REQUEST).status_code == 202
    assert arm.get(CERTIFICATE)["properties"]["thumbprint"] is None
    assert arm.call("PUT", CERTIFICATE, REQUEST).status_code == 409
    arm.sandbox.advance(60)
    thumbprint = arm.get(f"{WEB}/certificates")["value"][0]["properties"]["thumbprint"]
    secured = {"properties": {"sslState": "SniEnabled", "thumbprint": thumbprint, "toUpdate": True}}
    assert arm.call("PUT", BINDING, secured).status_code == 200
    assert arm.get(BINDING)["properties"]["sslState"] == "SniEnabled"
    states = {one["name"]: one for one in arm.get(SITE)["properties"]["hostNameSslStates"]}
    assert (states[HOST]["sslState"], states[HOST]["thumbprint"]) == ("SniEnabled", thumbprint)
    assert arm.call("DELETE", CERTIFICATE).status_code == 409
    assert [arm.call("DELETE", BINDING).status_code for _ in range(2)] == [200, 204]
    assert [arm.call("DELETE", CERTIFICATE).status_code for _ in range(2)] == [200, 204]


@pytest.mark.parametrize(
    ("host", "record", "word"),
    [
        (HOST, None, "asuid.cipp.example.com"),
        ("stray.example.com", "CName", "asuid.stray.example.com"),
        ("cipp.example.invalid", "CName", "CNAME record"),
        ("cipp.example.invalid", "A", "A record"),
        ("other.azurewebsites.net", "CName", "invalid"),
    ],
)
def test_host_name_without_its_records_is_refused(arm: Arm, host: str, record: str | None, word: str) -> None:
    refused = bind(arm, host, record)
    assert refused.status_code == 400
    assert word in refused.json()["Message"]


def test_host_name_of_another_site_is_a_conflict(arm: Arm) -> None:
    other = f"{WEB}/sites/{names.BACKEND_SITE}/hostNameBindings/{HOST}"
    assert arm.call("PUT", other, {"properties": {"customHostNameDnsRecordType": "CName"}}).status_code == 200
    assert bind(arm).status_code == 409


def test_certificate_needs_a_bound_host_name(arm: Arm) -> None:
    assert "requires hostname" in arm.call("PUT", CERTIFICATE, REQUEST).json()["Message"]


def test_unbound_thumbprint_is_not_found(arm: Arm) -> None:
    bind(arm)
    secured = {"properties": {"sslState": "SniEnabled", "thumbprint": "0" * 40}}
    assert arm.call("PUT", BINDING, secured).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{SITE}/restart", None),
        ("PUT", f"{SITE}/config/appsettings", {"properties": {"A": "1"}}),
        ("PATCH", f"{SITE}/config/web", {"properties": {"linuxFxVersion": "DOCKER|ghcr.io/cyberdrain/cipp:dev"}}),
    ],
)
def test_change_of_the_container_restarts_it(arm: Arm, method: str, path: str, body: object) -> None:
    def instances() -> list[str]:
        return [one["name"] for one in arm.get(f"{SITE}/instances")["value"]]

    before = instances()
    assert arm.call(method, path, body).status_code == 200
    (name,) = instances()
    assert [name] != before
    assert arm.get(f"{SITE}/instances/{name}/processes")["value"] == []
    assert arm.call("GET", f"{SITE}/instances/{name}/processes/0").status_code == 404


def test_processes_can_be_shown(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", unknowns=["U1"])
    arm = Arm(sandbox)
    (instance,) = arm.get(f"{SITE}/instances")["value"]
    assert arm.get(f"{SITE}/instances/{instance['name']}/processes/0")["properties"]["start_time"]


def test_restart_can_read_references_again(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", unknowns=["U2"])
    arm = Arm(sandbox)
    before = reference(arm)["activeVersion"]
    stored = version_of(arm, "another")
    assert reference(arm)["activeVersion"] == before
    arm.call("POST", f"{SITE}/restart")
    assert reference(arm)["activeVersion"] == stored


def test_change_of_the_image_can_wait_for_a_start(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", unknowns=["U3"])
    arm, image = Arm(sandbox), {"properties": {"linuxFxVersion": "DOCKER|ghcr.io/cyberdrain/cipp:10.8.4"}}
    assert arm.call("PATCH", f"{SITE}/config/web", image).status_code == 200
    assert sandbox.state()["cipp"][0]["version"] == "10.8.5"
    arm.call("POST", f"{SITE}/restart")
    assert sandbox.state()["cipp"][0]["version"] == "10.8.4"


def test_default_host_name_can_have_a_hash_and_a_region(sandbox: Sandbox) -> None:
    state = sandbox.reset(shape="container", unknowns=["U13"])
    host = Arm(sandbox).get(SITE)["properties"]["defaultHostName"]
    assert host == f"{names.MAIN_SITE}-c4f2h7bxd9e5a8g3.westeurope-01.azurewebsites.net"
    assert sandbox.web().get(f"https://{host}/version.json").json()["version"] == "10.8.5"
    assert sandbox.web().get(f"https://{names.MAIN_SITE}.azurewebsites.net/version.json").status_code == 501
    assert set(state["sites"]) == {names.MAIN_SITE, names.BACKEND_SITE}
