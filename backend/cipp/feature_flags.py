"""CIPP's feature flag for certificate-only mode, in its table FeatureFlags. This module never writes it.

In certificate-only mode CIPP signs in with its certificate, and its client secret is a fallback or does not exist. The
flag is from CIPP's public source of September 2026, and was never read from a real CIPP.
"""

import logging
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backend.azure.cipp_storage import NotCippsStorageError
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.errors import BackendError, NotFoundError

logger = logging.getLogger("cipp.tables")
TABLE: Final = "FeatureFlags"
PARTITION: Final = "FeatureFlag"
ROW: Final = "CertificateAuthentication"
NO_STORAGE: Final = "CIPP's storage account is not configured. Set CIPP_STORAGE."
_UNKNOWN_VALUE: Final = f"Enabled of the row {ROW} in CIPP's table {TABLE} is neither true nor false."


class Flag(Enum):
    """The state of a feature flag."""

    ON = "on"
    OFF = "off"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class CertificateFlag:
    """The flag of certificate-only mode.

    `problem` is why it can't be read, "" if it was read. `without_storage` is why CIPP's tables are not known.
    """

    state: Flag = Flag.OFF
    problem: str = ""
    without_storage: str = ""

    def if_needed(self, *, is_needed: bool) -> "CertificateFlag":
        """Return the flag for a CIPP where it must be read: unreadable if CIPP's tables are not known."""
        if is_needed and self.without_storage:
            return CertificateFlag(Flag.UNREADABLE, self.without_storage)
        return self


def read_certificate_flag(clients: Clients) -> CertificateFlag:
    """Return the flag. A missing table or row is off, as in every CIPP before September 2026. It never raises.

    Without CIPP's storage account the flag is off, too, and `without_storage` is set.
    """
    try:
        tables = clients.cipp_tables()
        if tables is None:
            return CertificateFlag(without_storage=NO_STORAGE)
        with while_trying_to(f"read CIPP's table {TABLE}"):
            row = tables.get_table_client(TABLE).get_entity(PARTITION, ROW)
    except NotFoundError:
        return CertificateFlag()
    except NotCippsStorageError as error:
        return CertificateFlag(without_storage=str(error))
    except BackendError as error:
        logger.info("CIPP's flag for certificate-only mode is unknown: %s", error)
        return CertificateFlag(Flag.UNREADABLE, str(error))
    return flag_of(row.get("Enabled"))


def flag_of(value: object) -> CertificateFlag:
    """Return the flag of a value: a boolean or a case-insensitive text. Other values are unreadable. Pure."""
    match str(value).strip().lower() if isinstance(value, bool | str) else "":
        case "true":
            return CertificateFlag(Flag.ON)
        case "false":
            return CertificateFlag(Flag.OFF)
        case _:
            return CertificateFlag(Flag.UNREADABLE, _UNKNOWN_VALUE)
