"""Bodies without a Content-Length, which Azure's own services accept."""

import json
from collections.abc import Iterator

import pytest
import requests

from sandbox import names
from tests.support.sandbox.arm import SITE, Arm
from tests.support.sandbox.sign_in import sam
from tests.support.sandbox.vault_calls import identity_token
from tests.support.sandbox_client import Sandbox


def chunks(body: object) -> Iterator[bytes]:
    """Yield a body in two parts, so that the client does not know its length."""
    whole = json.dumps(body).encode()
    yield whole[:3]
    yield whole[3:]


def send(sandbox: Sandbox, method: str, url: str, token: str, body: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return sandbox.web().request(method, url, data=chunks(body), headers=headers)


@pytest.mark.parametrize("service", ["vault", "arm", "graph"])
def test_chunked_body_takes_effect(sandbox: Sandbox, service: str) -> None:
    app = sam(sandbox, propagation_seconds=0)
    if service == "vault":
        url = f"https://{names.VAULT}.vault.azure.net/secrets/chunked?api-version=7.4"
        assert send(sandbox, "PUT", url, identity_token(sandbox), {"value": "whole"}).ok
        assert sandbox.state()["vaults"][names.VAULT]["secrets"]["chunked"][0]["value"] == "whole"
    elif service == "arm":
        url = f"https://management.azure.com{SITE}/config/appsettings?api-version=2025-05-01"
        assert send(sandbox, "PUT", url, Arm(sandbox).token(), {"properties": {"A": "1"}}).ok
        assert sandbox.state()["sites"][names.MAIN_SITE]["appSettings"] == {"A": "1"}
    else:
        url = f"https://graph.microsoft.com/v1.0/applications/{app.object_id}"
        assert send(sandbox, "PATCH", url, app.sign_in().json()["access_token"], {"displayName": "whole"}).ok
        assert app.application()["displayName"] == "whole"
    call = sandbox.calls()[-1]
    assert call["request_headers"]["transfer-encoding"] == "chunked"
    assert json.loads(call["request_body"])
