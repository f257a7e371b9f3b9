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
    """The state of a feature flag.

    `UNCONFIGURED`: this app does not know CIPP's storage account, so it can never read the flag.
    """

    ON = "on"
    OFF = "off"
    UNREADABLE = "unreadable"
    UNCONFIGURED = "unconfigured"


@dataclass(frozen=True)
class CertificateFlag:
    """The flag of certificate-only mode. `problem` is why it can't be read, "" if it was read."""

    state: Flag = Flag.OFF
    problem: str = ""

    @property
    def if_needed(self) -> "CertificateFlag":
        """The flag for a CIPP where it must be read, which is unreadable if the storage account is not known."""
        return CertificateFlag(Flag.UNREADABLE, self.problem) if self.state is Flag.UNCONFIGURED else self


def read_certificate_flag(clients: Clients) -> CertificateFlag:
    """Return the flag. A missing table or row is off, as in every CIPP before September 2026. It never raises.

    Without CIPP's storage account it is unconfigured.
    """
    try:
        tables = clients.cipp_tables()
        if tables is None:
            return CertificateFlag(Flag.UNCONFIGURED, NO_STORAGE)
        with while_trying_to(f"read CIPP's table {TABLE}"):
            row = tables.get_table_client(TABLE).get_entity(PARTITION, ROW)
    except NotFoundError:
        return CertificateFlag()
    except NotCippsStorageError as error:
        return CertificateFlag(Flag.UNCONFIGURED, str(error))
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
