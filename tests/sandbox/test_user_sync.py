"""CIPP's sync of users in the sandbox: what it writes, keeps and removes."""

import json
from typing import Any

from sandbox.cipp.user_sync import synced

AT = "2026-09-01T12:00:00.0000000Z"


def row(name: str, source: str, *manual: str, auto: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "PartitionKey": "User",
        "RowKey": name,
        "Roles": json.dumps(sorted({*manual, *auto})),
        "ManualRoles": json.dumps(manual),
        "AutoRoles": json.dumps(auto),
        "Source": source,
    }


def test_members_get_roles_and_others_lose_those_by_groups() -> None:
    rows = [
        row("by-hand@x.com", "Manual", "admin"),
        row("both@x.com", "Both", "editor", auto=("admin",)),
        row("left@x.com", "Auto", auto=("admin",)),
        row("_internal", "Auto", auto=("admin",)),
        row("Case@x.com", "Manual", "readonly"),
        row("case@x.com", "Manual", "editor"),
    ]
    written = synced(rows, {"admin": ["New@x.com", "by-hand@X.com"]}, AT)
    assert written == {
        "both@x.com": {**row("both@x.com", "Manual", "editor"), "LastSync": AT},
        "left@x.com": None,
        "Case@x.com": None,
        "case@x.com": {**row("case@x.com", "Manual", "editor", "readonly"), "LastSync": AT},
        "new@x.com": {**row("new@x.com", "Auto", auto=("admin",)), "LastSync": AT},
        "by-hand@x.com": {**row("by-hand@x.com", "Both", "admin", auto=("admin",)), "LastSync": AT},
    }


def test_sync_that_is_repeated_writes_the_same() -> None:
    rows = [row("by-hand@x.com", "Manual", "admin"), row("both@x.com", "Both", "editor", auto=("admin",))]
    members = {"admin": ["both@x.com"]}
    written = synced(rows, members, AT)
    assert set(written) == {"both@x.com"}
    again = [rows[0], *(one for one in written.values() if one)]
    assert synced(again, members, AT) == written
