"""The vault, through the real client."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from tests.support.sandbox_client import Sandbox

EXPIRES = datetime(2050, 2, 2, 8, tzinfo=UTC)
GONE = r"A secret with \(name/id\) {} was not found in this key vault\. If you recently deleted this secret"


@pytest.fixture
def client(azure: Sandbox) -> Iterator[SecretClient]:
    url = azure.env["SANDBOX_VAULT_URL"]
    with ManagedIdentityCredential() as credential, SecretClient(url, credential) as client:
        yield client


def test_seeded_secrets_are_those_of_cipp(azure: Sandbox, client: SecretClient) -> None:
    stored = azure.state()["vaults"]["cippabc12"]["secrets"]
    assert {"ApplicationID", "ApplicationSecret", "TenantID", "RefreshToken"} < set(stored)
    assert len(stored) == 7
    assert {p.name for p in client.list_properties_of_secrets()} == set(stored)
    for name, versions in stored.items():
        assert client.get_secret(name).value == versions[-1]["value"]


def test_secret_is_returned_with_all_its_attributes(azure: Sandbox, client: SecretClient) -> None:
    stored = client.set_secret(
        "new", "värde", content_type="text/plain", tags={"a": "1"}, expires_on=EXPIRES, not_before=EXPIRES, enabled=True
    )
    read = client.get_secret("new")
    assert read.value == "värde"
    assert (read.properties.content_type, read.properties.tags) == ("text/plain", {"a": "1"})
    assert (read.properties.expires_on, read.properties.not_before) == (EXPIRES, EXPIRES)
    assert (read.properties.recovery_level, read.properties.recoverable_days) == ("Recoverable+Purgeable", 90)
    assert read.properties.version == stored.properties.version
    assert read.properties.previous_version is None
    (version,) = azure.state()["vaults"]["cippabc12"]["secrets"]["new"]
    assert version["version"] == stored.properties.version
    assert (version["expires"], version["contentType"]) == ("2050-02-02T08:00:00Z", "text/plain")


def test_all_versions_are_kept_and_the_newest_is_returned(client: SecretClient) -> None:
    versions = [client.set_secret("many", str(number)).properties.version for number in range(4)]
    assert client.get_secret("many").value == "3"
    assert [client.get_secret("many", version).value for version in versions] == ["0", "1", "2", "3"]
    with pytest.raises(ResourceNotFoundError, match=GONE.format("many/" + "0" * 32)):
        client.get_secret("many", "0" * 32)


def test_versions_are_listed_by_id_not_by_age(client: SecretClient) -> None:
    made = [client.set_secret("many", "v").properties.version or "" for _ in range(6)]
    assert [p.version for p in client.list_properties_of_secret_versions("many")] == sorted(made)
    assert list(client.list_properties_of_secret_versions("never-was")) == []


def test_names_are_case_insensitive_and_keep_the_first_case(azure: Sandbox, client: SecretClient) -> None:
    client.set_secret("CamelCase", "1")
    again = client.set_secret("CAMELCASE", "2")
    assert again.name == "CamelCase"
    assert client.get_secret("camelcase").value == "2"
    stored = azure.state()["vaults"]["cippabc12"]["secrets"]
    assert [v["value"] for v in stored["CamelCase"]] == ["1", "2"]
    assert "CAMELCASE" not in stored


def test_update_changes_only_the_given_attributes(azure: Sandbox, client: SecretClient) -> None:
    first = client.set_secret("kept", "v", content_type="text/plain", tags={"a": "1"}, expires_on=EXPIRES)
    azure.advance(5)
    updated = client.update_secret_properties("kept", tags={"b": "2"})
    assert updated.tags == {"b": "2"}
    assert (updated.content_type, updated.expires_on, updated.enabled) == ("text/plain", EXPIRES, True)
    assert updated.version == first.properties.version
    assert updated.created_on == first.properties.created_on
    assert updated.updated_on is not None
    assert first.properties.updated_on is not None
    assert updated.updated_on - first.properties.updated_on >= timedelta(seconds=5)
    assert client.update_secret_properties("kept", tags={}).tags is None


def test_value_of_a_disabled_version_cannot_be_read(client: SecretClient) -> None:
    version = client.set_secret("off", "v").properties.version
    client.update_secret_properties("off", enabled=False)
    for wanted in (None, version):
        with pytest.raises(HttpResponseError, match="Operation get is not allowed on a disabled secret") as refused:
            client.get_secret("off", wanted)
        assert refused.value.status_code == 403
        assert refused.value.error is not None
        assert refused.value.error.innererror == {"code": "SecretDisabled"}
    assert [p.enabled for p in client.list_properties_of_secrets() if p.name == "off"] == [False]


def test_deleted_name_is_in_use_until_it_is_recovered(client: SecretClient) -> None:
    client.set_secret("Gone", "v")
    deleted = client.begin_delete_secret("gone").result()
    assert deleted.name == "Gone"
    assert deleted.deleted_date is not None
    assert deleted.scheduled_purge_date == deleted.deleted_date + timedelta(days=90)
    with pytest.raises(ResourceExistsError, match="Secret Gone is currently in a deleted but recoverable state"):
        client.set_secret("GONE", "w")
    for call in (client.get_secret, client.begin_delete_secret):
        with pytest.raises(ResourceNotFoundError, match=GONE.format("Gone")):
            call("Gone")
    client.begin_recover_deleted_secret("gone").wait()
    assert client.get_secret("Gone").value == "v"
    with pytest.raises(ResourceNotFoundError, match="Deleted Secret not found: gone"):
        client.get_deleted_secret("gone")


def test_name_of_a_purged_secret_can_be_reused(azure: Sandbox, client: SecretClient) -> None:
    client.set_secret("gone", "v")
    client.begin_delete_secret("gone").wait()
    assert list(azure.state()["vaults"]["cippabc12"]["deleted"]) == ["gone"]
    client.purge_deleted_secret("gone")
    with pytest.raises(ResourceNotFoundError, match=GONE.format("gone")):
        client.purge_deleted_secret("gone")
    assert client.set_secret("Gone", "w").name == "Gone"


def test_deleted_secret_is_purged_after_its_retention(azure: Sandbox, client: SecretClient) -> None:
    client.set_secret("gone", "v")
    client.begin_delete_secret("gone").wait()
    azure.advance(timedelta(days=89, hours=23).total_seconds())
    assert [d.name for d in client.list_deleted_secrets()] == ["gone"]
    azure.advance(timedelta(hours=2).total_seconds())
    assert list(client.list_deleted_secrets()) == []
    assert azure.state()["vaults"]["cippabc12"]["deleted"] == {}


def test_backup_restores_all_versions_to_an_unused_name(client: SecretClient) -> None:
    versions = [client.set_secret("saved", value, tags={"n": value}).properties.version for value in ("1", "2")]
    blob = client.backup_secret("saved")
    with pytest.raises(ResourceExistsError, match=r"conflict restoring the secret .*/secrets/saved/[0-9a-f]{32}'\."):
        client.restore_secret_backup(blob)
    client.begin_delete_secret("saved").wait()
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        client.restore_secret_backup(blob)
    client.purge_deleted_secret("saved")
    assert client.restore_secret_backup(blob).version == versions[-1]
    assert [client.get_secret("saved", version).value for version in versions] == ["1", "2"]
    with pytest.raises(HttpResponseError, match="Backup blob contains invalid or corrupt version"):
        client.restore_secret_backup(b"not a backup")


def test_unknown_secret_is_not_found(client: SecretClient) -> None:
    for call in (client.get_secret, client.begin_delete_secret, client.backup_secret, client.update_secret_properties):
        with pytest.raises(ResourceNotFoundError, match=GONE.format("none")):
            call("none")
    with pytest.raises(ResourceNotFoundError, match="Deleted Secret not found: none"):
        client.get_deleted_secret("none")
    for act in (client.begin_recover_deleted_secret, client.purge_deleted_secret):
        with pytest.raises(ResourceNotFoundError, match=GONE.format("none")):
            act("none")
