"""The API in this process, for tools that send requests with `requests`."""

from io import BytesIO
from typing import Any
from urllib.parse import unquote

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from tests.support.api import Api

BASE = "http://localhost:7071/api"


class InProcess(HTTPAdapter):
    """Serves the requests of a session to `BASE`, for a caller of one role. None means no caller."""

    def __init__(self, api: Api, role: str | None) -> None:
        super().__init__()
        self._api = api
        self._role = role

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Call the function of the URL as the host does."""
        path, mark, query = str(request.url).removeprefix(f"{BASE}/").partition("?")
        raw = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        response = self._api.send(
            str(request.method), f"{unquote(path)}{mark}{query}", raw, role=self._role, headers=headers
        )
        came = HTTPResponse(
            body=BytesIO(response.get_body()),
            headers={"Content-Type": str(response.mimetype), **dict(response.headers)},
            status=response.status_code,
            preload_content=False,
        )
        return self.build_response(request, came)


def session_of(api: Api, role: str | None) -> requests.Session:
    """Return a session that reaches only the API in this process."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", InProcess(api, role))
    return session


def _text(value: Any) -> str:  # noqa: ANN401 - text or bytes
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
