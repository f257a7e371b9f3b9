"""CIPP's storage without a key: this app's identity opens it if it has the role."""

import pytest
from azure.core.credentials import AccessToken
from azure.data.tables import TableServiceClient

from sandbox import names
from tests.support.admin import Admin
from tests.support.api import Api
from tests.support.rotation.others import Others
from tests.support.sandbox.vault_calls import identity_token
from tests.support.sandbox_client import Sandbox

ADDRESS = f"https://{names.STORAGE_ACCOUNT}.table.core.windows.net"
ROLE = "Storage Table Data Contributor"
SETTINGS = ["CIPP_STORAGE__tableServiceUri", "AzureWebJobsStorage__tableServiceUri"]


class Identity:
    """This app's identity, with which the test itself reads the tables."""

    def __init__(self, azure: Sandbox) -> None:
        self._token = identity_token(azure, "https://storage.azure.com")

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._token, 2_000_000_000)


@pytest.fixture(params=SETTINGS)
def by_identity(azure: Sandbox, nowhere: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Api:
    """The API with CIPP's storage by address alone."""
    azure.reset(propagation_seconds=0, direct_tenants=0)
    nowhere.delenv("AzureWebJobsStorage")
    nowhere.setenv(request.param, ADDRESS)
    return Api()


@pytest.fixture
def tables(azure: Sandbox, by_identity: Api) -> TableServiceClient:
    """What the storage account holds; the role is given."""
    del by_identity
    Admin(azure).give_role(ROLE, names.RESOURCE_GROUP_ID)
    return TableServiceClient(ADDRESS, credential=Identity(azure))


def test_run_locks_and_logs_in_storage_by_identity(
    azure: Sandbox, by_identity: Api, tables: TableServiceClient
) -> None:
    Others(azure).clear_tables()
    answer = by_identity.post("ExecKeyRotation", {})
    assert answer.status == 200, answer.text
    assert {key["Outcome"] for key in answer.results["Keys"]} == {"rotated"}
    made = {table.name for table in tables.list_tables()}
    assert {"CippBackendLocks", "CippBackendRuns", "CippBackendKeys", "CippLogs"} <= made
    assert by_identity.get("ListKeyRotations").results["Runs"][0]["Rotated"] == len(answer.results["Keys"])
    lines = [row["Message"] for row in tables.get_table_client("CippLogs").list_entities()]
    assert any("ApplicationSecret" in line for line in lines)


def test_rotation_without_the_table_role_changes_nothing_and_names_the_right(azure: Sandbox, by_identity: Api) -> None:
    before = azure.state()["vaults"][names.VAULT]["secrets"]
    answer = by_identity.post("ExecKeyRotation", {})
    assert answer.status == 500
    assert answer.body["azureCode"] == "AuthorizationPermissionMismatch"
    assert ROLE in answer.results
    assert "ListBackendRights" in answer.results
    assert azure.state()["vaults"][names.VAULT]["secrets"] == before
    assert ROLE in by_identity.get("ListBackendRights").text


def test_a_dry_run_works_without_the_role(by_identity: Api) -> None:
    assert by_identity.post("ExecKeyRotation", {"DryRun": True}).status == 200
