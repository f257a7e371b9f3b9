"""Deletion of an app, its plan and its storage account in the sandbox."""

from tests.support.admin import Admin
from tests.support.sandbox.deployments import OWN_GROUP
from tests.support.sandbox.installed_app import APP, FUNCTIONS, installed
from tests.support.sandbox_client import Sandbox


def delete(admin: Admin, kind: str, name: str, version: str) -> int:
    url = f"https://management.azure.com{OWN_GROUP}/providers/{kind}/{name}?api-version={version}"
    return admin.web.delete(url).status_code


def test_app_plan_and_storage_are_deleted_once(azure: Sandbox) -> None:
    admin = installed(azure, FUNCTIONS, lockGroup=False).deployments.admin
    listed = admin.call("GET", f"{OWN_GROUP}/resources", "2021-04-01")["value"]
    (account,) = [one["name"] for one in listed if one["type"] == "Microsoft.Storage/storageAccounts"]
    assert delete(admin, "Microsoft.Web/serverfarms", f"{APP}-plan", "2024-04-01") == 409  # the app is on it
    storage = ("Microsoft.Storage/storageAccounts", account, "2023-05-01")
    assert [delete(admin, *storage) for _ in range(2)] == [200, 204]
    site = ("Microsoft.Web/sites", APP, "2024-04-01")
    assert [delete(admin, *site) for _ in range(2)] == [200, 204]
    assert delete(admin, "Microsoft.Web/serverfarms", f"{APP}-plan", "2024-04-01") == 204
    kinds = {one["type"] for one in admin.call("GET", f"{OWN_GROUP}/resources", "2021-04-01")["value"]}
    assert not kinds & {"Microsoft.Web/sites", "Microsoft.Web/serverfarms", "Microsoft.Storage/storageAccounts"}
    assert delete(admin, "Microsoft.Web/sites", "cippabc12", "2024-04-01") == 204  # it is in another group
    assert "cippabc12" in azure.state()["sites"]
