"""Calls of the vault's data plane as they are on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import requests

from tests.support.sandbox_client import Sandbox

VAULT = "https://cippabc12.vault.azure.net"


@dataclass(frozen=True)
class Vault:
    """The seeded vault, and the managed identity's token for it."""

    sandbox: Sandbox
    web: requests.Session
    token: str

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str | None = "7.4",
        headers: dict[str, str | None] | None = None,
    ) -> requests.Response:
        """Send one call. `path` can be a whole URL. A header with the value None is omitted."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        query = {} if version is None else {"api-version": version}
        return self.web.request(method, urljoin(VAULT, path), params=query, json=body, headers=sent)


@contextmanager
def fresh_vault(sandbox: Sandbox, **options: object) -> Iterator[Vault]:
    """Reset the sandbox and open its vault."""
    sandbox.reset(**options)
    with sandbox.web() as web:
        yield Vault(sandbox, web, identity_token(sandbox))


def identity_token(sandbox: Sandbox, resource: str = "https://vault.azure.net") -> str:
    """Sign in as the managed identity."""
    answer = requests.get(
        sandbox.env["IDENTITY_ENDPOINT"],
        params={"api-version": "2019-08-01", "resource": resource},
        headers={"X-IDENTITY-HEADER": sandbox.env["IDENTITY_HEADER"]},
        timeout=10,
    )
    token: str = answer.json()["access_token"]
    return token
