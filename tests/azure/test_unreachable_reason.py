"""Reasons for errors of a library without a host, or with a host that must not be shown."""

from types import SimpleNamespace

from backend.azure.errors.unreachable import host_of, reason_of


class NoSuchError(Exception):
    """An error of a library, with the call that failed."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.request = SimpleNamespace(url=url)


def test_unknown_error_is_named_by_its_class() -> None:
    assert reason_of(NoSuchError("https://h.example/p?sig=x")) == "NoSuchError on the way to h.example"


def test_host_that_cannot_be_shown_is_not_named() -> None:
    assert host_of(NoSuchError("https://user?word@h.example/p")) == "the host"
