"""The HTTP client of msal: redirects are neither followed nor passed on."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from backend.concurrency.deadline import Deadline
from backend.sam_app.token_endpoint import TokenEndpoint


class Session:
    """A session that responds with one status. It stores whether a redirect would have been followed."""

    def __init__(self, status: int) -> None:
        self.follows: list[bool] = []
        self._status = status

    def respond(self, _url: str, *, allow_redirects: bool = True, **_options: object) -> object:
        self.follows.append(allow_redirects)
        return SimpleNamespace(status_code=self._status, headers={})

    get = post = respond


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("status", "is_passed_on"), [(200, True), (300, False), (399, False), (400, True)])
def test_redirect_is_neither_followed_nor_passed_on(method: str, status: int, is_passed_on: bool) -> None:
    session = Session(status)
    call = getattr(TokenEndpoint(cast("Any", session), (1, 1), 5, Deadline.after(0)), method)
    if is_passed_on:
        assert call("https://login.example/x").status_code == status
    else:
        with pytest.raises(requests.TooManyRedirects):
            call("https://login.example/x")
    assert session.follows == [False]
