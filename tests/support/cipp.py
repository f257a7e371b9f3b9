"""CIPP's access tables, as CIPP itself writes them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from azure.data.tables import UpdateMode

from backend.access.allowed_users import TABLE as USERS
from backend.access.tables import TABLES
from sandbox.cipp.user_sync import synced
from tests.support.api import Answer, Api
from tests.support.principals import CLIENT_ID
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

READ = "CIPP.AppSettings.Read"
MAY = "ListKeyRotations"  # CIPP requires it, and it does not call Azure
GRAPH_HOST = "graph.microsoft.com"


class Cipp:
    """CIPP, which configures access."""

    def __init__(self, azure: Sandbox) -> None:
        self.others = Others(azure)

    def custom_role(self, name: str = "helpers", *permissions: str, **fields: object) -> None:
        stored = {f"x{number}": permission for number, permission in enumerate(permissions or (READ,))}
        whole = {"Permissions": stored, "AllowedTenants": ["AllTenants"], **fields}
        self._row("CustomRoles", name, **{field: json.dumps(value) for field, value in whole.items()})

    def client(self, client_id: str = CLIENT_ID, role: str = "admin", **fields: object) -> None:
        usual = {"AppName": "Scripts", "Role": role, "IPRange": '["Any"]', "Enabled": True}
        self._row("ApiClients", client_id, **{**usual, **fields})

    def group(self, role: str, group_id: str) -> None:
        self._row("AccessRoleGroups", role, GroupId=group_id, GroupName="A group")

    def ranges(self, role: str, *ranges: str) -> None:
        self._row("AccessIPRanges", role, IPRanges=json.dumps(ranges))

    def user(self, name: str, *roles: str, partition: str = "User", **fields: object) -> None:
        """Write a row of a user of a container CIPP."""
        self.others.row(USERS, partition, name, **{"Roles": json.dumps(roles), "Source": "Manual", **fields})

    def sync(self, members: Mapping[str, Iterable[str]]) -> Callable[[], None]:
        """Begin CIPP's sync of users: read the table, and return what writes the result later. Names by role."""
        written = synced(self.others.rows(USERS), members, "2026-09-01T12:00:00.0000000Z")
        table = self.others.tables.get_table_client(USERS)

        def write() -> None:
            for key, row in written.items():
                if row is None:
                    table.delete_entity("User", key)
                else:
                    table.upsert_entity(row, mode=UpdateMode.REPLACE)

        return write

    def forget(self, table: str, key: str) -> None:
        self.others.tables.get_table_client(table).delete_entity(table, key)

    def clear(self) -> None:
        for table in (*TABLES, USERS):
            self.others.tables.delete_table(table)

    def _row(self, table: str, key: str, **fields: object) -> None:
        self.others.row(table, table, key, **fields)


@contextmanager
def cipp_of(azure: Sandbox) -> Iterator[Cipp]:
    """Yield CIPP without any of these tables. They are removed again afterwards."""
    cipp = Cipp(azure)
    cipp.clear()
    try:
        yield cipp
    finally:
        cipp.clear()


def at(address: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the same caller from an address."""
    return {**headers, "x-forwarded-for": address}


def ask(headers: Mapping[str, str], name: str = "me", api: Api | None = None) -> Answer:
    """Call as a caller with these headers."""
    return (api or Api()).call("GET", name, role=None, headers=headers)


def roles(headers: Mapping[str, str], api: Api | None = None) -> set[str]:
    """Return CIPP's roles in the response of `me`."""
    answer = ask(headers, api=api)
    assert answer.status == 200, answer.text
    return set(answer.body["clientPrincipal"]["userRoles"]) - {"authenticated", "anonymous"}


def looks(azure: Sandbox) -> list[str]:
    """Return the paths of the requests to Graph for a user."""
    return [call["path"] for call in azure.calls(GRAPH_HOST) if re.search(r"/users/[^/]+$", call["path"])]


def questions(azure: Sandbox) -> list[str]:
    """Return the requests to Graph about groups."""
    return [call["request_body"] for call in azure.calls(GRAPH_HOST) if call["path"].endswith("/checkMemberGroups")]
