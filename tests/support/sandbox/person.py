"""A person who signed in to the Azure CLI, calling Microsoft Graph and Resource Manager of the sandbox."""

from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import requests

from sandbox import names
from tests.support.sandbox.sign_in import GRAPH
from tests.support.sandbox_client import Sandbox

UPSERT = {"Prefer": "create-if-missing"}


class Person:
    """A person with the Azure CLI's permissions, or with other ones of Graph."""

    def __init__(self, sandbox: Sandbox, user: str = names.ADMIN_ID, scopes: str = "") -> None:
        self.sandbox = sandbox
        self.user = user
        self._scopes = f"&scopes={quote(scopes)}" if scopes else ""
        self._web = sandbox.web()

    def token(self, resource: str) -> str:
        """Return an access token, as the Azure CLI gets it."""
        path = f"/sandbox/token/{quote(self.user)}?api-version=2019-08-01&resource={quote(resource)}{self._scopes}"
        token: str = self.sandbox.fetch("GET", path)["access_token"]
        return token

    def refusal_of_token(self, resource: str) -> str:
        """Return why Entra refuses an access token."""
        try:
            self.token(resource)
        except HTTPError as error:
            return error.read().decode()
        raise AssertionError(f"There is a token for {resource}.")

    def graph(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """Call Microsoft Graph."""
        every = {"Authorization": f"Bearer {self.token(GRAPH)}", **headers}
        return self._web.request(method, f"{GRAPH}/v1.0{path}", json=body, headers=every)

    def make(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
        """Call Microsoft Graph. A refusal is a bug in the test."""
        answer = self.graph(method, path, body, **headers)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None
