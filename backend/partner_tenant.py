"""The partner's tenant: the vault's TenantID, read again every five minutes. Needs get on the vault's secrets."""

import logging
import time
from typing import Final

from backend.errors import AzureError, NotFoundError
from backend.key_vault import DisabledError, KeyVault, is_guid
from backend.seats import NOT_NEEDED, Seat
from backend.shared_call import SharedCall

logger = logging.getLogger("cipp.access")
LIFETIME_SECONDS: Final = 300.0  # a wrong TenantID that was corrected is served no longer
RECENT_SECONDS: Final = 1.0  # before a tenant is refused, TenantID is read again if it is older
WAIT_SECONDS: Final = 2.5  # from the beginning of a read, so joining a slow one costs less or nothing
FAILURE_SECONDS: Final = 5.0


class PartnerTenant:
    """The service of the partner's tenant. One read at a time. If the vault times out, the last value counts."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self._reads = SharedCall(self._read, name="read TenantID", failure_seconds=FAILURE_SECONDS)
        self._known: tuple[str, float] | None = None  # and when its read began

    @property
    def last(self) -> str:
        """The tenant as last read, however long ago, or "" before the first time."""
        return self._known[0] if self._known else ""

    def current(self, seat: Seat = NOT_NEEDED) -> str:
        """Return the partner's tenant in lower case, at most `LIFETIME_SECONDS` old if the vault responds.

        Raises:
            NotFoundError: The vault holds no TenantID that is a GUID.
            AzureError: The vault refused or timed out, and the tenant was never read.
            SeatsTakenError: The caller needs a seat to wait, and none is free.
        """
        return self._at_most(LIFETIME_SECONDS, seat)

    def recent(self, seat: Seat = NOT_NEEDED) -> str:
        """Return the same, at most `RECENT_SECONDS` old: for the decision to refuse. Raises the same."""
        return self._at_most(RECENT_SECONDS, seat)

    def is_partner(self, tenant: str, seat: Seat = NOT_NEEDED) -> bool:
        """Return whether a tenant, in lower case, is the partner's. Raises the same."""
        return tenant == self.current(seat) or tenant == self.recent(seat)

    def _at_most(self, age_seconds: float, seat: Seat) -> str:
        last = self._known
        if last and time.monotonic() - last[1] < age_seconds:
            return last[0]
        attempt = self._reads.attempt()
        moment = attempt.began + WAIT_SECONDS
        if not attempt.done and time.monotonic() < moment:
            seat.take()
        try:
            return attempt.result(moment, what="read TenantID from the vault")
        except AzureError as error:
            if self._known is None or isinstance(error, DisabledError):
                raise
            return self._known[0]  # a vault that times out does not show that TenantID has changed

    def _read(self) -> str:
        began = time.monotonic()
        try:
            tenant = self._guid()
        except (NotFoundError, DisabledError):
            self._known = None  # the vault responded, so the last value does not count any more
            raise
        except AzureError as error:
            if self._known:
                logger.warning("TenantID couldn't be read again, so its last value still counts: %s", error)
            raise
        if self._known is None or began > self._known[1]:  # an abandoned read may return after a later one
            self._known = (tenant, began)
        return tenant

    def _guid(self) -> str:
        tenant = self._vault.read("TenantID").value.reveal().strip().lower()
        if not is_guid(tenant):
            raise NotFoundError(f"The secret TenantID of key vault '{self._vault.name}' holds no tenant GUID.")
        return tenant
