"""What CIPP's tables show of when its processes read their keys. This module never writes them.

The tables and their columns are from CIPP's public source, and were never read from a real CIPP. A missing or
unreadable table shows nothing, which is not an error.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.cipp.starts import last_boot, version_record
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, NotFoundError
from backend.readings import Json, object_of, objects_of, text_of, texts_of, time_or_none

if TYPE_CHECKING:
    from concurrent.futures import Future

    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.tables")
T = TypeVar("T")
_MISMATCH: Final = "key vault"  # in an error of the check: CIPP's memory differs from the vault


class Sign(Enum):
    """A row in CIPP's tables that shows when a process read its keys."""

    ACCESS_CHECK = "the permissions check, which reads the keys again each night"
    BOOT = "the last start of the instance"
    VERSION = "the first start of this version"


@dataclass(frozen=True)
class AccessCheck:
    """CIPP's last permissions check.

    - `at` is when it ended, by the storage.
    - `app_id` is the app as which CIPP signed in, "" if it could not.
    - `user` is the user of the refresh token, "" if CIPP could not redeem it.
    - `is_mismatch`: CIPP reported that its keys differ from those in the vault.
    """

    at: datetime
    app_id: str = ""
    user: str = ""
    is_mismatch: bool = False


@dataclass(frozen=True)
class KeyReads:
    """The signs in CIPP's tables. None is unknown."""

    access_check: AccessCheck | None = None
    booted: datetime | None = None
    version_since: datetime | None = None


def read_key_reads(clients: Clients, signs: Collection[Sign], now: datetime, deadline: Deadline) -> KeyReads:
    """Return what the tables of these signs show, read concurrently until the deadline. It never raises."""
    readers: dict[Sign, Callable[[TableServiceClient], Any]] = {
        Sign.ACCESS_CHECK: _access_check,
        Sign.BOOT: partial(last_boot, now=now),
        Sign.VERSION: lambda tables: version_record(tables).since,
    }
    try:
        tables = clients.cipp_tables()
    except BackendError as error:
        logger.info("When CIPP read its keys is unknown: %s", error)
        return KeyReads()
    if tables is None:
        return KeyReads()
    reading = {
        sign: background.start(partial(_read, partial(readers[sign], tables), sign), name=f"read {sign.value}")
        for sign in signs
    }
    found = {sign: _by(deadline, future, sign) for sign, future in reading.items()}
    return KeyReads(found.get(Sign.ACCESS_CHECK), found.get(Sign.BOOT), found.get(Sign.VERSION))


def access_check_of(data: object, at: datetime) -> AccessCheck:
    """Return a permissions check by its data, a JSON text. Unreadable details are missing. Pure."""
    try:
        check = object_of(json.loads(text_of(data)))
    except (ValueError, RecursionError):
        check = {}
    app, user = object_of(check.get("ApplicationTokenDetails")), object_of(check.get("AccessTokenDetails"))
    errors = check.get("ErrorMessages")
    texts = [json.dumps(error) for error in (errors if isinstance(errors, list) else [errors])]
    return AccessCheck(
        at,
        app_id=text_of(app.get("AppId")),
        user=text_of(user.get("UserPrincipalName")) or text_of(user.get("Name")),
        is_mismatch=any(_MISMATCH in text.lower() for text in texts),
    )


def _access_check(tables: "TableServiceClient") -> AccessCheck | None:
    row = tables.get_table_client("AccessChecks").get_entity("AccessCheck", "AccessPermissions")
    at = time_or_none(row.metadata.get("timestamp"))
    return access_check_of(_joined(row, "Data"), at) if at else None


def _joined(row: Mapping[str, Any], name: str) -> str:
    """Return a text of a row. CIPP stores one of more than 30,000 characters in parts, which `SplitOverProps` lists."""
    if whole := text_of(row.get(name)):
        return whole
    try:
        parts: list[Json] = _listed(json.loads(text_of(row.get("SplitOverProps"))))
    except (ValueError, RecursionError):
        return ""
    names = next((texts_of(part.get("SplitHeaders")) for part in parts if part.get("OriginalHeader") == name), [])
    return "".join(text_of(row.get(part)) for part in names)


def _listed(value: object) -> list[Json]:
    return [value] if isinstance(value, dict) else objects_of(value)


def _read(read: Callable[[], T], sign: Sign) -> T | None:
    try:
        with while_trying_to(f"read {sign.value} in CIPP's tables"):
            return read()
    except NotFoundError:  # the table or its row is missing
        return None
    except BackendError as error:
        logger.info("When CIPP read its keys is unknown: %s", error)
        return None


def _by(deadline: Deadline, future: "Future[Any]", sign: Sign) -> Any:  # noqa: ANN401 - a value of any reader
    try:
        return background.by(deadline, future, what=f"read {sign.value} in CIPP's tables")
    except BackendError as error:
        logger.info("When CIPP read its keys is unknown: %s", error)
        return None
