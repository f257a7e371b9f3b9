"""The check whether the configured storage account is CIPP's: whether it has a table that every CIPP has.

Azure creates a new account for each function app by default. In such an account, CIPP's tables are not empty but
unreachable: roles, address ranges and tenants are unknown, and CIPP's Logbook is elsewhere.
"""

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.concurrency.cached import MARGIN_SECONDS, Cached
from backend.configuration.storage_settings import StorageSettings
from backend.errors import AzureRefusedError, NotConfiguredError, NotFoundError, UnreadableResponseError

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

TABLES: Final = ("Version", "Config", "Tenants")  # CIPP creates them when it starts. The most likely is first
LIFETIME_SECONDS: Final = 3.0  # a CIPP that is being set up is detected after this time
_REFUSED: Final = (401, 403)  # for any cause: the read that follows is also refused, and names it


class NotCippsStorageError(NotConfiguredError):
    """The storage account has none of CIPP's tables. The message names the account and the settings."""


class CippStorage:
    """The check of one storage account. Requires read access to one of the tables, by key, signature or role.

    The result that the account is CIPP's is cached for the process, any other result for `LIFETIME_SECONDS`. A check is
    abandoned if it takes longer than the deadline of one call to Azure, because a lost connection might never end it.
    """

    def __init__(self, settings: StorageSettings, client: "TableServiceClient", deadline_seconds: float) -> None:
        self._settings = settings
        self._client = client
        self._is_cipps = Cached(
            self._look,
            action="check whose storage it is",
            lifetime=lambda is_cipps: math.inf if is_cipps else LIFETIME_SECONDS,
            abandoned_seconds=deadline_seconds + MARGIN_SECONDS,
            survives_writes="a write does not change whose storage it is",
        )

    def require(self) -> None:
        """Raise unless the account has a table of CIPP, or this app can't see whether it has one.

        Without the right, or behind a firewall, the result is unknown. The read that follows names the cause.

        Raises:
            NotCippsStorageError: The account has none of CIPP's tables.
            AzureError: The account timed out, or is busy.
        """
        if self._is_cipps.get() is False:
            raise NotCippsStorageError(
                f"{self._settings.sentence_start} has none of CIPP's tables ({', '.join(TABLES)}), so CIPP's tables "
                "are unreachable.",
                advice="Set CIPP_STORAGE or CIPP_STORAGE__tableServiceUri to CIPP's account.",
            )

    def _look(self) -> bool | None:
        """Return whether one of the tables exists, or None if this app lacks the right to see it.

        They are checked one by one. The first exists in nearly every CIPP, so one call is usually enough.
        """
        is_refused = False
        for table in TABLES:
            try:
                with while_trying_to(f"look for CIPP's table {table}"):
                    entities = self._client.get_table_client(table).list_entities
                    with suppress(UnreadableResponseError):  # the table exists, even if its rows are unreadable
                        rows(entities, most=1, results_per_page=1, select=["PartitionKey"])
            except NotFoundError:
                continue
            except AzureRefusedError as error:
                if error.status not in _REFUSED:
                    raise
                is_refused = True
                continue
            return True
        return None if is_refused else False
