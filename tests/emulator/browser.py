"""The requests of CIPP's frontend in a browser: those of its shell and of its Backend and time zone pages."""

import base64
import json
from types import MappingProxyType
from typing import Any, Final

import requests

# As axios and the browser send them, from frontend 10.9.0.
ON_EVERY_CALL: Final = MappingProxyType(
    {
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/json",
        "X-CIPP-Version": "10.9.0",
        "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-origin",
    }
)
AMSTERDAM: Final = MappingProxyType(
    {
        "label": "Central European Time - Amsterdam",
        "value": "Europe/Amsterdam",
        "alternativeName": "Central European Time",
    }
)
SHELL: Final = (
    "/api/ListFeatureFlags",
    "/api/ListUserSettings",
    "/api/GetCippAlerts?localversion=10.9.0",
    "/api/listTenants?AllTenantSelector=true",
    "/api/ListGitHubReleaseNotes",
)


class Browser:
    """A tab with the frontend's address and its cookies."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session = requests.Session()
        self._session.trust_env = False

    def sign_in(self, *roles: str, who: str = "admin@contoso.com") -> None:
        """Submit the emulator's sign-in form, whose script stores the principal in a cookie."""
        page = self._session.get(f"{self.address}/.auth/login/aad", timeout=30)
        assert "StaticWebAppsAuthCookie" in page.text
        principal = {
            "identityProvider": "aad",
            "userId": "d75b260a64504067bfc5b2905e3b8182",
            "userDetails": who,
            "userRoles": ["anonymous", "authenticated", *roles],
            "claims": [],
        }
        self._session.cookies.set("StaticWebAppsAuthCookie", base64.b64encode(json.dumps(principal).encode()).decode())

    def get(self, path: str, **headers: str | None) -> requests.Response:
        return self._send("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str | None) -> requests.Response:  # noqa: ANN401 - what JSON may hold
        return self._send("POST", path, json.dumps(body), {"Origin": self.address, **headers})

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str | None]) -> requests.Response:
        """Send the request. A header with the value None is omitted."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**ON_EVERY_CALL, "Referer": f"{self.address}/", **named}
        return self._session.request(method, self.address + path, data=body, headers=sent, timeout=30)
