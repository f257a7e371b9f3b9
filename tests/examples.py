"""`make examples`: an answer of each endpoint, as the sandbox gives it, and `test.http`."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import function_app
from sandbox import names
from settings.routes import Route, all_routes
from tests.api import AMBIENT, QUICK, Answer, Api
from tests.http_file import address_of, text_of
from tests.rotation.others import Others
from tests.sandbox.arm import WEB, Arm
from tests.sandbox_client import Sandbox

ROOT = Path(__file__).parent.parent
ANSWERS = ROOT / "settings" / "examples.json"
REQUESTS = ROOT / "test.http"
FORK = "https://github.com/contosomsp/CIPP-API"
MOST = 2  # of a list's objects, so that an example can be read
Json = Any  # what JSON may hold
Body = dict[str, Json]


def ask(azure: Sandbox, route: Route) -> Answer:
    """Send an endpoint's example to a new sandbox, in which all is that the example speaks of."""
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    body = prepared(azure, route)
    if route.body:
        return Api().post(route.path, body)
    return Api().get(address_of(route))


def prepared(azure: Sandbox, route: Route) -> Body:
    """Make what the example speaks of; only a version's name is Azure's own."""
    body = dict(route.shown.example or {})
    return body | PREPARE[route.name](Others(azure)) if route.name in PREPARE else body


def _former(others: Others) -> str:
    """Store a newer value; answers the version of the one before."""
    former = others.vault.call("GET", "/secrets/Example").json()["id"]
    others.store("Example", "a new value")
    return str(former).rpartition("/")[2]


def _connect(others: Others) -> Body:
    """Connect the main app to its fork, as an admin does in the portal."""
    source = {"repoUrl": FORK, "branch": "main", "isManualIntegration": True, "isGitHubAction": False}
    answer = Arm(others.azure).call("PUT", f"{WEB}/sites/{names.MAIN_SITE}/sourcecontrols/web", {"properties": source})
    assert answer.status_code == 201, answer.text
    return {}


def _delete(others: Others) -> Body:
    others.delete("Example")
    return {}


def _start_cipp(others: Others) -> Body:
    """Make the table that CIPP makes when it starts."""
    others.tables.create_table_if_not_exists("Config")
    return {}


PREPARE: Final[Mapping[str, Callable[[Others], Body]]] = {
    "ExecFunctionAppDeploymentSync": _connect,
    "ExecTimeSettings": _start_cipp,
    "ExecKeyVaultSecretRestore": lambda others: {"Version": _former(others)},
    "ExecKeyVaultSecretRecover": _delete,
}


def shortened(value: Json) -> Json:
    """Leave out what makes an example long."""
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
    answers: dict[str, Json] = {}
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as azure:
        os.environ.update({**azure.env, **QUICK, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
        for route in routes:
            if route.raw:
                continue
            answer = ask(azure, route)
            if answer.status != 200:
                sys.stderr.write(f"{route.name} answers {answer.status}: {answer.text}\n")
                return 1
            answers[route.name] = shortened(answer.body)
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    REQUESTS.write_text(text_of(routes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
