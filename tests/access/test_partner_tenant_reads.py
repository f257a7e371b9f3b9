"""Reads of TenantID: what counts after one that failed, took long, or was overtaken."""

import time
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from backend.access.partner_tenant import PartnerTenant
from backend.concurrency.cached import Cached
from backend.concurrency.seats import Seats, SeatsTakenError
from backend.errors import AzureUnreachableError, NotFoundError
from backend.key_vault.vault import DisabledError
from backend.values import SecretText

FIRST, SECOND = str(uuid4()), str(uuid4())


class Vault:
    """A vault that responds with what is given, one after another; each entry is how long it takes, and what comes."""

    name = "cippabc12"

    def __init__(self, *responses: tuple[float, str | Exception]) -> None:
        self.reads = 0
        self._responses = iter(responses)

    def read(self, _name: str) -> object:
        self.reads += 1
        seconds, found = next(self._responses)
        time.sleep(seconds)
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(value=SecretText(found))


def tenant_of(vault: Vault) -> PartnerTenant:
    return PartnerTenant(cast("Any", vault))


@pytest.fixture
def expired(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A value that is read again at each call."""
    monkeypatch.setattr("backend.access.partner_tenant.LIFETIME_SECONDS", 0.0)
    return monkeypatch


@pytest.mark.parametrize(
    "error", [DisabledError("disabled", status=403), NotFoundError("gone")], ids=["disabled", "gone"]
)
def test_tenant_that_the_vault_took_away_does_not_count(expired: pytest.MonkeyPatch, error: Exception) -> None:
    del expired
    tenant = tenant_of(Vault((0, FIRST), (0, error)))
    assert (tenant.current(), tenant.last) == (FIRST, FIRST)
    with pytest.raises(type(error)):
        tenant.current()
    assert tenant.last == ""


def test_last_tenant_counts_while_the_vault_is_unreachable(expired: pytest.MonkeyPatch) -> None:
    del expired
    tenant = tenant_of(Vault((0, FIRST), (0, AzureUnreachableError("silence"))))
    assert [tenant.current(), tenant.current(), tenant.last] == [FIRST] * 3


def test_abandoned_read_does_not_replace_a_later_one(expired: pytest.MonkeyPatch) -> None:
    expired.setattr("backend.access.partner_tenant.Cached", partial(Cached, abandoned_seconds=0.1))
    expired.setattr("backend.access.partner_tenant.WAIT_SECONDS", 0.2)
    tenant = tenant_of(Vault((1.0, FIRST), (0, SECOND)))
    with pytest.raises(AzureUnreachableError):
        tenant.current()
    assert tenant.current() == SECOND
    time.sleep(1.2)
    assert tenant.last == SECOND


def test_age_of_a_tenant_counts_from_the_beginning_of_its_read(expired: pytest.MonkeyPatch) -> None:
    expired.setattr("backend.access.partner_tenant.LIFETIME_SECONDS", 0.5)
    vault = Vault((0.6, FIRST), (0, SECOND))
    tenant = tenant_of(vault)
    assert [tenant.current(), tenant.current(), tenant.current()] == [FIRST, SECOND, SECOND]
    assert vault.reads == 2


def test_tenant_is_read_in_lower_case_without_blanks() -> None:
    assert tenant_of(Vault((0, f" {FIRST.upper()}\n"))).current() == FIRST


def test_caller_without_role_needs_a_seat_to_wait_for_the_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.concurrency.seats.SEATS", 0)
    with Seats(1).visit("a", needed=True) as seat, pytest.raises(SeatsTakenError):
        tenant_of(Vault((1.0, FIRST))).current(seat)
