"""When CIPP on a container looks for an update of its own, in its table ContainerUpdateSettings. Never written here."""

import logging

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.cipp.night import UpdateTime, update_time_of
from backend.errors import BackendError, NotFoundError

logger = logging.getLogger("cipp.tables")
TABLE = "ContainerUpdateSettings"


def read_update_time(clients: Clients) -> UpdateTime:
    """Return the time. If the row is missing or can't be read, it is CIPP's default. It never raises."""
    try:
        tables = clients.cipp_tables()
        if tables is None:
            return UpdateTime()
        with while_trying_to(f"read CIPP's table {TABLE}"):
            return update_time_of(tables.get_table_client(TABLE).get_entity("Settings", "UpdateConfig"))
    except NotFoundError:
        return UpdateTime()
    except BackendError as error:
        logger.info("When CIPP looks for an update is unknown: %s", error)
        return UpdateTime()
