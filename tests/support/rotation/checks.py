"""Invariants after any fault. Each check reads the sandbox itself, and yields a sentence for each problem."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import hashes

from sandbox.cipp.keys import is_placeholder
from tests.support.rotation.others import Others
from tests.support.rotation.pfx import assertion, opened, stored_thumbprint
from tests.support.rotation.theirs import Made, State, orphans, too_many_live

VAULT: Final = "cippabc12"
IDENTITY: Final = ("ApplicationID", "TenantID")
SIGN_IN: Final = ("SSOAppId", "SSOAppSecret", "SSOMultiTenant")  # of a container


def after_a_fault(others: Others, before: State, *, may_store_twice: bool = False) -> list[str]:
    """Return what is wrong that must be right at every instant. The planted faults must be gone.

    `may_store_twice`: a store was refused and took effect later, so that it may have been repeated.
    """
    now, calls = others.azure.state(), others.azure.calls()
    return [
        *stored_unproven(others.made, calls),
        *([] if may_store_twice else stored_twice(others.made, now)),
        *refused_now(others, now),
        *held_fails(now),
        *taken_from_others(before, now),
    ]


def after_the_next_run(
    others: Others, before: State, due: State | None = None, *, may_store_twice: bool = False
) -> list[str]:
    """Return what is wrong when the catch-up came by; `due` is when the keys were, if others had done all `before`."""
    now = others.azure.state()
    return [
        *after_a_fault(others, before, may_store_twice=may_store_twice),
        *not_rotated(others.made, due or before, now),
        *orphans(others.made, now),
        *too_many_live(others.made, now),
    ]


def refused_now(others: Others, state: State) -> Iterator[str]:
    """Sign in with all that the vault serves. In place of the template's placeholder, the certificate signs in.

    What the product stored signs in at that instant. What others stored signs in when the time has passed that a new
    credential takes.
    """
    served = {name: versions[-1] for name, versions in secrets_of(state).items()}
    yield from (f"the vault serves a disabled version of {name}" for name in served if not served[name]["enabled"])
    app_id, tenant = (served[name]["value"] for name in IDENTITY)
    secret = served["ApplicationSecret"]["value"]
    forms = {}
    if not is_placeholder(secret):
        yield from _secret_not_on_app(state, app_id, secret)
        forms["ApplicationSecret"] = (tenant, {"client_secret": secret, "grant_type": "client_credentials"})
    if "SAMCertificate" in served:
        certificate = served["SAMCertificate"]["value"]
        yield from _certificate_not_on_app(state, app_id, certificate)
        forms["SAMCertificate"] = (tenant, _assertion(app_id, tenant, certificate))
    for name in served:
        if name == "RefreshToken" or _is_guid(name):
            where = tenant if name == "RefreshToken" else name
            proof = _assertion(app_id, where, certificate) if is_placeholder(secret) else {"client_secret": secret}
            redeemed = {"grant_type": "refresh_token", "refresh_token": served[name]["value"]}
            forms[name] = (where, {**proof, **redeemed})
    for name, (where, form) in forms.items():
        answer = others.token(where, client_id=app_id, **form)
        if not answer.ok and others.made.is_version(served[name]):
            others.azure.advance(others.made.propagation_seconds)
            answer = others.token(where, client_id=app_id, **form)
        if not answer.ok:
            yield f"the served {name} does not sign in: {answer.text[:200]}"


def held_fails(state: State, has_expired: Callable[[str, str], bool] = lambda _name, _version: False) -> Iterator[str]:
    """Look for a key that a process of CIPP has in memory and uses, and that does not sign in at that instant.

    `has_expired`: whether a version has reached the end of its own life, which counts only if CIPP reads too seldom.
    """
    for process in state["cipp"]:
        for name in process["fails"]:
            if not has_expired(name, process["holds"].get(name, "")):
                yield f"'{process['name']}' holds {name}, which does not sign in"


def stored_unproven(made: Made, calls: list[dict[str, Any]]) -> Iterator[str]:
    """Look for a write by the app, refused or not, of a value that was not verified by a sign-in before."""
    proven: set[str] = set()
    for call in calls:
        if call["path"].endswith("/token") and call["method"] == "POST" and call["status"] == 200:
            proven |= _shown_in(call["request_body"])
        if call["method"] == "PUT" and call["path"].startswith("/secrets/") and call["request_body"]:
            name, value = call["path"].removeprefix("/secrets/"), json.loads(call["request_body"])["value"]
            if _stored_version(call) in made.versions:
                continue
            if (_thumbprint(opened(value)[1]) if name == "SAMCertificate" else value) not in proven:
                yield f"{name} was to be stored before it had signed in"


def stored_twice(made: Made, now: State) -> Iterator[str]:
    """Look for a store that was repeated, though the first one worked."""
    for name, versions in secrets_of(now).items():
        by_the_product = [version for version in versions if not made.is_version(version)]
        values = [version["value"] for version in by_the_product if "restored-from" not in version["tags"]]
        if len(values) != len(set(values)):
            yield f"{name} was stored twice"


def taken_from_others(before: State, now: State) -> Iterator[str]:
    """Look for what was there before and is gone, disabled or changed."""
    secrets = secrets_of(now)
    for name, versions in secrets_of(before).items():
        here = {version["version"]: version for version in secrets.get(name, [])}
        for version in versions:
            if here.get(version["version"]) != version:
                yield f"the version of {name} by others has changed: {here.get(version['version'])}"
        if name in IDENTITY and len(here) != len(versions):
            yield f"{name} was written"
    for app_id, app in before["applications"].items():
        for kind in ("passwordCredentials", "keyCredentials"):
            for credential in app[kind]:
                if credential not in now["applications"][app_id][kind]:
                    yield f"the credential {credential['displayName']} by others has changed"


def not_rotated(made: Made, before: State, now: State) -> Iterator[str]:
    """Look for a key of which the vault does not serve a new version by the product."""
    secrets = secrets_of(now)
    for name in {*secrets_of(before), "SAMCertificate"} - {*IDENTITY, *SIGN_IN}:
        served = secrets[name][-1] if name in secrets else None
        if served is None or made.is_version(served):
            yield f"{name} was not rotated"
        elif any(served["value"] == earlier["value"] for earlier in secrets_of(before).get(name, [])):
            yield f"{name} is served with an earlier value"


def secrets_of(state: State) -> dict[str, list[dict[str, Any]]]:
    """Return the vault's secrets, each with its versions, the oldest first."""
    secrets: dict[str, list[dict[str, Any]]] = state["vaults"][VAULT]["secrets"]
    return secrets


def _secret_not_on_app(state: State, app_id: str, secret: str) -> Iterator[str]:
    on_app = [c for c in state["applications"][app_id]["passwordCredentials"] if c["secretText"] == secret]
    if not any(credential["endDateTime"] > state["now"] for credential in on_app):
        yield "the served ApplicationSecret is not a valid credential of the app"


def _certificate_not_on_app(state: State, app_id: str, value: str) -> Iterator[str]:
    on_app = [c["customKeyIdentifier"] for c in state["applications"][app_id]["keyCredentials"]]
    if stored_thumbprint(value) not in on_app:
        yield "the served SAMCertificate is not on the app"


def _assertion(app_id: str, tenant: str, value: str) -> dict[str, str]:
    """Return the part of a token request that a certificate signs."""
    audience = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    claims = {"iss": app_id, "sub": app_id, "aud": audience, "jti": str(uuid.uuid4()), "exp": int(time.time()) + 600}
    return {
        "client_assertion": assertion(value, dict(claims)),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "grant_type": "client_credentials",
    }


def _stored_version(call: Mapping[str, Any]) -> str | None:
    """Return the version that a store made; None if it was refused."""
    if call["status"] != 200:
        return None
    return str(json.loads(call["response_body"])["id"]).rpartition("/")[2]


def _shown_in(body: str) -> set[str]:
    """Return what a token request shows: secret, refresh token, the thumbprint of the certificate."""
    form = {name: values[0] for name, values in parse_qs(body).items()}
    credentials = {form[name] for name in ("client_secret", "refresh_token") if name in form}
    if assertion := form.get("client_assertion"):
        credentials.add(str(jwt.get_unverified_header(assertion)["x5t#S256"]).rstrip("="))
    return credentials


def _thumbprint(certificate: Any) -> str:  # noqa: ANN401 - cryptography's certificate
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _is_guid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name.lower()
    except ValueError:
        return False
