"""One deployment of CIPP in the sandbox, and its rotation, called through the API."""

import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from sandbox import names
from tests.support.api import Api, functions
from tests.support.rotation.others import LOGIN, Others
from tests.support.rotation.pfx import assertion
from tests.support.sandbox_client import Sandbox

SECRET = "ApplicationSecret"
CERTIFICATE = "SAMCertificate"
TOKEN = "RefreshToken"
ARM = "management.azure.com"
ENTRA = "login.microsoftonline.com"
GRAPH = "graph.microsoft.com"
VAULT = "cippabc12.vault.azure.net"
Json = Any  # what JSON may hold


@dataclass
class Scene:
    """The state of the sandbox, and requests to the rotation."""

    azure: Sandbox
    others: Others
    _process: Api | None = None
    _environ: dict[str, str] = field(default_factory=dict)

    # What is there

    def now(self) -> datetime:
        return moment(self.azure.state()["now"])

    def versions(self, name: str) -> list[dict[str, Json]]:
        """Return the versions of a secret, oldest first, or [] if it does not exist."""
        secrets = self.azure.state()["vaults"][names.VAULT]["secrets"]
        return list(next((secrets[one] for one in secrets if one.lower() == name.lower()), []))

    def served(self, name: str) -> dict[str, Json]:
        return self.versions(name)[-1]

    def value(self, name: str) -> str:
        return str(self.served(name)["value"])

    def tenants(self) -> list[str]:
        """Return the direct tenants whose tokens the vault holds."""
        return [name for name in self.azure.state()["vaults"][names.VAULT]["secrets"] if name.count("-") == 4]

    def secrets_on_app(self) -> list[dict[str, Json]]:
        return list(self.azure.state()["applications"][names.SAM_APP_ID]["passwordCredentials"])

    def certificates_on_app(self) -> list[dict[str, Json]]:
        return list(self.azure.state()["applications"][names.SAM_APP_ID]["keyCredentials"])

    def calls(self, host: str, method: str | None = None, path: str = "", body: str = "") -> list[dict[str, Json]]:
        """Return the calls to a host, or those of a method, a path and a body."""
        return [
            call
            for call in self.azure.calls(host)
            if method in (None, call["method"])
            and path.lower() in call["path"].lower()
            and body in (call["request_body"] or "")
        ]

    def restarts(self) -> list[str]:
        """Return the apps that were restarted, in their order."""
        return [call["path"].split("/")[-2] for call in self.calls(ARM, "POST", "/restart")]

    # What works

    def redeems(self, name: str = TOKEN) -> bool:
        """Return whether a token that the vault serves is valid."""
        tenant = names.TENANT_ID if name == TOKEN else name
        form = {"refresh_token": self.value(name), "client_secret": self.value(SECRET)}
        return bool(self.others.token(tenant, grant_type="refresh_token", **form).ok)

    def signs_in(self) -> bool:
        """Return whether the client secret that the vault serves can sign in."""
        return bool(self.others.sign_in(self.value(SECRET)).ok)

    def certificate_signs_in(self) -> bool:
        """Return whether the certificate that the vault serves can sign in."""
        return bool(certificate_sign_in(self.others, self.value(CERTIFICATE)).ok)

    # The time

    def go(self, **span: float) -> datetime:
        """Let time go by."""
        self.azure.advance(timedelta(**span).total_seconds())
        return self.now()

    def go_to(self, when: datetime) -> None:
        self.azure.advance((when - self.now()).total_seconds())

    def sunday(self, *, after: timedelta = timedelta()) -> datetime:
        """Return the first instant in UTC of the next Sunday that is at least so far away."""
        today = (self.now() + after).date()
        day = today + timedelta(days=7 - (today.weekday() + 1) % 7)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    def midweek(self) -> None:
        """Let time go to a Tuesday: no week begins in the hours that follow, in any zone."""
        self.go_to(self.sunday() + timedelta(days=2))

    # Requests to the rotation

    def api(self) -> Api:
        """Return the API: one process as long as its environment stays as it is."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        if self._process is None or environ != self._environ:
            self._process, self._environ = Api(), environ
        return self._process

    def rotate(self, *key_names: str, force: bool = False, dry: bool = False) -> dict[str, Json]:
        """Request a rotation of all keys, or of some, and return its result."""
        body: dict[str, object] = {"Force": force, "DryRun": dry, **({"Names": key_names} if key_names else {})}
        answer = self.api().post("ExecKeyRotation", body)
        assert answer.status == 200, answer.text
        results: dict[str, Json] = answer.results
        return results

    def report(self, name: str, *, force: bool = False, dry: bool = False) -> dict[str, Json]:
        """Request the rotation of one key, and return its report."""
        return key_of(self.rotate(name, force=force, dry=dry)["Keys"], name)

    def prove(self, *key_names: str) -> list[dict[str, Json]]:
        answer = self.api().post("ExecKeyProof", {"Names": key_names} if key_names else {})
        assert answer.status == 200, answer.text
        found: list[dict[str, Json]] = answer.results
        return found

    def overview(self) -> dict[str, Json]:
        answer = self.api().get("ListKeyRotations")
        assert answer.status == 200, answer.text
        results: dict[str, Json] = answer.results
        return results

    def tick(self, timer: str) -> None:
        """Let the clock start a function."""
        self.api()
        functions()[timer.lower()].get_user_function()(None)


def key_of(keys: Iterable[dict[str, Json]], name: str) -> dict[str, Json]:
    """Return the entry of a key in a list of reports."""
    return next(key for key in keys if key["Name"].lower() == name.lower())


def certificate_sign_in(others: Others, value: str) -> requests.Response:
    """Sign in as the SAM app with a certificate as CIPP stores it."""
    now = int(time.time())
    claims = {
        "iss": names.SAM_APP_ID,
        "sub": names.SAM_APP_ID,
        "aud": f"{LOGIN}/{names.TENANT_ID}/oauth2/v2.0/token",
        "jti": str(uuid.uuid4()),
        "nbf": now - 60,
        "exp": now + 120,
    }
    proof = {
        "client_assertion": assertion(value, dict(claims)),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    return others.token(grant_type="client_credentials", **proof)


def moment(text: str) -> datetime:
    """Read a time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def refused(aadsts: int, tenant: str = names.TENANT_ID, **fault: object) -> dict[str, object]:
    """Make a fault: Entra refuses a tenant's redemptions with a code."""
    one = {"host": ENTRA, "path": f"/{tenant}/", "body": "grant_type=refresh_token", "times": 0}
    return {**one, "mode": "refuse", "status": 400, "aadsts": aadsts, **fault}


def altered(alter: dict[str, object], tenant: str = names.TENANT_ID, *, nth: int = 1) -> dict[str, object]:
    """Return a fault in which Entra's response to a redeemed token differs."""
    one = {"host": ENTRA, "path": f"/{tenant}/", "body": "grant_type=refresh_token", "times": 0}
    return {**one, "mode": "alter", "alter": alter, "nth": nth}
