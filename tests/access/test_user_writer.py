"""Writes of CIPP's table of users: with faults, and with CIPP's own writes in between."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from azure.data.tables import EntityProperty

from backend.access.allowed_users import TABLE
from backend.access.users.rows import AUTO, MANUAL, ROLES, SOURCE, Content
from backend.access.users.writer import AllowedUsersWriter
from backend.errors import BackendError, ConflictError, NotFoundError
from settings.http.process import services
from tests.support.api import Api
from tests.support.bad_days import IMPATIENT
from tests.support.cipp import Cipp, cipp_of
from tests.support.sandbox_client import Sandbox

ANN, BEN, CAT = "ann@contoso.com", "ben@contoso.com", "cat@contoso.com"
STORAGE = {"host": "127.0.0.1", "path": rf"/{TABLE}\(PartitionKey="}
WRITES = ("PATCH", "POST", "DELETE")


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    """A CIPP with two superadmins."""
    with cipp_of(azure) as made:
        put(made, ANN, "superadmin")
        put(made, BEN, "superadmin")
        yield made
        azure.faults([])


def put(cipp: Cipp, name: str, *manual: str, auto: tuple[str, ...] = (), **columns: object) -> None:
    cipp.others.row(TABLE, "User", name, **Content(manual, auto).columns, **columns)


def rows(cipp: Cipp) -> dict[str, dict[str, Any]]:
    return {row["RowKey"]: row for row in cipp.others.rows(TABLE)}


def roles(cipp: Cipp) -> dict[str, list[str]]:
    return {key: json.loads(row[ROLES]) for key, row in rows(cipp).items()}


def writer(**settings: str) -> AllowedUsersWriter:
    Api()
    return AllowedUsersWriter(services().clients, lambda: settings)


def test_row_has_cipps_exact_format(cipp: Cipp) -> None:
    cipp.custom_role("my-role")
    written = writer().set_roles("Cat@Contoso.com", ["my-role", "editor"])
    assert written.is_new
    row = rows(cipp)[CAT]
    assert row == {
        "PartitionKey": "User",
        "RowKey": CAT,
        ROLES: '["editor","my-role"]',
        MANUAL: '["editor","my-role"]',
        AUTO: "[]",
        SOURCE: "Manual",
    }


def test_other_columns_and_roles_by_groups_stay_and_spellings_are_merged(cipp: Cipp) -> None:
    typed: dict[str, object] = {
        "Big": EntityProperty(2**40, "Edm.Int64"),
        "Id": UUID("5a1d0b0c-0000-4000-8000-000000000001"),
        "When": datetime(2026, 9, 1, 12, 0, 0, 123456, tzinfo=UTC),
        "Raw": b"\x00\xff",
        "LastSync": "2026-09-01T12:00:00.0000000Z",
    }
    put(cipp, CAT, "editor", Note="mine")
    put(cipp, "Cat@contoso.com", "readonly", auto=("admin",), Note="other", **typed)
    cipp.others.row(TABLE, "Stray", CAT.upper(), Roles='["superadmin"]')
    written = writer().set_roles(CAT, ["readonly"])
    assert not written.is_new
    assert len(written.steps) == 3
    found = [row for row in cipp.others.rows(TABLE) if row["RowKey"].lower() == CAT]
    (row,) = found
    assert row == {
        "PartitionKey": "User",
        "RowKey": CAT,
        "Note": "mine",
        **Content(("readonly",), ("admin",)).columns,
        **typed,
    }


def test_dry_run_and_a_refusal_write_nothing(cipp: Cipp, azure: Sandbox) -> None:
    before = rows(cipp)
    azure.faults([{"method": method, **STORAGE, "mode": "refuse", "status": 400, "times": 0} for method in WRITES])
    service = writer()
    assert service.set_roles(CAT, ["admin"], dry_run=True).steps
    assert service.remove(ANN, dry_run=True).steps
    for by in (frozenset({ANN}), frozenset({ANN.upper(), "x"})):
        with pytest.raises(ConflictError):
            service.remove(ANN, by=by)
    moved = writer(App__Auth__UserTableName="others")
    with pytest.raises(ConflictError, match="App__Auth__UserTableName"):
        moved.set_roles(CAT, ["admin"])
    with pytest.raises(ConflictError, match="App__Auth__UserTableName"):
        moved.remove(ANN, dry_run=True)
    assert rows(cipp) == before


def test_missing_table_is_not_created(cipp: Cipp) -> None:
    cipp.others.tables.delete_table(TABLE)
    with pytest.raises(NotFoundError):
        writer().set_roles(CAT, ["admin"])
    assert cipp.others.rows(TABLE) == []
    assert TABLE not in {table.name for table in cipp.others.tables.list_tables()}


@pytest.mark.slow("it waits for a response that hangs, several times")
@pytest.mark.parametrize(
    "fault",
    [
        {"mode": "refuse", "status": 403},
        {"mode": "refuse", "status": 412},
        {"mode": "refuse", "status": 503},
        {"mode": "drop-before"},
        {"mode": "drop-after"},
        {"mode": "hang"},
        {"mode": "refuse-then-do", "status": 500},
    ],
    ids=lambda fault: f"{fault['mode']} {fault.get('status', '')}",
)
def test_repeated_change_ends_correctly_after_any_fault(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    put(cipp, CAT, "editor", Note="mine")
    put(cipp, CAT.title(), "editor")
    service, struck = writer(), 0
    changes: list[tuple[str, Callable[[], object]]] = [
        (rf"RowKey='{CAT}'", lambda: service.set_roles(CAT, ["admin"])),
        (rf"RowKey='(?-i:{CAT.title()})'", lambda: service.set_roles(CAT, ["admin"])),
        (rf"/{TABLE}$", lambda: service.set_roles("dan@contoso.com", ["editor"])),
        (r"RowKey='ben", lambda: service.remove(BEN)),
    ]
    for path, change in changes:
        for times in (1, 3):
            azure.faults([{"method": m, "host": "127.0.0.1", "path": path, "times": times, **fault} for m in WRITES])
            try:
                change()
            except BackendError:
                assert roles(cipp)[ANN] == ["superadmin"]
            struck += any(planted["seen"] for planted in azure.control("GET", "faults")["faults"])
            azure.faults([])
        try:
            change()
        except NotFoundError:
            assert BEN not in rows(cipp)
    assert roles(cipp) == {ANN: ["superadmin"], CAT: ["admin"], "dan@contoso.com": ["editor"]}
    assert rows(cipp)[CAT]["Note"] == "mine"
    assert struck >= 3


def test_write_of_cipp_in_between_is_kept(cipp: Cipp, azure: Sandbox) -> None:
    put(cipp, CAT, "editor")
    azure.faults([{"method": "PATCH", **STORAGE, "mode": "hold"}])
    with ThreadPoolExecutor(1) as threads:
        service = writer()
        change = threads.submit(service.set_roles, CAT, ["readonly"])
        azure.wait_until_held(or_else=change.done)
        put(cipp, CAT, "editor", auto=("admin",), LastSync="2026-09-01T12:00:00.0000000Z")
        azure.faults([])
        change.result()
    row = rows(cipp)[CAT]
    assert row == {
        "PartitionKey": "User",
        "RowKey": CAT,
        "LastSync": "2026-09-01T12:00:00.0000000Z",
        **Content(("readonly",), ("admin",)).columns,
    }


@pytest.mark.parametrize("removes", [True, False])
def test_change_is_undone_if_cipp_takes_the_last_other_superadmin(cipp: Cipp, azure: Sandbox, removes: bool) -> None:
    before = rows(cipp)[ANN]
    method = "DELETE" if removes else "PATCH"
    azure.faults([{"method": method, **STORAGE, "mode": "hold"}])
    with ThreadPoolExecutor(1) as threads:
        service = writer()
        change = threads.submit(lambda: service.remove(ANN) if removes else service.set_roles(ANN, ["editor"]))
        azure.wait_until_held(or_else=change.done)
        put(cipp, BEN, "editor")
        azure.faults([])
        with pytest.raises(ConflictError):
            change.result()
    assert rows(cipp)[ANN] == before


def test_undo_gives_a_row_its_former_meaning(cipp: Cipp, azure: Sandbox) -> None:
    cipp.others.tables.get_table_client(TABLE).delete_entity("User", ANN)
    cipp.others.row(TABLE, "User", ANN, Roles='["superadmin"]', Note="kept")
    azure.faults([{"method": "PATCH", **STORAGE, "mode": "hold"}])
    with ThreadPoolExecutor(1) as threads:
        service = writer()
        change = threads.submit(lambda: service.set_roles(ANN, ["editor"]))
        azure.wait_until_held(or_else=change.done)
        put(cipp, BEN, "editor")
        azure.faults([{"method": "PATCH", **STORAGE, "mode": "hold", "body": "superadmin"}])
        azure.wait_until_held(or_else=change.done)
        cipp.others.row(TABLE, "User", ANN, Other="CIPP's")
        azure.faults([])
        with pytest.raises(ConflictError):
            change.result()
    found = rows(cipp)[ANN]
    assert (found["Note"], found["Other"]) == ("kept", "CIPP's")
    assert json.loads(found[ROLES]) == json.loads(found[MANUAL]) == ["superadmin"]
    assert (found[AUTO], found[SOURCE]) == ("[]", "Manual")


def test_two_writers_of_this_app_keep_one_superadmin(cipp: Cipp) -> None:
    service = writer()

    def remove(name: str) -> bool:
        try:
            service.remove(name)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(remove, [ANN, BEN])) == [False, True]
    assert len(rows(cipp)) == 1


def test_user_who_is_written_all_the_time_is_a_conflict(cipp: Cipp, azure: Sandbox) -> None:
    put(cipp, CAT, "editor")
    answer = {"status": 412, "body": {"odata.error": {"code": "UpdateConditionNotSatisfied"}}}
    azure.faults([{"method": "PATCH", **STORAGE, "answer": answer, "times": 0}])
    with pytest.raises(ConflictError):
        writer().set_roles(CAT, ["admin"])
    assert roles(cipp)[CAT] == ["editor"]
