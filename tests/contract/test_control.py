"""The sandbox's control interface keeps everything that `control.json` records."""

import json
from dataclasses import fields
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import names
from sandbox.faults import FIELDS, MODES, read_faults
from sandbox.options import Options, read_options
from tests.support.sandbox.sign_in import sam
from tests.support.sandbox_client import Sandbox

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("control.json").read_text(encoding="utf-8"))
FAULT: dict[str, object] = {"mode": "hang"}


@pytest.mark.parametrize("call", RECORDED["calls"])
def test_recorded_call_is_accepted(sandbox: Sandbox, call: str) -> None:
    method, path = call.split()
    body = sandbox.control(method, path.removeprefix("/sandbox/"), RECORDED["calls"][call]["example"])
    members = set(body) if isinstance(body, dict) else set()  # a list, such as that of the calls, is empty or not
    assert set(RECORDED["calls"][call]["returns"]) <= members


@pytest.mark.parametrize("path", RECORDED["state"])
def test_state_has_the_recorded_members(sandbox: Sandbox, path: str) -> None:
    found = reduce(
        lambda node, name: node[int(name) if isinstance(node, list) else name], path.split("."), reset(sandbox)
    )
    assert set(RECORDED["state"][path]) <= set(found)


def test_calls_and_faults_have_the_recorded_members(sandbox: Sandbox) -> None:
    reset(sandbox)
    sandbox.faults([FAULT | {"method": "PUT"}])
    sandbox.web().get("https://graph.microsoft.com/v1.0/organization")
    assert set(RECORDED["call"]) <= set(sandbox.calls()[0])
    assert set(RECORDED["planted_fault"]) <= set(sandbox.control("GET", "faults")["faults"][0])


def examples(kind: str) -> list[Any]:
    return [(name, value) for name, field in RECORDED[kind].items() for value in field["examples"]]


@pytest.mark.parametrize(("name", "value"), examples("reset_options"))
def test_recorded_reset_option_is_accepted(sandbox: Sandbox, name: str, value: object) -> None:
    sandbox.reset(**{name: value})
    reset(sandbox)


@pytest.mark.parametrize(("name", "value"), examples("fault_fields"))
def test_recorded_fault_field_is_accepted(sandbox: Sandbox, name: str, value: object) -> None:
    sandbox.faults([FAULT | {name: value}])
    sandbox.faults([])


@pytest.mark.parametrize(("name", "value"), examples("clock_fields"))
def test_recorded_clock_field_is_accepted(sandbox: Sandbox, name: str, value: object) -> None:
    sandbox.control("POST", "clock", {name: value})


@pytest.mark.parametrize("name", [name for name, field in RECORDED["reset_options"].items() if "default" in field])
def test_default_of_recorded_reset_option_is_unchanged(name: str) -> None:
    default = RECORDED["reset_options"][name]["default"]
    assert read_options({}) == read_options({name: default})


@pytest.mark.parametrize("name", [name for name, field in RECORDED["fault_fields"].items() if "default" in field])
def test_default_of_recorded_fault_field_is_unchanged(name: str) -> None:
    default = RECORDED["fault_fields"][name]["default"]
    assert read_faults([FAULT]) == read_faults([FAULT | {name: default}])


@pytest.mark.parametrize("mode", RECORDED["modes"])
def test_recorded_fault_mode_has_the_recorded_effect(sandbox: Sandbox, mode: str) -> None:
    recorded = RECORDED["modes"][mode]
    app = sam(sandbox, propagation_seconds=0)
    token = app.sign_in().json()["access_token"]
    before = len(app.application()["passwordCredentials"])
    sandbox.faults([{"method": "POST", "path": "/addPassword$", "mode": mode, **recorded["fault"]}])
    assert response(sandbox, token) == recorded["response"]
    assert len(app.application()["passwordCredentials"]) - before == recorded["secrets_made"]
    if "secrets_made_once_replaced" in recorded:
        sandbox.faults([])
        sandbox.web().get("https://graph.microsoft.com/v1.0/organization")
        assert len(app.application()["passwordCredentials"]) - before == recorded["secrets_made_once_replaced"]


@pytest.mark.parametrize(
    ("name", "body"), [(name, body) for name, all_ in RECORDED["refused"].items() for body in all_]
)
def test_recorded_refusal_is_still_refused(sandbox: Sandbox, name: str, body: object) -> None:
    status, text = sandbox.refused(name, json.dumps(body).encode())
    assert status == 400
    assert json.loads(text)["error"]


def test_every_option_and_every_fault_field_is_recorded() -> None:
    assert {field.name for field in fields(Options)} == set(RECORDED["reset_options"])
    assert set(FIELDS) == set(RECORDED["fault_fields"])
    assert set(MODES) == set(RECORDED["modes"])


def reset(sandbox: Sandbox) -> dict[str, Any]:
    """Reset the sandbox without options, as recorded."""
    return sandbox.reset()


def response(sandbox: Sandbox, token: str) -> int | str:
    """Add a client secret. Return the status, or how the call failed without a response."""
    url = f"https://graph.microsoft.com/v1.0/applications/{names.SAM_OBJECT_ID}/addPassword"
    try:
        with sandbox.web() as web:
            return web.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=0.5).status_code
    except requests.ReadTimeout:
        return "none"
    except requests.ConnectionError:
        return "cut"
