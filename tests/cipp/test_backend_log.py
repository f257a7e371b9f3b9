"""ListBackendLog: this app's entries in CIPP's Logbook, page by page, and nothing else."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from backend.cipp import backend_log
from backend.cipp.backend_log import days_of
from backend.cipp.log_entries import LogEntry, LogFilter, Place, entry_of, place_of, read_place
from backend.errors import InvalidInputError
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.planted import MARKER
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.silence import silent_storage

TABLE = "CippLogs"
ADDRESS = "203.0.113.7"
STORAGE = "127.0.0.1"
NOON = datetime(2026, 9, 2, 12, 0, tzinfo=UTC)
Json = Any  # what JSON may hold


@pytest.fixture
def others(azure: Sandbox) -> Iterator[Others]:
    """A CIPP with an empty Logbook, in whose zone it is about noon."""
    azure.reset(now=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", propagation_seconds=0)
    made = Others(azure)
    made.clear_tables()
    hours = 12 - datetime.now(UTC).hour
    made.zone(f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")
    yield made
    azure.faults([])
    made.clear_tables()


def today(others: Others) -> date:
    zone = others.rows("Config")[0]["Timezone"]
    return datetime.now(ZoneInfo(zone)).date()


def plant(others: Others, days_ago: int = 0, *, data: object = None, **columns: Any) -> str:  # noqa: ANN401 - any column
    """Write an entry as this app does, and return its ID."""
    entry_id = str(uuid4())
    known = {
        "Endpoint": "ExecFunctionAppStop",
        "UserId": "5a1d0b0c",
        "Role": "superadmin",
        "Address": ADDRESS,
        "DryRun": False,
        "Outcome": "done",
        "CorrelationId": "a-call",
    }
    row = {
        "API": "Backend",
        "Message": "ExecFunctionAppStop: Stopped.",
        "Username": "admin@contoso.com",
        "Severity": "Info",
        "Tenant": "None",
        "TenantID": "None",
        "IP": ADDRESS,
        "LogData": json.dumps(known if data is None else data),
        **columns,
    }
    day = today(others) - timedelta(days=days_ago)
    others.row(
        TABLE, f"{day:%Y%m%d}", str(columns.get("RowKey", entry_id)), **{n: v for n, v in row.items() if n != "RowKey"}
    )
    return entry_id


def page(query: str = "", role: str = "superadmin") -> Json:
    answer = listed(query, role)
    assert answer.status == 200, answer.text
    return answer.results


def listed(query: str = "", role: str = "superadmin") -> Answer:
    return Api().get(f"ListBackendLog{query}", role=role)


def test_write_operation_and_rotation_are_listed_with_their_correlation_id(others: Others) -> None:
    del others
    api = Api()
    stopped = api.post("ExecFunctionAppStop", {"DryRun": True})
    rotated = api.post("ExecKeyRotation", {"Names": ["RefreshToken"]})
    assert (stopped.status, rotated.status) == (200, 200)
    found = page()
    assert (found["Before"], found["Notes"]) == (None, [])
    called = next(entry for entry in found["Entries"] if entry["Endpoint"] == "ExecKeyRotation")
    key = next(entry for entry in found["Entries"] if entry["Key"])
    first = next(entry for entry in found["Entries"] if entry["Endpoint"] == "ExecFunctionAppStop")
    assert len(found["Entries"]) == 3
    assert {called["CorrelationId"], key["CorrelationId"]} == {rotated.headers["x-correlation-id"]}
    assert first["CorrelationId"] == stopped.headers["x-correlation-id"]
    assert (first["Api"], first["DryRun"], first["Outcome"], first["User"]) == (
        "Backend",
        True,
        "done",
        "admin@contoso.com",
    )
    assert (key["Api"], key["Outcome"], key["Key"], key["User"]) == ("Key Rotation", "rotated", "RefreshToken", "CIPP")
    assert key["RunId"] == rotated.results["RunId"]
    assert found["Entries"][-1] == first  # the newest is first


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"a", "b", "c"}),
        ("?User=PAT", {"b"}),
        ("?User=contoso.com", {"a", "b"}),
        ("?User=nobody", set()),
        ("?Endpoint=execkeyrotation", {"b"}),
        ("?Endpoint=ExecKey", set()),
        ("?Outcome=DENIED", {"a"}),
        ("?Outcome=rotated", {"c"}),
        ("?User=pat&Outcome=done", set()),
    ],
)
def test_log_is_filtered_by_user_endpoint_and_outcome(others: Others, query: str, found: set[str]) -> None:
    plant(others, Message="a", data={"Endpoint": "ExecFunctionAppStop", "Outcome": "denied"})
    data = {"Endpoint": "ExecKeyRotation", "Outcome": "failed"}
    plant(others, Message="b", Username="Pat@contoso.com", data=data)
    plant(others, Message="c", API="Key Rotation", Username="CIPP", data={"Key": "RefreshToken", "Outcome": "rotated"})
    assert {entry["Message"] for entry in page(query)["Entries"]} == found


@pytest.mark.each_value
@pytest.mark.parametrize(
    "query",
    [
        "Outcome=unchanged",
        "Top=0",
        "Top=101",
        "Top=-1",
        "Top=ten",
        "Top=00000",
        "Top=%D9%A1",  # a digit of another script
        "Before=yesterday",
        "Before=2026-11-30T12:00:00",
        "Before=2026-11-30T12:00:00Z_1",
        "Before=2026-13-30T12:00:00Z",
    ],
)
def test_invalid_query_is_refused_with_its_field(others: Others, query: str) -> None:
    del others
    answer = listed(f"?{query}")
    assert (answer.status, answer.body["field"]) == (400, query.partition("=")[0])


@pytest.mark.each_value
@pytest.mark.parametrize(
    ("role", "address", "message"),
    [
        ("superadmin", ADDRESS, f"Denied: your address is {ADDRESS}."),
        ("admin", None, "Denied: your address is [address hidden]."),
    ],
)
def test_only_superadmins_see_addresses(others: Others, role: str, address: str | None, message: str) -> None:
    plant(others, Message=f"Denied: your address is {ADDRESS}.")
    plant(others, Message=f"Denied: your address is {ADDRESS}.", data={"Endpoint": "me", "Outcome": "denied"})
    answer = listed(role=role)
    assert (ADDRESS in answer.text) is (role == "superadmin")
    entries = answer.results["Entries"]
    assert {entry["Message"] for entry in entries} == {message}
    assert {entry["Address"] for entry in entries} == {address, None}


@pytest.mark.parametrize("role", ["readonly", "editor"])
def test_log_is_denied_without_permission(others: Others, role: str) -> None:
    del others
    assert listed(role=role).status == 403


OF_OTHERS: tuple[dict[str, Any], ...] = (
    {"API": "Standards"},
    {"API": "Alerts"},
    {"API": "backend "},
    {"LogData": "not JSON"},
    {"LogData": "[" * 9_000},
    {"LogData": "[]"},
    {"LogData": "null"},
    {"LogData": 7},
    {"LogData": "{}"},
    {"LogData": json.dumps({"Endpoint": "x"})},
    {"LogData": json.dumps({"Endpoint": 7, "Outcome": "done"})},
    {"LogData": json.dumps({"Outcome": "done"})},
    {"LogData": json.dumps({"Endpoint": "x", "Outcome": ["done"]})},
    {"API": "Key Rotation", "LogData": json.dumps({"Endpoint": "x"})},
    {"RowKey": "not a GUID"},
)


def test_entries_of_others_are_left_out(others: Others) -> None:
    for columns in OF_OTHERS:
        plant(others, **columns)
    own = plant(others)
    assert [entry["Id"] for entry in page()["Entries"]] == [own]


def test_entry_with_odd_values_has_what_can_be_read(others: Others) -> None:
    data = {"Endpoint": "x", "Outcome": "done", "DryRun": "yes", "LeftOut": -1, "CorrelationId": 7, "Role": []}
    plant(others, data=data, Username=7, Severity=True, Message=1.5, IP=7, Tenant=7, TenantID="")
    (entry,) = page()["Entries"]
    assert {name: value for name, value in entry.items() if name not in ("Id", "Time")} == {
        **dict.fromkeys(("Severity", "CorrelationId", "DryRun", "UserId", "AppId", "Roles", "Address", "LeftOut")),
        **dict.fromkeys(("Key", "RunId", "Tenant", "TenantId")),
        "Api": "Backend",
        "User": "",
        "Message": "",
        "Outcome": "done",
        "Endpoint": "x",
    }


@pytest.mark.each_value
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\u202egnp.exe", "x" * 16_000])
def test_hostile_text_of_an_entry_is_data(others: Others, name: str) -> None:
    plant(others, Username=name)
    assert page()["Entries"][0]["User"] == name


def test_credential_in_an_entry_is_hidden(others: Others) -> None:
    secret = f"0.A{MARKER}{'x' * 40}"
    plant(others, Message=f"Failed with client_secret={secret}")
    answer = listed()
    assert secret not in answer.text
    assert "[hidden]" in answer.text


def test_pages_show_every_entry_once_and_end(others: Others) -> None:
    ids = {plant(others, Message=str(number)) for number in range(7)}
    seen: list[str] = []
    query = "?Top=3"
    sizes = []
    while True:
        found = page(query)
        times = [entry["Time"] for entry in found["Entries"]]
        assert times == sorted(times, reverse=True)
        seen += [entry["Id"] for entry in found["Entries"]]
        sizes.append(len(found["Entries"]))
        if found["Before"] is None:
            break
        query = f"?Top=3&Before={found['Before']}"
    assert (sizes, len(seen), set(seen)) == ([3, 3, 1], 7, ids)


def test_page_that_is_exactly_full_is_the_last(others: Others) -> None:
    for _ in range(3):
        plant(others)
    found = page("?Top=3")
    assert (len(found["Entries"]), found["Before"]) == (3, None)


def test_days_before_today_are_read_up_to_two_weeks(others: Others) -> None:
    found = {plant(others, days) for days in (0, 1, 13, 14)}
    plant(others, 17)
    assert {entry["Id"] for entry in page()["Entries"]} == found


def test_entries_older_than_two_weeks_are_left_out_of_the_oldest_day(
    others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plant(others)
    assert [entry["Id"] for entry in page()["Entries"]] == [found]
    monkeypatch.setattr(backend_log, "DAYS", 0)
    assert page()["Entries"] == []


def test_page_that_is_full_needs_one_query(others: Others) -> None:
    for _ in range(2):
        plant(others)
    plant(others, 1)

    def queries() -> int:
        return len([call for call in others.azure.calls(tables=True) if f"/{TABLE}(" in call["path"]])

    before = queries()
    page("?Top=1")
    assert queries() - before == 1
    page("?Top=2")  # an entry of another day may be the third
    assert queries() - before > 2


@pytest.mark.parametrize(
    ("before", "days"),
    [
        (NOON, [date(2026, 9, 2) - timedelta(days=back) for back in range(15)]),
        (NOON + timedelta(days=400), [date(2026, 9, 2) - timedelta(days=back) for back in range(15)]),
        (NOON - timedelta(days=13), [date(2026, 8, 20), date(2026, 8, 19)]),
        (NOON - timedelta(days=14), [date(2026, 8, 19)]),
        (NOON - timedelta(days=15), []),
        (datetime.min.replace(tzinfo=UTC), []),
        (datetime.max.replace(tzinfo=UTC), [date(2026, 9, 2) - timedelta(days=back) for back in range(15)]),
    ],
)
def test_days_begin_at_the_place_and_end_after_two_weeks(before: datetime, days: list[date]) -> None:
    assert days_of(before, NOON, UTC) == days


@pytest.mark.parametrize(
    ("now", "zone", "first", "last"),
    [
        (datetime(2026, 9, 2, 23, 49, tzinfo=UTC), "UTC", date(2026, 9, 2), date(2026, 8, 19)),
        (datetime(2026, 9, 2, 23, 51, tzinfo=UTC), "UTC", date(2026, 9, 3), date(2026, 8, 19)),
        (datetime(2026, 9, 2, 0, 5, tzinfo=UTC), "UTC", date(2026, 9, 2), date(2026, 8, 18)),
        (NOON, "Pacific/Kiritimati", date(2026, 9, 3), date(2026, 8, 20)),
        (NOON, "Pacific/Pago_Pago", date(2026, 9, 2), date(2026, 8, 19)),
    ],
)
def test_days_are_those_of_cipps_zone_with_a_margin_for_clocks(
    now: datetime, zone: str, first: date, last: date
) -> None:
    days = days_of(now, now, ZoneInfo(zone))
    assert (days[0], days[-1]) == (first, last)


def entry(time: datetime, number: int = 0) -> LogEntry:
    row = {"RowKey": f"{number:08d}-0000-0000-0000-000000000000", "Timestamp": time, "API": "Key Rotation"}
    found = entry_of({**row, "LogData": "{}"}, shows_addresses=False)
    assert found is not None
    return found


def test_entries_of_one_time_have_an_order() -> None:
    places = [place_of(entry(NOON, number)) for number in (1, 2)]
    assert places[0] < places[1]
    wanted = LogFilter(top=1, before=read_place(places[1].text))
    assert [wanted.takes(entry(NOON, number)) for number in (1, 2, 3)] == [True, False, False]
    at_noon = LogFilter(top=1, before=read_place("2026-09-02T12:00:00Z"))
    assert [at_noon.takes(entry(NOON - timedelta(microseconds=back))) for back in (0, 1)] == [False, True]


def test_first_moment_of_the_log_is_included() -> None:
    wanted = LogFilter(top=1, since=NOON)
    assert [wanted.takes(entry(NOON - timedelta(microseconds=back))) for back in (0, 1)] == [True, False]


def test_place_survives_a_query() -> None:
    place = Place(NOON + timedelta(microseconds=1), str(uuid4()))
    assert read_place(place.text) == place
    with pytest.raises(InvalidInputError):
        read_place(f"{place.text}x")


REFUSED = {"host": STORAGE, "path": TABLE, "times": 0, "mode": "refuse", "status": 403}


def test_refused_log_is_a_failure_with_its_reason(others: Others) -> None:
    plant(others)
    others.azure.faults([REFUSED])
    answer = listed()
    assert answer.status == 500
    assert "403" in answer.results


def test_older_days_that_are_refused_end_the_page(others: Others) -> None:
    own = plant(others)
    plant(others, 1)
    others.azure.faults([{**REFUSED, "nth": 2}])
    found = page()
    assert [entry["Id"] for entry in found["Entries"]] == [own]
    assert "403" in found["Notes"][0]
    others.azure.faults([])
    place = read_place(found["Before"])
    assert (datetime.now(UTC) - place.time) < timedelta(days=1)
    assert page(f"?Before={found['Before']}")["Before"] is None


@pytest.mark.compares_times
def test_slow_log_is_a_failure_in_time(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    del others
    monkeypatch.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("AZURE_DEADLINE_SECONDS", "1")
    with silent_storage() as connection:
        monkeypatch.setenv("CIPP_STORAGE", connection)
        began = datetime.now(UTC)
        assert listed().status == 500
        assert datetime.now(UTC) - began < timedelta(seconds=8)


def test_days_beyond_the_time_limit_are_another_page(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    own = plant(others)
    monkeypatch.setattr(backend_log, "SECONDS", 0.0)
    assert listed().status == 500
    monkeypatch.setattr(backend_log, "SECONDS", 1e9)
    assert page()["Entries"][0]["Id"] == own


def test_flood_of_entries_is_cut_with_a_note(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_log, "MOST", 2)
    for _ in range(3):
        plant(others)
    found = page()
    assert phrases.TOO_MANY_ENTRIES in found["Notes"][0]
    assert page("?User=another")["Notes"] == []


def test_log_is_empty_before_cipp_creates_it(others: Others) -> None:
    others.tables.delete_table(TABLE)
    assert page() == {"Entries": [], "Before": None, "Notes": []}


def test_log_without_storage_names_the_setting(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    del others
    for name in ("CIPP_STORAGE", "AzureWebJobsStorage"):
        monkeypatch.setenv(name, "")
    answer = listed()
    assert (answer.status, "CIPP_STORAGE" in answer.results) == (500, True)


def test_log_of_a_storage_that_is_not_cipps_is_refused(others: Others) -> None:
    for table in list(others.tables.list_tables()):
        others.tables.delete_table(table.name)
    answer = listed()
    assert phrases.OF_ANOTHER_ACCOUNT in answer.results
    assert answer.status == 500
