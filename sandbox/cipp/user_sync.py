"""CIPP's sync of users, every 15 minutes: the roles by Entra groups in the table allowedUsers. Pure.

It reads the table, computes, and writes whole rows without an ETag. So a write in between is lost, as in CIPP.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

PARTITION: Final = "User"
Columns = Mapping[str, Any]


def synced(rows: Iterable[Columns], members: Mapping[str, Iterable[str]], at: str) -> dict[str, dict[str, Any] | None]:
    """Return what the sync writes by row key, None for a removed row. `members` are names by role.

    - A member gets the role in AutoRoles. A row that only groups made is removed with the last of them.
    - A row that only a person made, and whose user is in no group, is not written.
    - Rows that differ only by case become one. Rows that begin with `_` are skipped.
    """
    users: dict[str, list[Columns]] = {}
    for row in rows:
        if row["PartitionKey"] == PARTITION and not row["RowKey"].startswith("_"):
            users.setdefault(row["RowKey"].lower(), []).append(row)
    wanted: dict[str, set[str]] = {}
    for role, names in members.items():
        for name in names:
            wanted.setdefault(name.lower(), set()).add(role)
    written: dict[str, dict[str, Any] | None] = {}
    for name in sorted({*users, *wanted}):
        found = users.get(name, [])
        written |= {row["RowKey"]: None for row in found if row["RowKey"] != name}
        manual = {role for row in found for role in json.loads(row.get("ManualRoles") or "[]")}
        auto = wanted.get(name, set())
        if not manual and not auto:
            written[name] = None
        elif auto or len(found) > 1 or any(row.get("Source") != "Manual" or row["RowKey"] != name for row in found):
            written[name] = _row(name, manual, auto, at)
    return written


def _row(name: str, manual: set[str], auto: set[str], at: str) -> dict[str, Any]:
    source = "Both" if manual and auto else "Auto" if auto else "Manual"
    return {
        "PartitionKey": PARTITION,
        "RowKey": name,
        "Roles": json.dumps(sorted(manual | auto)),
        "ManualRoles": json.dumps(sorted(manual)),
        "AutoRoles": json.dumps(sorted(auto)),
        "Source": source,
        "LastSync": at,
    }
