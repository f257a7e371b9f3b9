"""Secrets are never shown: no response and no log line at any level contains a planted value."""

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
from backend.credentials.changes import NewValue
from backend.sam_app.sign_in import SamApp
from backend.values import SecretText
from settings.audit.log_lines import NOISY_LIBRARIES
from settings.http.routes import all_routes
from tests.support.api import Api, functions
from tests.support.rotation.others import Others
from tests.support.sandbox.arm import GROUP, Arm
from tests.support.sandbox.vault_calls import Vault, identity_token
from tests.support.sandbox_client import Sandbox

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
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(value.values()))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def secrets_of(azure: Sandbox) -> set[str]:
    """Return all secrets of the sandbox: in the vault, the app settings and the app registration."""
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


def leaks(texts: Iterable[str], hidden: set[str]) -> list[str]:
    """Return the beginnings of the hidden values, and all tokens, that the texts contain."""
    whole = "\n".join(texts)
    return [text[:12] for text in hidden if text in whole] + TOKEN.findall(whole)


def at_its_loudest(caplog: pytest.LogCaptureFixture) -> None:
    """Capture all log lines of this app and the libraries, including those that are normally suppressed."""
    caplog.set_level(logging.DEBUG)
    for name in {*NOISY_LIBRARIES, *logging.root.manager.loggerDict}:
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture
def planted(azure: Sandbox) -> Sandbox:
    """The sandbox with planted secrets in places that the API reads."""
    vault = Vault(azure, azure.web(), identity_token(azure))
    assert vault.call("PUT", "/secrets/planted", {"value": PLANTED}).status_code == 200
    settings = {"properties": {"PLANTED": PLANTED, "AzureWebJobsStorage": f"AccountKey={PLANTED};"}}
    path = f"{GROUP}/providers/Microsoft.Web/sites/cippabc12/config/appsettings"
    assert Arm(azure).call("PUT", path, settings).status_code == 200
    return azure


@pytest.fixture
def impatient(nowhere: pytest.MonkeyPatch) -> None:
    """Use the shortest possible time limits."""
    for name in ("AZURE_READ_TIMEOUT_SECONDS", "AZURE_DEADLINE_SECONDS", "DISCOVERY_TIMEOUT_SECONDS"):
        nowhere.setenv(name, "0.3")
    for name in ("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "KEY_ROTATION_TIME_LIMIT_SECONDS", "RESTART_TIMEOUT_SECONDS"):
        nowhere.setenv(name, "1")


def call_everything(api: Api) -> list[str]:
    """Call every endpoint in many ways, and return all responses."""
    outputs = []
    for route in all_routes(function_app.PAGES):
        bodies = BODIES if route.method == "POST" else [None]
        responses = [api.post(route.path, body) if body is not None else api.get(route.path) for body in bodies]
        outputs += [f"{response.text} {response.headers}" for response in responses]
    return outputs


def test_responses_and_log_lines_contain_no_secret_or_token(
    planted: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    at_its_loudest(caplog)
    hidden = secrets_of(planted)
    assert PLANTED in hidden
    outputs = call_everything(Api())
    for timer in ("weeklykeyrotation", "keyrotationcatchup"):
        functions()[timer].get_user_function()(None)
    at_its_loudest(caplog)  # also the loggers that exist only now
    outputs += call_everything(Api())
    outputs += [str(row) for row in Others(planted).rows("CippLogs", record=True)]
    made = secrets_of(planted) - hidden
    assert len(made) >= 5  # the rotation stored new keys, which are also secrets
    hidden |= made
    assert leaks([*outputs, caplog.text, *capfd.readouterr()], hidden) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: " ".join(str(value) for value in trouble.values()))
def test_errors_contain_no_secret_or_token(
    planted: Sandbox, caplog: pytest.LogCaptureFixture, trouble: dict[str, object]
) -> None:
    at_its_loudest(caplog)
    planted.faults([trouble])
    api = Api()
    outputs = [api.post("ExecKeyRotation", {"Force": True}).text]
    outputs += [api.get(name).text for name in ("ExecBackendURLs", "ListFunctionApps", "ListKeyVaultSecrets")]
    assert leaks([*outputs, caplog.text], secrets_of(planted)) == []


def test_secret_that_a_caller_misplaces_is_not_logged(
    nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del nowhere
    at_its_loudest(caplog)
    Api().post("ExecKeyRotation", {"Force": PLANTED}, authorization=f"Bearer {PLANTED}")
    assert PLANTED not in caplog.text


def test_secret_text_is_shown_only_by_reveal() -> None:
    text = SecretText(PLANTED)
    outputs = [repr(text), str(text), f"{text}", f"{text:>40}", f"{text!r}", "{}".format(text), "%s %r" % (text, text)]  # noqa: UP031, UP032 - every way to show a value
    outputs += [repr([text]), repr(SamApp("app", "tenant", text)), repr(NewValue(text))]
    assert not any(PLANTED in way for way in outputs)
    for export in (pickle.dumps, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError):
            export(text)
    assert text.reveal() == PLANTED
