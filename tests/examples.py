"""`make examples`: write an example response of each endpoint, from the sandbox, and `test.http`."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import function_app
from sandbox import names
from settings.http.routes import Route, all_routes
from tests.support.api import AMBIENT, QUICK, Answer, Api
from tests.support.http_file import address_of, text_of
from tests.support.rotation.others import Others
from tests.support.sandbox.arm import WEB, Arm
from tests.support.sandbox_client import Sandbox
from tests.support.sign_in import Person

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "settings" / "openapi" / "examples.json"
REQUESTS = ROOT / "test.http"
FORK = "https://github.com/contosomsp/CIPP-API"
MOST = 2  # objects of a list, so that an example stays readable
Json = Any  # any JSON value
Body = dict[str, Json]


def ask(azure: Sandbox, route: Route) -> Answer:
    """Send an endpoint's example to a new sandbox that contains everything the example names."""
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    body = prepared(azure, route)
    if route.body:
        return Api().post(route.path, body)
    return Api().get(address_of(route))


def prepared(azure: Sandbox, route: Route) -> Body:
    """Create what the example names, and return the body. Only a version's ID comes from the sandbox."""
    body = dict(route.shown.example or {})
    return body | PREPARE[route.name](Others(azure)) if route.name in PREPARE else body


def _former(others: Others) -> str:
    """Store a new value, and return the version of the previous one."""
    former = others.vault.call("GET", "/secrets/Example").json()["id"]
    others.store("Example", "a new value")
    return str(former).rpartition("/")[2]


def _connect(others: Others) -> Body:
    """Connect the main app to its fork, as an admin does in the Azure portal."""
    source = {"repoUrl": FORK, "branch": "main", "isManualIntegration": True, "isGitHubAction": False}
    response = Arm(others.azure).call(
        "PUT", f"{WEB}/sites/{names.MAIN_SITE}/sourcecontrols/web", {"properties": source}
    )
    assert response.status_code == 201, response.text
    return {}


def _delete(others: Others) -> Body:
    others.delete("Example")
    return {}


def _start_cipp(others: Others) -> Body:
    """Create the table that CIPP creates when it starts."""
    others.tables.create_table_if_not_exists("Config")
    return {}


def _log(others: Others) -> Body:
    """Write an entry of this app into CIPP's Logbook, as of today."""
    data = {
        "Endpoint": "ExecKeyRotation",
        "UserId": "5a1d0b0c",
        "Role": "superadmin",
        "Address": "203.0.113.7",
        "DryRun": False,
        "Outcome": "done",
        "CorrelationId": "0b0f6c1e-6a2d-4c0c-9f0e-2f1c7f0a9d35",
    }
    row = {"API": "Backend", "Message": "ExecKeyRotation: 4 rotated", "Username": "admin@contoso.com"}
    more = {"Severity": "Info", "Tenant": "None", "TenantID": "None", "LogData": json.dumps(data)}
    others.row("CippLogs", f"{datetime.now(UTC):%Y%m%d}", str(uuid4()), **row, **more)
    return {}


def _in_a_container(others: Others) -> Body:
    """Install CIPP as a container, which has versions of an image."""
    others.azure.reset(propagation_seconds=0, shape="container", start_seconds=0.1)
    return {}


def _sign_in(others: Others) -> Body:
    """Start a sign-in, and let the person sign in."""
    started = Api().post("ExecKeySignInStart", {"Name": "RefreshToken"})
    assert started.status == HTTPStatus.OK, started.text
    Person(others.azure).enter(started.results["UserCode"])
    return {"State": started.results["State"]}


PREPARE: Final[Mapping[str, Callable[[Others], Body]]] = {
    "ListBackendVersions": _in_a_container,
    "ExecBackendVersionSet": _in_a_container,
    "ExecFunctionAppDeploymentSync": _connect,
    "ExecTimeSettings": _start_cipp,
    "ListBackendLog": _log,
    "ListBackendSignIn": _in_a_container,
    "ExecBackendSignInRepair": _in_a_container,
    "ExecKeyVaultSecretRestore": lambda others: {"Version": _former(others)},
    "ExecKeyVaultSecretRecover": _delete,
    "ExecKeySignInFinish": _sign_in,
}

OF_A_CONTAINER: Final = {name for name, prepare in PREPARE.items() if prepare is _in_a_container}


def shortened(value: Json) -> Json:
    """Return an example with shortened lists."""
    if isinstance(value, dict):
        return {name: shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        most = MOST if any(isinstance(inner, dict) for inner in value) else len(value)
        return [shortened(inner) for inner in value[:most]]
    return value


def main() -> int:
    """Write both files."""
    for name in list(os.environ):
        if name.startswith(AMBIENT):
            del os.environ[name]
    routes = all_routes(function_app.PAGES)
    examples: dict[str, Json] = {}
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as azure:
        os.environ.update({**azure.env, **QUICK, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
        for route in routes:
            if route.raw:
                continue
            response = ask(azure, route)
            if response.status != 200:
                sys.stderr.write(f"{route.name} returned {response.status}: {response.text}\n")
                return 1
            examples[route.name] = shortened(response.body)
    EXAMPLES.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    REQUESTS.write_text(text_of(routes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
