"""How long a look at this app's sign-in counts, and who waits for the next one."""

import time
from collections.abc import Mapping
from typing import Any, cast

import pytest

from backend import sign_in_door
from backend.errors import AzureRefusedError, AzureUnreachableError, BackendError, NotConfiguredError, NotFoundError
from backend.seats import Seats, SeatsTakenError
from backend.sign_in_door import OFF, SignInDoor

CLOSED: Mapping[str, Any] = {"platform": {"enabled": False}}
OPEN: Mapping[str, Any] = {"platform": {"enabled": True}}
FINAL = [NotFoundError("gone"), NotConfiguredError("unknown"), AzureRefusedError("no", status=403)]
PASSING = [AzureUnreachableError("silence"), AzureRefusedError("busy", status=503), ZeroDivisionError()]
SOON = 0.1
SLOW = 1.0
AT_ONCE = 0.5


class Looks(SignInDoor):
    """A door whose looks have the results that are given, one after another; the last one is repeated."""

    def __init__(self, *results: Mapping[str, Any] | Exception) -> None:
        super().__init__({}, cast("Any", None))
        self._results = list(results)
        self.count = 0
        self.seconds = 0.0

    def settings(self) -> Mapping[str, Any]:
        self.count += 1
        time.sleep(self.seconds)
        found = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(found, Exception):
            raise found
        return found


def later(door: Looks, seconds: float = 0.0) -> tuple[str, float]:
    """Return the reason after the verdict has expired, and how long that took; a look takes so many seconds."""
    time.sleep(2 * SOON)
    door.seconds = seconds
    began = time.monotonic()
    return door.reason(), time.monotonic() - began


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Only what is remembered for five minutes outlives a test's wait."""
    monkeypatch.setattr(sign_in_door, "CLOSED_SECONDS", SOON)
    monkeypatch.setattr(sign_in_door, "RETRY_SECONDS", SOON)
    return monkeypatch


@pytest.mark.parametrize(
    ("found", "looks"),
    [(OPEN, 1), (CLOSED, 2), *((error, 1) for error in FINAL), *((error, 2) for error in PASSING)],
    ids=repr,
)
def test_good_word_and_refusal_count_for_minutes(
    soon: pytest.MonkeyPatch, found: Mapping[str, Any] | Exception, looks: int
) -> None:
    del soon
    door = Looks(found)
    assert door.reason() == (OFF if found is CLOSED else "")
    later(door)
    assert door.count == looks


@pytest.mark.parametrize("error", [*FINAL, *PASSING], ids=repr)
def test_definite_off_stands_and_is_looked_at_again_soon(soon: pytest.MonkeyPatch, error: BackendError) -> None:
    del soon
    door = Looks(CLOSED, error)
    assert [door.reason(), later(door)[0], later(door)[0]] == [OFF] * 3
    assert door.count == 3


@pytest.mark.parametrize("found", [OPEN, *FINAL], ids=repr)
def test_no_request_waits_for_the_look_after_a_good_word_or_refusal(
    soon: pytest.MonkeyPatch, found: Mapping[str, Any] | Exception
) -> None:
    soon.setattr(sign_in_door, "OPEN_SECONDS", SOON)
    door = Looks(found, CLOSED)
    assert door.reason() == ""
    reason, seconds = later(door, SLOW)
    assert (reason, seconds < AT_ONCE) == ("", True)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_requests_wait_for_the_look_after_one_that_failed(soon: pytest.MonkeyPatch, error: Exception) -> None:
    del soon
    door = Looks(error, CLOSED)
    assert door.reason() == ""
    assert later(door, SOON)[0] == OFF


def test_refused_callers_wait_for_the_next_look(soon: pytest.MonkeyPatch) -> None:
    del soon
    door = Looks(CLOSED, OPEN)
    assert door.reason() == OFF
    assert later(door, SOON)[0] == ""


def test_caller_without_role_needs_a_seat_to_wait_for_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.seats.SEATS", 0)
    door = Looks(OPEN)
    door.seconds = SLOW
    with Seats(1).visit("a", needed=True) as seat, pytest.raises(SeatsTakenError):
        door.reason(seat)
