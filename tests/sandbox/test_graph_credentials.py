"""Credentials that Graph refuses to add or to remove."""

import uuid

import pytest

from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox_client import Sandbox

PROOF_AUDIENCE = "00000002-0000-0000-c000-000000000000"


# All entries but two: the seeded app has a client secret and four redirect URIs.
FULL = {"tags": [str(number) for number in range(1200 - 2 - 4)]}


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox, propagation_seconds=0)


@pytest.fixture
def path(app: Sam) -> str:
    return f"/v1.0/applications/{app.object_id}"


def test_application_refuses_more_credentials_when_it_is_full(app: Sam, path: str) -> None:
    token = app.sign_in().json()["access_token"]
    assert app.graph("PATCH", path, FULL, token).status_code == 204
    assert app.graph("POST", f"{path}/addPassword", {}, token).status_code == 200
    refused = app.graph("POST", f"{path}/addPassword", {}, token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Directory_ResourceSizeExceeded")
    assert refused.json()["error"]["message"].startswith("The size of the object has exceeded its limit.")
    certificate = {"keyCredentials": [Certificate().entry()]}
    assert app.graph("PATCH", path, certificate, token).json()["error"]["code"] == "Directory_ResourceSizeExceeded"
    assert len(app.application()["passwordCredentials"]) == 2
    assert app.graph("PATCH", path, {"tags": []}, token).status_code == 204
    assert app.graph("POST", f"{path}/addPassword", {}, token).status_code == 200


def test_certificate_cannot_be_removed_twice(app: Sam, path: str) -> None:
    certificate = Certificate()
    app.graph("PATCH", path, {"keyCredentials": [certificate.entry()]})
    proof = certificate.signed(app.object_id, PROOF_AUDIENCE)
    refused = app.graph("POST", f"{path}/removeKey", {"keyId": str(uuid.uuid4()), "proof": proof})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "Request_BadRequest"
    assert refused.json()["error"]["message"] == "No credentials found to be removed."


@pytest.mark.parametrize("key_id", ["", "no-guid", None])
def test_removing_a_secret_requires_a_key_id(app: Sam, path: str, key_id: str | None) -> None:
    assert app.graph("POST", f"{path}/removePassword", {"keyId": key_id}).status_code == 400


def test_token_signed_by_an_expired_certificate_is_refused(app: Sam, path: str) -> None:
    expiring, other = Certificate(days=1), Certificate()
    app.graph("PATCH", path, {"keyCredentials": [expiring.entry(), other.entry()]})
    app.sandbox.advance(2 * 86_400)
    proof = expiring.signed(app.object_id, PROOF_AUDIENCE)
    bodies: dict[str, dict[str, object]] = {
        "addKey": {"keyCredential": Certificate().entry()},
        "removeKey": {"keyId": app.application()["keyCredentials"][1]["keyId"]},
    }
    for action, body in bodies.items():
        refused = app.graph("POST", f"{path}/{action}", {**body, "proof": proof})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "Authentication_MissingOrMalformed")
    assert len(app.application()["keyCredentials"]) == 2
    valid = other.signed(app.object_id, PROOF_AUDIENCE)
    assert app.graph("POST", f"{path}/removeKey", {**bodies["removeKey"], "proof": valid}).status_code == 204
