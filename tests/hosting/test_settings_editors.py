"""Eight concurrent editors of one app's settings, in two processes, don't lose a setting."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.sandbox_client import Sandbox

EACH = 4
EDITORS = """
import json
from concurrent.futures import ThreadPoolExecutor
from tests.support.api import Api

api = Api()
def edit(number):
    name = f"EDITOR_{{number}}"
    body = {{"Set": {{name: str(number)}}, "Remove": [f"OLD_{{number}}"]}}
    response = api.post("ExecFunctionAppSettings", body)
    return [number, response.status, str(response.results)]
with ThreadPoolExecutor({each}) as editors:
    print(json.dumps(list(editors.map(edit, range({first}, {first} + {each})))))
"""


def settings_of(azure: Sandbox) -> dict[str, str]:
    found: dict[str, str] = azure.state()["sites"][names.MAIN_SITE]["appSettings"]
    return found


def edit_at_once(azure: Sandbox) -> list[list[Any]]:
    """Edit in both processes, and return each editor's number, status and result."""
    scripts = [EDITORS.format(each=EACH, first=first) for first in (0, EACH)]
    with ThreadPoolExecutor(2) as processes:
        responses = [json.loads(output.splitlines()[-1]) for output in processes.map(azure.run, scripts)]
    return [*responses[0], *responses[1]]


@pytest.mark.parametrize("cut", [False, True])
def test_every_successful_edit_is_kept_and_nothing_else_changes(
    azure: Sandbox,
    cut: bool,
) -> None:
    azure.reset(propagation_seconds=0, latency_seconds={"management.azure.com": 0.05})
    if cut:  # interrupts some writes, after and before Azure accepts them
        writes = {"method": "PUT", "path": "/config/appsettings$"}
        azure.faults([{**writes, "mode": "drop-after", "nth": 2}, {**writes, "mode": "drop-before", "nth": 4}])
    before = settings_of(azure)
    responses = edit_at_once(azure)
    happy = [number for number, status, _ in responses if status == 200]
    unhappy = [(status, result) for _, status, result in responses if status != 200]
    waited = [result for status, result in unhappy if status == 409]  # for longer than a response may take
    assert all(phrases.NOTHING_CHANGED in result.lower() for result in waited), responses
    assert len(unhappy) - len(waited) <= cut, responses
    assert len(happy) >= EACH, responses
    assert settings_of(azure) == before | {f"EDITOR_{number}": str(number) for number in happy}
