"""No secret leaves: planted values are searched in every answer and in every line of the log, at its loudest."""

import json
import logging
import pickle
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

import function_app
from backend.entra import SamApp
from backend.values import SecretText
from settings.log import CHATTERING
from settings.routes import all_routes
from tests.api import Api, functions
from tests.rotation.others import Others
from tests.sandbox.arm import GROUP, Arm
from tests.sandbox.vault_calls import Vault, identity_token
from tests.sandbox_client import Sandbox

TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]{6,}")  # a JWT: header, claims
PLANTED = f"planted-{secrets.token_hex(12)}"
NOT_SECRET = ("ApplicationID", "TenantID")
HOSTS = ("management.azure.com", "*.vault.azure.net", "login.microsoftonline.com", "graph.microsoft.com")
TROUBLES: list[dict[str, object]] = [
    *[{"host": host, "mode": "refuse", "status": 403, "times": 0} for host in HOSTS],
    *[{"host": host, "mode": "drop-after", "times": 0} for host in HOSTS],
    {"host": "*.vault.azure.net", "method": "PUT", "mode": "refuse", "status": 500, "times": 0},
    {"host": "*.vault.azure.net", "path": "/secrets/[^/]+/$", "mode": "hang", "times": 0},
    {"path": "/msi/token", "mode": "refuse", "status": 400, "times": 0},
    {"path": "addPassword", "mode": "drop-after", "times": 0},
]
BODIES: list[dict[str, Any]] = [{"DryRun": True}, {"Force": True}, {"Names": ["planted"]}, {"Name": "x"}]


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(value.values()))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def secrets_of(azure: Sandbox) -> set[str]:
    """Every secret that the sandbox holds now: in the vault, the app settings, the app registration."""
    state = azure.state()
    found = {
        version["value"]
        for vault in state["vaults"].values()
        for name, versions in vault["secrets"].items()
        for version in versions
        if name not in NOT_SECRET
    }
    for site in state["sites"].values():
        found |= {key for text in texts(site["appSettings"]) for key in re.findall(r"AccountKey=([^;]+)", text)}
    for application in state["applications"].values():
        found |= {password["secretText"] for password in application["passwordCredentials"]}
    return {text for text in found if isinstance(text, str) and len(text) > 8} | {azure.env["IDENTITY_HEADER"]}


def leaks(said: Iterable[str], hidden: set[str]) -> list[str]:
    """What of the hidden stands in what was said."""
    whole = "\n".join(said)
    return [text[:12] for text in hidden if text in whole] + TOKEN.findall(whole)


def at_its_loudest(caplog: pytest.LogCaptureFixture) -> None:
    """Capture every line that this app and the libraries have, the quieted ones, too."""
    caplog.set_level(logging.DEBUG)
    for name in {*CHATTERING, *logging.root.manager.loggerDict}:
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture
def planted(azure: Sandbox) -> Sandbox:
    """The sandbox with secrets planted where the API reads."""
    vault = Vault(azure, azure.web(), identity_token(azure))
    assert vault.call("PUT", "/secrets/planted", {"value": PLANTED}).status_code == 200
    settings = {"properties": {"PLANTED": PLANTED, "AzureWebJobsStorage": f"AccountKey={PLANTED};"}}
    path = f"{GROUP}/providers/Microsoft.Web/sites/cippabc12/config/appsettings"
    assert Arm(azure).call("PUT", path, settings).status_code == 200
    return azure


@pytest.fixture
def impatient(nowhere: pytest.MonkeyPatch) -> None:
    """Wait for as little as can be."""
    for name in ("AZURE_READ_TIMEOUT_SECONDS", "AZURE_DEADLINE_SECONDS", "DISCOVERY_TIMEOUT_SECONDS"):
        nowhere.setenv(name, "0.3")
    for name in ("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "KEY_ROTATION_TIME_LIMIT_SECONDS", "RESTART_TIMEOUT_SECONDS"):
        nowhere.setenv(name, "1")


def call_everything(api: Api) -> list[str]:
    """Call every endpoint in many ways; returns all that was answered."""
    said = []
    for route in all_routes(function_app.PAGES):
        bodies = BODIES if route.method == "POST" else [None]
        answers = [api.post(route.path, body) if body is not None else api.get(route.path) for body in bodies]
        said += [f"{answer.text} {answer.headers}" for answer in answers]
    return said


def test_no_answer_and_no_log_line_holds_a_secret_or_a_token(
    planted: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    at_its_loudest(caplog)
    hidden = secrets_of(planted)
    assert PLANTED in hidden
    said = call_everything(Api())
    for timer in ("weeklykeyrotation", "keyrotationcatchup"):
        functions()[timer].get_user_function()(None)
    at_its_loudest(caplog)  # those that were loaded by now
    said += call_everything(Api())
    said += [str(row) for row in Others(planted).rows("CippLogs", record=True)]
    made = secrets_of(planted) - hidden
    assert len(made) >= 5  # the rotation stored new keys, which are secrets as well
    hidden |= made
    assert leaks([*said, caplog.text, *capfd.readouterr()], hidden) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: " ".join(str(value) for value in trouble.values()))
def test_no_failure_tells_a_secret_or_a_token(
    planted: Sandbox, caplog: pytest.LogCaptureFixture, trouble: dict[str, object]
) -> None:
    at_its_loudest(caplog)
    planted.faults([trouble])
    api = Api()
    said = [api.post("ExecKeyRotation", {"Force": True}).text]
    said += [api.get(name).text for name in ("ExecBackendURLs", "ListFunctionApps", "ListKeyVaultSecrets")]
    assert leaks([*said, caplog.text], secrets_of(planted)) == []


def test_a_secret_that_a_caller_sends_in_a_wrong_place_is_not_logged(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    at_its_loudest(caplog)
    Api().post("ExecKeyRotation", {"Force": PLANTED}, authorization=f"Bearer {PLANTED}")
    assert PLANTED not in caplog.text


def test_a_secrets_text_shows_nowhere_but_where_it_is_asked_for() -> None:
    text = SecretText(PLANTED)
    shown = [repr(text), str(text), f"{text}", f"{text:>40}", f"{text!r}", "{}".format(text), "%s %r" % (text, text)]  # noqa: UP031, UP032 - every way to show a value
    assert not any(PLANTED in way for way in [*shown, repr([text]), repr(SamApp("app", "tenant", text))])
    for export in (pickle.dumps, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError):
            export(text)
    assert text.reveal() == PLANTED
