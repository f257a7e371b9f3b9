"""The partner tenant: TenantID in the vault, read again every five minutes. Requires get on the vault's secrets."""

import logging
import math
from typing import Final

from backend.concurrency.cached import Cached
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import AzureError, NotFoundError
from backend.formats import is_guid
from backend.key_vault.vault import DisabledError, KeyVault
from backend.text.pasted_text import Takes, problem_with_text

logger = logging.getLogger("cipp.access")
LIFETIME_SECONDS: Final = 300.0  # so long a wrong TenantID counts after it was corrected
RECENT_SECONDS: Final = 1.0  # before a tenant is denied, an older TenantID is read again
WAIT_SECONDS: Final = 2.5  # from the start of a read, so a caller that joins it waits less
FAILURE_SECONDS: Final = 5.0


class PartnerTenant:
    """The service for the partner tenant. One read at a time. If the vault times out, the last value counts."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self._tenant = Cached(
            self._read,
            action="read TenantID from the vault",
            lifetime=math.inf,
            failure_seconds=FAILURE_SECONDS,
            wait_seconds=WAIT_SECONDS,
        )

    @property
    def last(self) -> str:
        """The tenant of the last read, even if it is old, or "" before the first read."""
        return self._tenant.peek() or ""

    def current(self, seat: Seat = NOT_NEEDED) -> str:
        """Return the partner tenant in lower case, at most `LIFETIME_SECONDS` old if the vault responds.

        Raises:
            NotFoundError: The vault has no TenantID that is a GUID.
            AzureError: The vault refused or timed out, and the tenant was never read.
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        return self._at_most(LIFETIME_SECONDS, seat)

    def recent(self, seat: Seat = NOT_NEEDED) -> str:
        """Return the partner tenant, at most `RECENT_SECONDS` old, for a decision to deny. Raises as `current`."""
        return self._at_most(RECENT_SECONDS, seat)

    def is_partner(self, tenant: str, seat: Seat = NOT_NEEDED) -> bool:
        """Return whether a tenant, in lower case, is the partner tenant. Raises as `current`."""
        return tenant == self.current(seat) or tenant == self.recent(seat)

    def _at_most(self, age_seconds: float, seat: Seat) -> str:
        try:
            return self._tenant.get(max_age=age_seconds, seat=seat)
        except AzureError as error:
            last = self.last
            if not last or isinstance(error, DisabledError):
                raise
            return last  # a vault that times out does not show that TenantID has changed

    def _read(self) -> str:
        try:
            return self._guid()
        except (NotFoundError, DisabledError):
            self._tenant.forget()  # the vault responded, so the last value no longer counts
            raise
        except AzureError as error:
            if self.last:
                logger.warning("Couldn't read TenantID again. Its last value still counts: %s", error)
            raise

    def _guid(self) -> str:
        tenant = self._vault.read("TenantID").value.reveal().strip().lower()
        if not is_guid(tenant):
            problem = problem_with_text(tenant, Takes.NAME)
            raise NotFoundError(
                f"The secret TenantID in key vault '{self._vault.name}' is not a GUID"
                f"{f': it {problem}' if problem else ''}."
            )
        return tenant
