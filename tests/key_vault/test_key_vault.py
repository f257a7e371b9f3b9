"""The vault's secrets as the API lists them, with the current version and without values."""

import re
import time
from datetime import datetime

import pytest

from sandbox import names
from tests.support.api import Api
from tests.support.sandbox.vault_calls import Vault, identity_token
from tests.support.sandbox_client import Sandbox

FIELDS = {"Name", "Version", "Enabled", "Created", "Updated", "Expires", "ContentType", "RotatedBy"}
HOST = "cippabc12.vault.azure.net"


@pytest.fixture
def vault(azure: Sandbox) -> Vault:
    """The vault as other apps use it."""
    return Vault(azure, azure.web(), identity_token(azure))


def store(vault: Vault, name: str, value: str = "v", **attributes: object) -> str:
    """Store a version, and return its ID."""
    body = {"value": value, "attributes": attributes}
    answer = vault.call("PUT", f"/secrets/{name}", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"]).rpartition("/")[2]


def listed(api: Api, name: str) -> dict[str, object]:
    found: list[dict[str, object]] = [one for one in api.get("ListKeyVaultSecrets").results if one["Name"] == name]
    assert len(found) == 1
    return found[0]


def test_each_secret_is_listed_with_its_current_version_and_without_a_value(api: Api, azure: Sandbox) -> None:
    answer = api.get("ListKeyVaultSecrets")
    stored = azure.state()["vaults"]["cippabc12"]["secrets"]
    assert [one["Name"] for one in answer.results] == sorted(stored, key=str.lower)
    for one in answer.results:
        assert set(one) == FIELDS
        assert one["Version"] == stored[one["Name"]][-1]["version"]
        assert stored[one["Name"]][-1]["value"] not in answer.text
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["Created"])


def test_tags_type_and_expiry_are_returned(api: Api, vault: Vault) -> None:
    body = {
        "value": "v",
        "contentType": "text/plain",
        "tags": {"rotated-by": "me"},
        "attributes": {"exp": 2_000_000_000},
    }
    assert vault.call("PUT", "/secrets/one", body).status_code == 200
    one = listed(api, "one")
    assert one | {"Version": 0, "Created": 0, "Updated": 0} == {
        "Name": "one",
        "Version": 0,
        "Enabled": True,
        "Created": 0,
        "Updated": 0,
        "Expires": "2033-05-18T03:33:20Z",
        "ContentType": "text/plain",
        "RotatedBy": "me",
    }


def test_all_secrets_are_listed_when_they_fill_several_pages(api: Api, vault: Vault) -> None:
    for number in range(20):
        store(vault, f"one-{number:02}")
    listed_names = [one["Name"] for one in api.get("ListKeyVaultSecrets").results]
    assert len(listed_names) == 27
    assert listed_names == sorted(listed_names, key=str.lower)


def test_all_versions_are_read_when_they_fill_several_pages(api: Api, vault: Vault) -> None:
    served = [store(vault, "one", f"v{number}") for number in range(27)][-1]
    assert listed(api, "one")["Version"] == served


def test_current_version_is_listed_when_several_have_the_same_second(api: Api, vault: Vault) -> None:
    _wait_for_a_fresh_second()
    for turn in range(2):
        served = [store(vault, f"one-{turn}", f"v{number}") for number in range(5)][-1]
        assert listed(api, f"one-{turn}")["Version"] == served


def test_a_disabled_secret_is_listed_as_such(api: Api, vault: Vault) -> None:
    served = store(vault, "one", enabled=False)
    assert (listed(api, "one")["Version"], listed(api, "one")["Enabled"]) == (served, False)


def test_a_disabled_version_made_in_the_same_second_as_others_is_listed(api: Api, vault: Vault) -> None:
    _wait_for_a_fresh_second()
    store(vault, "one", "v1")
    store(vault, "one", "v2")
    served = store(vault, "one", "v3", enabled=False)
    assert (listed(api, "one")["Version"], listed(api, "one")["Enabled"]) == (served, False)


def test_a_soft_deleted_secret_is_not_listed(api: Api, vault: Vault) -> None:
    store(vault, "one")
    assert vault.call("DELETE", "/secrets/one").status_code == 200
    assert "one" not in [found["Name"] for found in api.get("ListKeyVaultSecrets").results]


def test_vault_is_the_one_in_the_setting(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "anotherapp1")
    nowhere.setenv("CIPP_KV_NAME", "CIPPabc12")
    assert len(Api().get("ListKeyVaultSecrets").results) == 7
    assert {call["host"] for call in azure.calls() if "vault" in call["host"]} == {HOST}


def test_refusal_by_the_vault_names_the_permission_and_the_command(api: Api, azure: Sandbox) -> None:
    azure.faults([{"host": HOST, "path": "/secrets$", "mode": "refuse", "status": 403, "times": 0}])
    answer = api.get("ListKeyVaultSecrets")
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert "Missing: secrets list" in answer.results
    assert (
        f"az keyvault set-policy --name cippabc12 --object-id {names.BACKEND_PRINCIPAL_ID} --secret-permissions"
        in answer.results
    )


@pytest.mark.compares_times
def test_timeout_of_the_vault_is_waited_for_only_once(
    azure: Sandbox, vault: Vault, nowhere: pytest.MonkeyPatch
) -> None:
    for number in range(18):
        store(vault, f"one-{number:02}")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.5")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.6")
    azure.faults([{"host": HOST, "path": "/versions", "mode": "hang", "times": 0}])
    started = time.monotonic()
    answer = Api().get("ListKeyVaultSecrets")
    assert answer.status == 500
    assert time.monotonic() - started < 1.5
    azure.faults([])


def _wait_for_a_fresh_second() -> None:
    """Wait for the start of a second, so that the following calls have the same second."""
    time.sleep(1.02 - datetime.now().astimezone().microsecond / 1e6)
