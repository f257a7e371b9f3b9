"""CIPP's access tables in real table storage: read concurrently, and unreachable."""

import time
from collections.abc import Iterator

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.cipp import MAY, READ, Cipp, ask, cipp_of
from tests.support.principals import user, visitor
from tests.support.sandbox_client import Sandbox
from tests.support.silence import silent_storage


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def test_a_role_that_was_taken_away_is_gone_within_seconds(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr("backend.access.tables.LIFETIME_SECONDS", 0.3)
    cipp.custom_role("helpers")
    api = Api()
    assert ask(visitor("a@b", "helpers"), MAY, api).status == 200
    cipp.forget("CustomRoles", "helpers")
    time.sleep(0.4)
    assert ask(visitor("a@b", "helpers"), MAY, api).status == 403


def test_the_tables_are_read_once_in_a_while_and_never_made(cipp: Cipp) -> None:
    api = Api()
    for _ in range(3):
        assert api.get(MAY, role="admin").status == 200
    assert api.get(MAY, x_ms_client_principal=visitor("a@b", "helpers")["x-ms-client-principal"]).status == 403
    assert {table.name for table in cipp.others.tables.list_tables()}.isdisjoint({"CustomRoles", "ApiClients"})


@pytest.mark.compares_times
@pytest.mark.parametrize("setting", ["silent", "unreadable", "none"])
def test_only_base_roles_count_when_the_tables_can_not_be_read(
    cipp: Cipp, nowhere: pytest.MonkeyPatch, setting: str
) -> None:
    cipp.custom_role("helpers")
    cipp.group("admin", names.GROUP_ID)
    with silent_storage() as silent:
        if setting == "none":
            nowhere.delenv("AzureWebJobsStorage")
        else:
            nowhere.setenv("CIPP_STORAGE", silent if setting == "silent" else "nonsense")
        nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
        api = Api()
        began = time.monotonic()
        assert api.get("ListFunctionApps", role="superadmin").status == 200
        for headers in (visitor("a@b", "helpers"), visitor(), user("helpers"), user()):
            refused = ask(headers, "ListFunctionApps", api)
            assert (refused.status, refused.body["permission"]) == (403, READ), refused.text
            assert "unreachable" in refused.results
        assert api.get("ListFunctionApps", role="admin").status == 200
        assert "readonly" in api.get("ListFunctionApps", role="readonly").results
        assert time.monotonic() - began < 15


@pytest.mark.compares_times
def test_hanging_storage_delays_a_base_role_briefly_and_not_each_time(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del azure
    with silent_storage() as silent:
        nowhere.setenv("CIPP_STORAGE", silent)
        api = Api()
        began = time.monotonic()
        assert api.get("me", role="admin").status == 200
        first = (
            time.monotonic() - began
        )  # longer than later: until the tables were read, no range of addresses is known
        began = time.monotonic()
        for _ in range(20):
            assert api.get("me", role="admin").status == 200
        assert (2.5 < first < 7.5, time.monotonic() - began < 2) == (True, True)
    assert phrases.ACCESS_TABLES_UNREACHABLE in caplog.text
