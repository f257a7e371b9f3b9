"""No value of this app's environment comes out: not in a response, a line of the log, or a row of CIPP's Logbook."""

import logging
from typing import Any

import pytest

import function_app
from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.limits import Limits
from settings.routes import all_routes
from tests.api import Api, functions
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox
from tests.test_readme import variables_read

MARK = "PLANTED"
VALUES = ["0.AXoA-PLANTED-refresh-token", "PLANTED secret!", "abc8Q~3fKq.PLANTED_-x~0123456789abcdefg"]
BY_ADDRESS = {"CIPP_STORAGE__tableServiceUri", "AzureWebJobsStorage__tableServiceUri"}
OTHERS = {"AzureFunctionsJobHost__functionTimeout"}
QUICK = {name: "0.5" for name in ("AZURE_READ_TIMEOUT_SECONDS", "AZURE_DEADLINE_SECONDS", "DISCOVERY_TIMEOUT_SECONDS")}
# Called by a person, or changing what a later case needs; what they do is not changed by the environment.
BODIES: dict[str, dict[str, Any]] = {
    "ExecFunctionAppSettings": {"Set": {"A": "1"}},
    "ExecTimeSettings": {"Timezone": "Europe/Amsterdam"},
    "ExecKeyVaultSecretSet": {"Name": "Example", "Value": "x"},
    "ExecKeyVaultSecretRestore": {"Name": "RefreshToken", "Version": "x"},
    "ExecKeyVaultSecretRecover": {"Name": "Example"},
    "ExecStaticWebAppDomainAdd": {"Domain": "new.contosomsp.com"},
    "ExecStaticWebAppDomainRemove": {"Domain": "cipp.contosomsp.com"},
    "ExecStaticWebAppUserInvite": {"UserDetails": "alex@contosomsp.com", "Roles": ["editor"], "Hours": 1},
    "ExecStaticWebAppUserRoles": {"UserId": "x", "Provider": "aad", "Roles": ["editor"]},
    "ExecStaticWebAppUserRemove": {"UserId": "x", "Provider": "aad"},
    "ExecKeyProof": {},
}


def everything(api: Api) -> list[str]:
    """Call every endpoint, a POST as a dry run, and both timers."""
    told = []
    for route in all_routes(function_app.PAGES):
        if route.method == "GET":
            told.append(api.get(route.path).text)
            continue
        body = BODIES.get(route.name, {})
        dry_run = {"DryRun": True} if route.name not in ("ExecKeyProof",) else {}
        told.append(api.post(route.path, {**body, **dry_run}).text)
    for timer in ("weeklykeyrotation", "keyrotationcatchup"):
        try:
            functions()[timer].get_user_function()(None)
        except Exception as error:  # noqa: BLE001 - a timer that fails tells the host by what it raises
            told.append(str(error))
    return told


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("variable", sorted(variables_read() | BY_ADDRESS | OTHERS))
def test_a_value_of_the_environment_comes_out_nowhere(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, given in {**QUICK, variable: value}.items():
        nowhere.setenv(name, given)
    if variable == "AzureWebJobsStorage__tableServiceUri":
        nowhere.delenv("AzureWebJobsStorage")
    told = everything(Api())
    told += [str(row) for row in Others(azure).rows("CippLogs", record=True)]
    found = [text[max(text.index(MARK) - 300, 0) :][:600] for text in (*told, caplog.text) if MARK in text]
    assert found == []
