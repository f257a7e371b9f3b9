"""What must be so after any fault: each check looks at the sandbox itself, and answers what is wrong, in sentences."""

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.sandbox_client import Sandbox

VAULT: Final = "cippabc12"
IDENTITY: Final = ("ApplicationID", "TenantID")
OURS: Final = ("rotated-by", "CIPP Backend")
State = Mapping[str, Any]  # what /sandbox/state shows


def after_a_fault(sandbox: Sandbox, before: State) -> list[str]:
    """What holds at every instant, whatever became of the run. The planted faults must be gone."""
    now, calls = sandbox.state(), sandbox.calls()
    return [
        *stored_unproven(calls),
        *stored_twice(now),
        *refused_now(sandbox, now),
        *taken_from_others(before, now),
    ]


def after_the_next_run(sandbox: Sandbox, before: State, due: State | None = None) -> list[str]:
    """What holds besides once the catch-up came by; `due` is when the keys were, if others had done all `before`."""
    now = sandbox.state()
    return [*after_a_fault(sandbox, before), *not_rotated(due or before, now), *orphans(before, now)]


def refused_now(sandbox: Sandbox, state: State) -> Iterator[str]:
    """Sign in with all that the vault serves."""
    served = {name: versions[-1] for name, versions in secrets_of(state).items()}
    yield from (f"the vault serves a disabled version of {name}" for name in served if not served[name]["enabled"])
    with sandbox.web() as web:
        app_id, tenant = (served[name]["value"] for name in IDENTITY)
        secret = served["ApplicationSecret"]["value"]
        yield from _secret_not_on_app(state, app_id, secret)
        app = {"client_id": app_id, "client_secret": secret}
        yield from _refusal("ApplicationSecret", web, tenant, {**app, "grant_type": "client_credentials"})
        for name in served:
            if name == "RefreshToken" or _is_guid(name):
                form = {**app, "grant_type": "refresh_token", "refresh_token": served[name]["value"]}
                yield from _refusal(name, web, tenant if name == "RefreshToken" else name, form)
        if "SAMCertificate" in served:
            yield from _certificate_refused(state, web, app_id, tenant, served["SAMCertificate"]["value"])


def stored_unproven(calls: list[dict[str, Any]]) -> Iterator[str]:
    """Look for a store of ours of a value with which nobody had signed in before."""
    proven: set[str] = set()
    for call in calls:
        if call["path"].endswith("/token") and call["method"] == "POST" and call["status"] == 200:
            proven |= _shown_in(call["request_body"])
        if call["method"] == "PUT" and call["path"].startswith("/secrets/") and call["status"] == 200:
            name, body = call["path"].removeprefix("/secrets/"), json.loads(call["request_body"])
            value, is_ours = body["value"], OURS in body.get("tags", {}).items()
            if is_ours and (_thumbprint(_read(value)[1]) if name == "SAMCertificate" else value) not in proven:
                yield f"{name} was stored before it had signed in"


def stored_twice(now: State) -> Iterator[str]:
    """Look for a store that was repeated, though the first one worked."""
    for name, versions in secrets_of(now).items():
        values = [version["value"] for version in versions if "restored-from" not in version["tags"]]
        if len(values) != len(set(values)):
            yield f"{name} was stored twice"


def taken_from_others(before: State, now: State) -> Iterator[str]:
    """Look for what was there before and is gone, disabled or changed."""
    secrets = secrets_of(now)
    for name, versions in secrets_of(before).items():
        here = {version["version"]: version for version in secrets.get(name, [])}
        for version in versions:
            if here.get(version["version"]) != version:
                yield f"someone else's version of {name} is not what it was: {here.get(version['version'])}"
        if name in IDENTITY and len(here) != len(versions):
            yield f"{name} was written"
    for app_id, app in before["applications"].items():
        for kind in ("passwordCredentials", "keyCredentials"):
            for credential in app[kind]:
                if credential not in now["applications"][app_id][kind]:
                    yield f"someone else's credential {credential['displayName']} is not what it was"


def not_rotated(before: State, now: State) -> Iterator[str]:
    """Look for a key that the vault does not serve anew, stored by us."""
    secrets = secrets_of(now)
    for name in {*secrets_of(before), "SAMCertificate"} - {*IDENTITY}:
        served = secrets[name][-1] if name in secrets else {"tags": {}}
        if OURS not in served["tags"].items():
            yield f"{name} was not rotated"
        elif any(served["value"] == earlier["value"] for earlier in secrets_of(before).get(name, [])):
            yield f"{name} is served with an earlier value"


def orphans(before: State, now: State) -> Iterator[str]:
    """Look for a credential that was not there before and that no version of the vault names."""
    secrets = secrets_of(now)
    for app_id, app in now["applications"].items():
        known = before["applications"][app_id]
        for kind, name, id_field in (
            ("passwordCredentials", "ApplicationSecret", "keyId"),
            ("keyCredentials", "SAMCertificate", "customKeyIdentifier"),
        ):
            named = {version["tags"].get("credential-id") for version in secrets.get(name, [])}
            for credential in app[kind]:
                if credential not in known[kind] and credential[id_field] not in named:
                    yield f"an orphan is left in {kind}: {credential['displayName']}"


def secrets_of(state: State) -> dict[str, list[dict[str, Any]]]:
    """The vault's secrets, each with its versions, the oldest first."""
    secrets: dict[str, list[dict[str, Any]]] = state["vaults"][VAULT]["secrets"]
    return secrets


def _secret_not_on_app(state: State, app_id: str, secret: str) -> Iterator[str]:
    on_app = [c for c in state["applications"][app_id]["passwordCredentials"] if c["secretText"] == secret]
    if not any(credential["endDateTime"] > state["now"] for credential in on_app):
        yield "the served ApplicationSecret is no live credential of the app"


def _certificate_refused(state: State, web: requests.Session, app_id: str, tenant: str, value: str) -> Iterator[str]:
    key, certificate = _read(value)
    hexadecimal = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - Graph names them so
    if hexadecimal not in [c["customKeyIdentifier"] for c in state["applications"][app_id]["keyCredentials"]]:
        yield "the served SAMCertificate is not on the app"
    audience = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    claims = {"iss": app_id, "sub": app_id, "aud": audience, "jti": str(uuid.uuid4()), "exp": int(time.time()) + 600}
    assertion = jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": _thumbprint(certificate)})
    form = {
        "client_id": app_id,
        "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "grant_type": "client_credentials",
    }
    yield from _refusal("SAMCertificate", web, tenant, form)


def _refusal(name: str, web: requests.Session, tenant: str, form: Mapping[str, str]) -> Iterator[str]:
    url = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    answer = web.post(url, data={"scope": "https://graph.microsoft.com/.default", **form})
    if answer.status_code != 200:
        yield f"the served {name} does not sign in: {answer.text[:200]}"


def _shown_in(body: str) -> set[str]:
    """What a token request shows: secret, refresh token, the thumbprint of the certificate."""
    form = {name: values[0] for name, values in parse_qs(body).items()}
    shown = {form[name] for name in ("client_secret", "refresh_token") if name in form}
    if assertion := form.get("client_assertion"):
        shown.add(str(jwt.get_unverified_header(assertion)["x5t#S256"]).rstrip("="))
    return shown


@cache  # reading a key checks it, which takes longer than all the rest
def _read(value: str) -> tuple[Any, Any]:
    key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(value), None)
    return key, certificate


def _thumbprint(certificate: Any) -> str:  # noqa: ANN401 - cryptography's certificate
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _is_guid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name.lower()
    except ValueError:
        return False
