"""An application's certificates: replaced as a list by PATCH, or one at a time with a signed token."""

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.responses import Response

from sandbox.application import Application, KeyCredential
from sandbox.directory import Directory
from sandbox.graph import times
from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError, bad_request
from sandbox.graph.policy_check import check_key

_PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"


def replaced_keys(directory: Directory, app: Application, entries: object, now: datetime) -> tuple[KeyCredential, ...]:
    """Return the certificates in `entries`: existing ones by `keyId` without `key`, and new ones."""
    if not isinstance(entries, list):
        raise bad_request("Invalid value specified for property 'keyCredentials' of resource 'Application'.")
    known = {key.key_id: key for key in app.keys}
    keys = []
    for entry in entries:
        kept = known.get(str(entry.get("keyId", "")).lower())
        if kept is None and entry.get("key") is None:
            raise bad_request("Key credential must have a value or the keyId of an existing credential.")
        keys.append(kept or _allowed(directory, app, _read(entry, now)))
    return tuple(keys)


def add_key(call: Call, app: Application) -> Response:
    """POST /applications/{id}/addKey."""
    _check_proof(call, app)
    key = _read(call.body.get("keyCredential") or {}, call.azure.clock.now())
    _allowed(call.azure.directory, app, key)
    call.change(replace(app, keys=(*app.keys, key)))
    body = {"@odata.context": call.context("microsoft.graph.keyCredential"), **key.as_graph()}
    return call.respond(body)


def remove_key(call: Call, app: Application) -> Response:
    """POST /applications/{id}/removeKey."""
    _check_proof(call, app)
    key_id = str(call.body.get("keyId", "")).lower()
    if all(key.key_id != key_id for key in app.keys):
        raise bad_request("No credentials found to be removed.")  # captured from Graph, with the general code
    call.change(replace(app, keys=tuple(key for key in app.keys if key.key_id != key_id)))
    return call.done()


def _allowed(directory: Directory, app: Application, key: KeyCredential) -> KeyCredential:
    check_key(directory, app, key.end - key.start)
    return key


def _read(entry: Mapping[str, Any], now: datetime) -> KeyCredential:
    try:
        der = base64.b64decode(entry.get("key") or "", validate=True)
        if der.startswith(b"-----BEGIN"):
            certificate = x509.load_pem_x509_certificate(der)
        else:
            certificate = x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as error:
        raise bad_request("Key credential has an invalid value: it is not a certificate.") from error
    end = times.read(entry.get("endDateTime"), "endDateTime") or certificate.not_valid_after_utc
    if end > certificate.not_valid_after_utc:
        raise bad_request("Key credential end date is invalid: it is after the certificate's own.")
    return KeyCredential(
        certificate=certificate.public_bytes(Encoding.DER),
        start=times.read(entry.get("startDateTime"), "startDateTime") or certificate.not_valid_before_utc,
        end=end,
        created=now,
        display_name=entry.get("displayName") or certificate.subject.rfc4514_string(),
        key_id=str(entry.get("keyId") or uuid.uuid4()).lower(),
        custom_key_identifier=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Entra uses SHA-1
    )


def _check_proof(call: Call, app: Application) -> None:
    """Accept only a token that is signed by one of the application's certificates."""
    now = call.azure.clock.now()
    for key in app.keys:
        try:
            claims = jwt.decode(
                str(call.body.get("proof", "")),
                key.loaded().public_key(),  # type: ignore[arg-type]  # any RSA key. Others fail below.
                algorithms=["RS256", "PS256"],
                audience=_PROOF_AUDIENCE,
                options={"require": ["exp", "nbf", "iss"]},
            )
        except (jwt.InvalidTokenError, TypeError):
            continue
        if claims["iss"] in (app.id, app.app_id) and key.end > now:
            return
    raise GraphError(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
