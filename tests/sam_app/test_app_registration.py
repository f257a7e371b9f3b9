"""The app registration with unusual responses of Graph, and removals of credentials that are already gone."""

import uuid
from contextlib import nullcontext
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes

from backend.errors import AzureRefusedError, AzureUnreachableError, ConflictError
from backend.sam_app.certificate import read_certificate
from backend.sam_app.registration import AppRegistration, Registration
from backend.values import SecretText
from sandbox import names
from tests.support import phrases
from tests.support.graph_as_sam_app import graph_of
from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, Scene, key_of
from tests.support.sandbox.certificate import Certificate

ONE = Certificate()
READ = rf"/v1\.0/applications\(appId='{names.SAM_APP_ID}'\)$"
SECRETS, KEYS = "passwordCredentials", "keyCredentials"
ODD: tuple[object, ...] = (None, {"$remove": True}, "", "yesterday", 7, -1.5, True, [], {}, "0001-01-01T00:00:00+14:00")
DATES = ("startDateTime", "endDateTime")


@pytest.fixture
def registration(scene: Scene) -> AppRegistration:
    """The service. The app has one client secret and one certificate."""
    scene.others.give_certificate(ONE)
    return AppRegistration(graph_of(scene.others), names.SAM_APP_ID)


def edit(*edits: object, **fault: object) -> dict[str, object]:
    """Set a fault: Graph shows a changed app registration."""
    return {"method": "GET", "host": GRAPH, "path": READ, "times": 0, "edit": list(edits), **fault}


def thumbprint() -> str:
    return ONE.x509.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, not a protection


def read(scene: Scene, registration: AppRegistration, *edits: object) -> Registration:
    scene.azure.faults([edit(*edits)])
    try:
        return registration.read()
    finally:
        scene.azure.faults([])


def test_credentials_are_complete_when_graph_shows_every_field(registration: AppRegistration) -> None:
    found = registration.read()
    assert [secret.is_complete for secret in found.client_secrets] == [True]
    assert [key.is_complete for key in found.certificates] == [True]
    assert found.certificates_known
    assert found.certificates[0].thumbprint == thumbprint()


@pytest.mark.parametrize("kind", [SECRETS, KEYS])
@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_credential_with_an_unknown_date_is_listed_and_not_complete(
    scene: Scene, registration: AppRegistration, kind: str, name: str, value: object
) -> None:
    before = registration.read()
    found = read(scene, registration, [f"{kind}.*.{name}", value])
    (one,) = found.client_secrets if kind == SECRETS else found.certificates
    (known,) = before.client_secrets if kind == SECRETS else before.certificates
    assert not one.is_complete
    assert (one.key_id, one.display_name) == (known.key_id, known.display_name)
    if name == "startDateTime":
        assert one.starts < known.starts - timedelta(days=3650)
        assert one.ends == known.ends
    else:
        assert one.ends > known.ends + timedelta(days=3650)
        assert one.starts == known.starts


@pytest.mark.parametrize(
    "text", ["2031-01-02T03:04:05Z", "2031-01-02T03:04:05.1234567Z", "2031-01-02T05:04:05+02:00", "2031-01-02T03:04:05"]
)
def test_date_is_read_in_each_form(scene: Scene, registration: AppRegistration, text: str) -> None:
    (secret,) = read(scene, registration, [f"{SECRETS}.*.endDateTime", text]).client_secrets
    assert secret.is_complete
    assert secret.ends.replace(microsecond=0).isoformat() == "2031-01-02T03:04:05+00:00"


@pytest.mark.parametrize("value", [None, {"$remove": True}, "", 7, [], {}], ids=repr)
@pytest.mark.parametrize("name", ["displayName", "hint", "customKeyIdentifier", "type", "usage", "secretText"])
def test_other_fields_may_be_missing(scene: Scene, registration: AppRegistration, name: str, value: object) -> None:
    found = read(scene, registration, [f"{SECRETS}.*.{name}", value], [f"{KEYS}.*.{name}", value])
    (secret,), (key,) = found.client_secrets, found.certificates
    assert secret.is_complete
    assert key.is_complete
    assert key.thumbprint == thumbprint()
    assert (secret.hint is None) == (name == "hint")
    assert (secret.display_name == "") == (name == "displayName")


@pytest.mark.parametrize("value", [None, {"$remove": True}, "", 7, {}], ids=repr)
def test_credential_without_an_id_is_not_complete(scene: Scene, registration: AppRegistration, value: object) -> None:
    found = read(scene, registration, [f"{SECRETS}.*.keyId", value], [f"{KEYS}.*.keyId", value])
    assert found.client_secrets == ()
    (key,) = found.certificates
    assert (key.key_id, key.thumbprint, key.is_complete) == ("", thumbprint(), False)
    assert found.certificates_known


@pytest.mark.parametrize("value", [None, {"$remove": True}, "x", 7, {}], ids=repr)
def test_lists_may_be_missing(scene: Scene, registration: AppRegistration, value: object) -> None:
    found = read(scene, registration, [SECRETS, value], [KEYS, value])
    assert (found.client_secrets, found.certificates, found.certificates_known) == ((), (), False)


@pytest.mark.parametrize("value", [None, 7, "x", []], ids=repr)
def test_list_with_an_unreadable_entry_counts_as_unknown(
    scene: Scene, registration: AppRegistration, value: object
) -> None:
    found = read(scene, registration, [f"{SECRETS}.*", value], [f"{KEYS}.*", value])
    assert (found.client_secrets, found.certificates, found.certificates_known) == ((), (), False)


def test_empty_list_of_certificates_is_known(scene: Scene, registration: AppRegistration) -> None:
    assert read(scene, registration, [KEYS, []]).certificates_known


@pytest.mark.parametrize("value", [None, {"$remove": True}, "", 7, [], {}], ids=repr)
@pytest.mark.parametrize("name", ["createdDateTime", "servicePrincipalLockConfiguration", "displayName", "appId"])
def test_properties_of_the_app_may_be_missing(
    scene: Scene, registration: AppRegistration, name: str, value: object
) -> None:
    found = read(scene, registration, [name, value])
    assert len(found.client_secrets) == 1
    assert (found.created is None) == (name == "createdDateTime")
    assert not found.is_locked


@pytest.mark.parametrize("value", [None, {"$remove": True}, "", 7], ids=repr)
def test_response_without_an_object_id_is_refused(scene: Scene, registration: AppRegistration, value: object) -> None:
    with pytest.raises(AzureUnreachableError, match=phrases.NOT_A_REGISTRATION):
        read(scene, registration, ["id", value])


# A certificate is identified by its public part.


@pytest.mark.parametrize("identifier", [None, "", "x", "CIPP", "AAAA", "ff" * 32, 7])
def test_certificate_is_identified_by_its_public_part(
    scene: Scene, registration: AppRegistration, identifier: object
) -> None:
    (key,) = read(scene, registration, [f"{KEYS}.*.customKeyIdentifier", identifier]).certificates
    assert key.thumbprint == thumbprint()


@pytest.mark.parametrize("public", [None, "", "AAAA", "not base64", 7])
def test_certificate_without_identifier_and_public_part_has_no_thumbprint(
    scene: Scene, registration: AppRegistration, public: object
) -> None:
    edits = [[f"{KEYS}.*.customKeyIdentifier", None], [f"{KEYS}.*.key", public]]
    (key,) = read(scene, registration, *edits).certificates
    assert (key.thumbprint, key.is_complete) == ("", False)


@pytest.mark.parametrize("public", [None, "", "AAAA"])
def test_identifier_is_used_without_the_public_part(
    scene: Scene, registration: AppRegistration, public: object
) -> None:
    (key,) = read(scene, registration, [f"{KEYS}.*.key", public]).certificates
    assert (key.thumbprint, key.is_complete) == (thumbprint(), True)


def test_rotation_finds_the_served_certificate_without_its_identifier(scene: Scene) -> None:
    scene.others.give_certificate(ONE)
    scene.azure.faults([edit([f"{KEYS}.*.customKeyIdentifier", None])])
    patches = len(scene.calls(GRAPH, "PATCH"))
    key = scene.report(CERTIFICATE)
    assert (key["Outcome"], key["Expires"][:10]) == ("unchanged", f"{ONE.x509.not_valid_after_utc:%Y-%m-%d}")
    assert scene.report(CERTIFICATE, force=True)["Outcome"] == "rotated"
    assert len(scene.calls(GRAPH, "POST", "/addKey")) == 1
    assert len(scene.calls(GRAPH, "PATCH")) == patches
    served = read_certificate(SecretText(scene.value(CERTIFICATE)))
    assert served.thumbprint in {key["customKeyIdentifier"] for key in scene.certificates_on_app()}
    assert scene.certificate_signs_in()


# An incomplete credential causes no errors and stays.


@pytest.mark.parametrize("name", [*DATES, "keyId"])
def test_rotation_removes_no_credential_that_is_not_complete(scene: Scene, name: str) -> None:
    """A complete orphan created by this app would be removed after half an hour."""
    scene.rotate(SECRET, CERTIFICATE)
    orphan, certificate = "CIPP Backend 0000aaaa1111", Certificate()
    scene.others.add_secret(orphan)
    scene.others.add_certificate(certificate, orphan)
    scene.go(hours=2)
    before = (scene.secrets_on_app(), scene.certificates_on_app())
    scene.azure.faults([edit([f"{SECRETS}.?{orphan}.{name}", None], [f"{KEYS}.?{orphan}.{name}", None])])
    keys = scene.rotate(SECRET, CERTIFICATE)["Keys"]
    assert [key_of(keys, kind)["Outcome"] for kind in (SECRET, CERTIFICATE)] == ["unchanged", "unchanged"]
    assert (scene.secrets_on_app(), scene.certificates_on_app()) == before


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("force", [False, True])
def test_rotation_continues_when_a_credential_has_no_dates(scene: Scene, name: str, *, force: bool) -> None:
    scene.rotate(SECRET, CERTIFICATE)
    scene.others.add_secret()
    scene.others.add_certificate(Certificate())
    scene.go(hours=2)
    scene.azure.faults([edit([f"{SECRETS}.*.{name}", None], [f"{KEYS}.*.{name}", None])])
    keys = scene.rotate(SECRET, CERTIFICATE, force=force)["Keys"]
    expected = "rotated" if force else "unchanged"
    assert [key_of(keys, kind)["Outcome"] for kind in (SECRET, CERTIFICATE)] == [expected, expected], keys
    assert scene.signs_in()
    assert scene.certificate_signs_in()
    assert scene.overview()["Keys"]


# The removal of a missing credential succeeds.


def test_removal_of_a_missing_secret_succeeds(scene: Scene, registration: AppRegistration) -> None:
    registration.remove_password(names.SAM_OBJECT_ID, str(uuid.uuid4()))
    made = scene.others.add_secret()
    registration.remove_password(names.SAM_OBJECT_ID, made["keyId"])
    registration.remove_password(names.SAM_OBJECT_ID, made["keyId"])
    assert [call["status"] for call in scene.calls(GRAPH, "POST", "/removePassword")] == [400, 204, 400]


def test_removal_of_a_missing_certificate_succeeds(scene: Scene, registration: AppRegistration) -> None:
    proof = read_certificate(SecretText(scene.value(CERTIFICATE))).proof(names.SAM_OBJECT_ID)
    other = Certificate()
    scene.others.add_certificate(other)
    key_id = scene.certificates_on_app()[-1]["keyId"]
    for _ in range(2):
        registration.remove_key(names.SAM_OBJECT_ID, key_id=key_id, proof=proof)
    assert [call["status"] for call in scene.calls(GRAPH, "POST", "/removeKey")] == [204, 400]
    assert len(scene.certificates_on_app()) == 1


@pytest.mark.parametrize(
    ("status", "message", "is_done"),
    [
        (404, "Resource 'x' does not exist.", True),
        (400, "No password credential found with keyId 'x'.", True),
        (400, "No credentials found to be removed.", True),
        (400, "Invalid value specified for property 'keyId'.", False),
        (403, "No credentials found to be removed.", False),
        (401, "Access Token missing or malformed.", False),
        (409, "Conflict.", False),
        (500, "No credentials found to be removed.", False),
    ],
)
def test_removal_is_an_error_unless_the_credential_is_gone(
    scene: Scene, registration: AppRegistration, status: int, message: str, *, is_done: bool
) -> None:
    made = scene.others.add_secret()["keyId"]
    body = {"error": {"code": "Request_BadRequest", "message": message}}
    for path in ("removePassword", "removeKey"):
        answer = {"status": status, "body": body}
        scene.azure.faults([{"method": "POST", "host": GRAPH, "path": f"/{path}$", "answer": answer}])
        with nullcontext() if is_done else pytest.raises(AzureRefusedError) as refusal:
            if path == "removePassword":
                registration.remove_password(names.SAM_OBJECT_ID, made)
            else:
                registration.remove_key(names.SAM_OBJECT_ID, key_id=made, proof="")
        assert refusal is None or refusal.value.status == status


@pytest.mark.parametrize("key_id", ["", "None", "x"])
def test_credential_without_an_id_is_not_removed(scene: Scene, registration: AppRegistration, key_id: str) -> None:
    with pytest.raises(ConflictError, match=phrases.ID_UNKNOWN):
        registration.remove_password(names.SAM_OBJECT_ID, key_id)
    with pytest.raises(ConflictError, match=phrases.ID_UNKNOWN):
        registration.remove_key(names.SAM_OBJECT_ID, key_id=key_id, proof="")
    assert not scene.calls(GRAPH, "POST", "/remove")
