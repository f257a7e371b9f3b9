"""Whether the configured storage account is CIPP's: it holds a table that every CIPP has.

Azure proposes an account of its own for each function app. There CIPP's tables are not empty but unreachable:
their roles, address ranges and tenants are unknown, and CIPP's Logbook is elsewhere.
"""

from typing import TYPE_CHECKING, Final

from backend.errors import AzureRefusedError, NotConfiguredError, NotFoundError, while_trying_to
from backend.shared_call import MARGIN_SECONDS, SharedCall
from backend.storage_settings import StorageSettings

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

TABLES: Final = ("Version", "Config", "Tenants")  # CIPP makes them when it starts, in this order of likelihood
LIFETIME_SECONDS: Final = 3.0  # a CIPP that is just being set up is seen after this
_NO_RIGHT: Final = (401, 403)


class NotCippsStorageError(NotConfiguredError):
    """The storage account holds none of CIPP's tables. The message names it, and what to set."""


class CippStorage:
    """The check of one storage account. Requires read access to one of the tables, by key, signature or role.

    That the account is CIPP's is remembered for the process, another result for `LIFETIME_SECONDS`. A look that takes
    longer than the deadline of one call to Azure is given up: a connection that is lost may never end it.
    """

    def __init__(self, settings: StorageSettings, client: "TableServiceClient", deadline_seconds: float) -> None:
        self._settings = settings
        self._client = client
        self._is_cipps = False
        self._most_seconds = deadline_seconds + MARGIN_SECONDS
        self._looks = SharedCall(self._look, name="check whose storage it is", abandoned_seconds=self._most_seconds)

    def require(self) -> None:
        """Return if the account holds a table of CIPP's, or if this app has no right to see whether it does.

        Without the right nothing is known: the read that follows shows what this app may do.

        Raises:
            NotCippsStorageError: It holds none.
            AzureError: The account timed out, or refused for another reason than a missing right.
        """
        if self._is_cipps:
            return
        look = self._looks.attempt(LIFETIME_SECONDS)
        if look.result(look.began + self._most_seconds, what="check whose storage it is") is False:
            raise NotCippsStorageError(
                f"{self._settings.sentence_start} holds none of CIPP's tables ({', '.join(TABLES)}), so CIPP's tables "
                "are unreachable. Set CIPP_STORAGE or CIPP_STORAGE__tableServiceUri to CIPP's account."
            )

    def _look(self) -> bool | None:
        """Return whether one of the tables is there, or None if this app has no right to see it.

        They are looked for one by one: the first is in nearly every CIPP's account, so one call is enough.
        """
        is_refused = False
        for table in TABLES:
            try:
                with while_trying_to(f"look for CIPP's table {table}"):
                    rows = self._client.get_table_client(table).list_entities(
                        results_per_page=1, select=["PartitionKey"]
                    )
                    next(iter(rows), None)
            except NotFoundError:
                continue
            except AzureRefusedError as error:
                if error.status not in _NO_RIGHT:
                    raise
                is_refused = True
                continue
            self._is_cipps = True
            return True
        return None if is_refused else False
