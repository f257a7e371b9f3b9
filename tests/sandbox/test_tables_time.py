"""CIPP's tables by connection string: Azurite behind the sandbox's time, otherwise unchanged."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import pytest
import requests
from azure.core import MatchConditions
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceModifiedError
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from sandbox import names
from sandbox.clock import Clock
from sandbox.tables.timestamps import filters_by_timestamp, shifted
from tests.support.admin import Admin
from tests.support.sandbox.vault_calls import identity_token
from tests.support.sandbox_client import Sandbox

START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
LEVELS = ["nometadata", "minimalmetadata", "fullmetadata"]
SOON = timedelta(seconds=30)
TABLE = "SandboxTime"


@dataclass(frozen=True)
class Identity:
    """This app's identity, with the role."""

    token: str

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self.token, 2_000_000_000)


@pytest.fixture
def tables(sandbox: Sandbox) -> Iterator[TableServiceClient]:
    sandbox.reset(now=START.isoformat())
    client = TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"])
    client.create_table_if_not_exists(TABLE)
    yield client
    client.delete_table(TABLE)
    sandbox.reset()


@pytest.fixture
def table(tables: TableServiceClient) -> TableClient:
    return tables.get_table_client(TABLE)


@pytest.fixture
def by_identity(sandbox: Sandbox, table: TableClient, nowhere: pytest.MonkeyPatch) -> TableClient:
    """The same table, for a caller with a token."""
    del table
    for name, value in sandbox.env.items():
        nowhere.setenv(name, value)
    Admin(sandbox).give_role("Storage Table Data Contributor", names.RESOURCE_GROUP_ID)
    identity = Identity(identity_token(sandbox, "https://storage.azure.com"))
    address = f"https://{names.STORAGE_ACCOUNT}.table.core.windows.net"
    return TableServiceClient(address, credential=identity).get_table_client(TABLE)


def row(key: str, **properties: object) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": key, **properties}


def stamped(table: TableClient, key: str) -> datetime:
    moment = table.get_entity("p", key).metadata["timestamp"]
    assert moment
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)


def signed(sandbox: Sandbox, method: str, query: str = "", **headers: str) -> requests.Response:
    """Call the table with a self-made signature, as any client of Azure Storage can."""
    parts = dict(part.split("=", 1) for part in sandbox.env["AzureWebJobsStorage"].split(";"))
    date, resource = formatdate(usegmt=True), f"/devstoreaccount1/{TABLE}()"
    text = f"{date}\n/{parts['AccountName']}{resource}".encode()
    made = hmac.new(base64.b64decode(parts["AccountKey"]), text, hashlib.sha256).digest()
    authorization = f"SharedKeyLite {parts['AccountName']}:{base64.b64encode(made).decode()}"
    url = f"{parts['TableEndpoint']}/{TABLE}(){query}"
    sent = {"x-ms-date": date, "x-ms-version": "2019-02-02", "Authorization": authorization, **headers}
    session = requests.Session()
    session.trust_env = False
    return session.request(method, url, headers=sent)


def test_connection_string_leads_only_tables_to_the_sandbox(sandbox: Sandbox) -> None:
    parts = dict(part.split("=", 1) for part in sandbox.env["AzureWebJobsStorage"].split(";"))
    assert parts["TableEndpoint"] == f"{sandbox.env['SANDBOX_URL']}/devstoreaccount1"
    for name in ("BlobEndpoint", "QueueEndpoint"):
        assert not parts[name].startswith(sandbox.env["SANDBOX_URL"])
        assert requests.get(parts[name], timeout=10).headers["server"].startswith("Azurite")


@pytest.mark.parametrize("client", ["table", "by_identity"])
def test_row_and_date_have_the_sandboxs_time(client: str, request: pytest.FixtureRequest) -> None:
    table: TableClient = request.getfixturevalue(client)
    dates: list[str] = []
    table.create_entity(row("1"))
    table.get_entity("p", "1", raw_response_hook=lambda answer: dates.append(answer.http_response.headers["Date"]))
    for moment in (stamped(table, "1"), parsedate_to_datetime(dates[0])):
        assert timedelta(seconds=-1) < moment - START < SOON


@pytest.mark.parametrize("level", LEVELS)
def test_timestamp_is_shifted_at_every_metadata_level(sandbox: Sandbox, table: TableClient, level: str) -> None:
    table.create_entity(row("1", Note='"Timestamp":"2001-01-01T00:00:00Z"', Data=json.dumps({"Timestamp": "2001"})))
    answer = signed(sandbox, "GET", Accept=f"application/json;odata={level}")
    (found,) = answer.json()["value"]
    assert timedelta(seconds=-1) < datetime.fromisoformat(found["Timestamp"]) - START < SOON
    assert found["Note"] == '"Timestamp":"2001-01-01T00:00:00Z"'
    assert found["Data"] == '{"Timestamp": "2001"}'
    assert ("odata.etag" in found) == (level != "nometadata")


def test_row_keeps_the_time_at_which_it_was_written(sandbox: Sandbox, table: TableClient) -> None:
    table.create_entity(row("before"))
    written = stamped(table, "before")
    sandbox.advance(86_400)
    table.create_entity(row("after"))
    assert stamped(table, "before") == written
    assert timedelta(days=1) <= stamped(table, "after") - written < timedelta(days=1) + SOON


def test_row_older_than_the_reset_is_older_than_its_start(sandbox: Sandbox, table: TableClient) -> None:
    table.create_entity(row("1"))
    time.sleep(0.2)
    sandbox.reset(now="2050-01-01T00:00:00Z", clock_rate=100)
    start = datetime(2050, 1, 1, tzinfo=UTC)
    assert start - timedelta(minutes=30) < stamped(table, "1") <= start - timedelta(seconds=20)


def test_rows_time_passes_at_the_clocks_rate(sandbox: Sandbox, table: TableClient) -> None:
    sandbox.reset(now=START.isoformat(), clock_rate=600)
    table.upsert_entity(row("1"))
    time.sleep(0.2)
    table.upsert_entity(row("2"))
    assert timedelta(seconds=110) < stamped(table, "2") - stamped(table, "1") < timedelta(hours=1)


@pytest.mark.parametrize("client", ["table", "by_identity"])
def test_etags_are_unchanged(sandbox: Sandbox, client: str, request: pytest.FixtureRequest) -> None:
    table: TableClient = request.getfixturevalue(client)
    etag = str(table.create_entity(row("1"))["etag"])
    sandbox.advance(60)
    assert str(table.get_entity("p", "1").metadata["etag"]) == etag
    if_same: dict[str, Any] = {"mode": UpdateMode.MERGE, "match_condition": MatchConditions.IfNotModified}
    newer = table.update_entity(row("1", A=1), etag=etag, **if_same)["etag"]
    with pytest.raises(ResourceModifiedError):
        table.update_entity(row("1", A=2), etag=etag, **if_same)
    table.update_entity(row("1", A=3), etag=newer, **if_same)


@pytest.mark.parametrize("client", ["table", "by_identity"])
def test_batch_of_rows_is_written_and_listed_by_page(client: str, request: pytest.FixtureRequest) -> None:
    table: TableClient = request.getfixturevalue(client)
    for first in range(0, 300, 100):
        table.submit_transaction([("create", row(f"{n:04}", N=n)) for n in range(first, first + 100)])
    pages = [list(page) for page in table.list_entities(results_per_page=120).by_page()]
    assert [len(page) for page in pages] == [120, 120, 60]
    assert [found["N"] for page in pages for found in page] == list(range(300))
    moments = [found.metadata["timestamp"] for page in pages for found in page]
    assert all(moment and timedelta(seconds=-1) < moment - START < SOON for moment in moments)
    with pytest.raises(HttpResponseError):
        table.submit_transaction([("create", row("new")), ("create", row("0001"))])
    assert len(list(table.query_entities("RowKey eq 'new'"))) == 0


def test_wrong_key_is_refused_by_azurite(sandbox: Sandbox) -> None:
    endpoint = f"{sandbox.env['SANDBOX_URL']}/devstoreaccount1"
    wrong = AzureNamedKeyCredential("devstoreaccount1", base64.b64encode(b"wrong").decode())
    with pytest.raises(HttpResponseError, match="failed to authenticate"):
        list(TableServiceClient(endpoint, credential=wrong).list_tables())
    with pytest.raises(HttpResponseError):
        list(
            TableServiceClient(
                endpoint, credential=AzureNamedKeyCredential("another", wrong.named_key.key)
            ).list_tables()
        )


@pytest.mark.parametrize("client", ["table", "by_identity"])
def test_filter_by_timestamp_is_refused_with_501(client: str, request: pytest.FixtureRequest) -> None:
    table: TableClient = request.getfixturevalue(client)
    table.create_entity(row("1"))
    with pytest.raises(HttpResponseError, match="can't filter by Timestamp") as refused:
        list(table.query_entities("Timestamp ge @since", parameters={"since": START}))
    assert refused.value.status_code == 501
    assert (
        len(list(table.query_entities("RowKey eq 'Timestamp' or RowKey eq '1'", select=["RowKey", "Timestamp"]))) == 1
    )


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("$filter=Timestamp%20ge%20datetime'2026-01-01T00:00:00Z'", b"", True),
        ("%24filter=(A%20eq%201)%20and%20not%20(timestamp%20lt%20datetime'2026-01-01T00:00:00Z')", b"", True),
        ("$top=1&$filter=A+eq+'it''s'+and+Timestamp+gt+datetime'2026-01-01T00:00:00Z'", b"", True),
        ("$filter=A%20eq%20'Timestamp%20ge''%20Timestamp'", b"", False),
        ("$filter=Timestamps%20eq%201&$select=Timestamp", b"", False),
        ("", b"--b\r\n\r\nGET http://x/T()?$filter=Timestamp%20ge%20datetime'2026' HTTP/1.1\r\n\r\n--b--", True),
        ("", b"--b\r\n\r\nPOST http://x/T HTTP/1.1\r\n\r\n{}\r\n--b--", False),
    ],
)
def test_filter_that_names_timestamp_is_found(query: str, body: bytes, *, expected: bool) -> None:
    assert filters_by_timestamp(query, body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"Timestamp":"2026-01-02T03:04:05.1234567Z"}', b'{"Timestamp":"2026-01-03T03:04:05.1234567Z"}'),
        (b'{"Timestamp":"2026-12-31T23:59:59Z","A":1}', b'{"Timestamp":"2027-01-01T23:59:59Z","A":1}'),
        (b'{"Timestamp" : "2028-02-28T00:00:00.5Z"}', b'{"Timestamp" : "2028-02-29T00:00:00.5Z"}'),
        (rb'{"A":"\"Timestamp\":\"2026-01-02T03:04:05Z\""}', None),
        (b'{"Timestamps":"2026-01-02T03:04:05Z"}', None),
        (b'{"A":"2026-01-02T03:04:05Z","Timestamp@odata.type":"Edm.DateTime"}', None),
        (b"", None),
    ],
)
def test_only_the_rows_own_timestamp_is_shifted(body: bytes, expected: bytes | None) -> None:
    class ADayAhead(Clock):
        def at(self, real: datetime) -> datetime:
            return real + timedelta(days=1)

    assert shifted(body, ADayAhead()) == (body if expected is None else expected)


def test_calls_by_key_are_listed_only_when_requested(sandbox: Sandbox, table: TableClient) -> None:
    sandbox.web().get("https://graph.microsoft.com/v1.0/x")
    table.create_entity(row("1"))
    assert [call["host"] for call in sandbox.calls()] == ["graph.microsoft.com"]
    made = sandbox.calls(tables=True)[-1]
    assert (made["method"], made["host"], made["path"]) == ("POST", "127.0.0.1", f"/devstoreaccount1/{TABLE}")
    assert made["status"] == 201
    assert "authorization" not in made["request_headers"]


@pytest.mark.parametrize(("host", "struck"), [(None, False), ("*", False), ("127.*", False), ("127.0.0.1", True)])
def test_fault_applies_to_calls_by_key_only_when_it_names_their_host(
    sandbox: Sandbox, table: TableClient, host: str | None, *, struck: bool
) -> None:
    fault: dict[str, object] = {"mode": "refuse", "status": 403, **({"host": host} if host else {})}
    sandbox.faults([fault])
    create: Callable[[], object] = lambda: table.create_entity(row("1"))  # noqa: E731 - called in two ways
    if struck:
        with pytest.raises(HttpResponseError, match="planted"):
            create()
    else:
        create()
    assert sandbox.control("GET", "faults")["faults"][0]["seen"] == int(struck)


def test_idle_connections_to_azurite_are_not_reused(table: TableClient) -> None:
    for _ in range(2):
        table.upsert_entity(row("1"))
        time.sleep(6)  # Azurite closes an idle connection after 5 s
    table.upsert_entity(row("1"))
