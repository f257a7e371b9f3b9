"""An invalid setting CIPP_STORAGE: reads still work, and writes name the setting."""

import pytest

from tests.support.api import Api
from tests.support.sandbox_client import Sandbox


@pytest.mark.parametrize("endpoint", ["ExecBackendURLs", "ListBackend", "ListKeyRotations", "me"])
def test_reads_work_when_the_storage_setting_is_invalid(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint: str
) -> None:
    del azure
    nowhere.setenv("CIPP_STORAGE", "no connection string")
    answer = Api().get(endpoint)
    assert answer.status == 200, answer.text


@pytest.mark.parametrize("uri", ["http://cipp.table.core.windows.net", "https://", "https://[::1", "nonsense"])
def test_invalid_storage_address_denies_custom_roles_only(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, uri: str
) -> None:
    del azure
    nowhere.setenv("CIPP_STORAGE__tableServiceUri", uri)
    for name in ("ListFunctionApps", "me"):
        assert Api().get(name, role="admin").status == 200
    assert Api().get("ListFunctionApps", role="helpers").status == 403
    answer = Api().post("ExecKeyRotation", {})
    assert (answer.status, "storage" in answer.results.lower()) == (500, True)


def test_a_run_is_refused_and_names_the_setting(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_STORAGE", "no connection string")
    before = azure.state()["vaults"]
    answer = Api().post("ExecKeyRotation", {})
    assert (answer.status, "CIPP_STORAGE" in answer.results) == (500, True)
    assert azure.state()["vaults"] == before
