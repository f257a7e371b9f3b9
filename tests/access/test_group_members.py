"""Members of Entra groups: looked up in Microsoft Graph, cached for a minute, and denied if unknown."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from backend.errors import AzureUnreachableError
from backend.sam_app.graph import json_of
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.cipp import GRAPH_HOST, MAY, READ, Cipp, ask, cipp_of, questions, roles
from tests.support.principals import claims, user
from tests.support.sandbox.sign_in import GRAPH
from tests.support.sandbox_client import Sandbox

CHECK = "/checkMemberGroups$"
ME_IN_EMPTY = f"groups/{names.EMPTY_GROUP_ID}/members"


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def test_group_lookup_requests_only_groups_of_the_table_twenty_per_call(cipp: Cipp, azure: Sandbox) -> None:
    for number in range(22):
        cipp.custom_role(f"role{number}")
        cipp.group(f"role{number}", str(uuid4()))
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", "not a guid")
    assert roles(user()) == {"admin"}
    assert sorted(body.count("-") // 4 for body in questions(azure)) == [3, 20]


def test_groups_are_cached_and_a_new_role_counts_after_expiry(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    cipp.group("superadmin", names.EMPTY_GROUP_ID)
    nowhere.setattr("backend.access.graph_lookups.LIFETIME_SECONDS", 4.0)
    api = Api()
    assert [roles(user(), api) for _ in range(3)] == [set()] * 3
    assert len(questions(azure)) == 1
    join(cipp)
    end = time.monotonic() + 20
    while roles(user(), api) != {"superadmin"}:
        assert time.monotonic() < end
        time.sleep(0.1)


def join(cipp: Cipp) -> None:
    """An admin puts the member into the empty group."""
    secrets = {n: v[-1]["value"] for n, v in cipp.others.azure.state()["vaults"][names.VAULT]["secrets"].items()}
    form = {"client_secret": secrets["ApplicationSecret"], "refresh_token": secrets["RefreshToken"]}
    token = cipp.others.token(grant_type="refresh_token", **form).json()["access_token"]
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.MEMBER_ID}"}
    headers = {"Authorization": f"Bearer {token}"}
    assert cipp.others.web.post(f"{GRAPH}/v1.0/{ME_IN_EMPTY}/$ref", json=link, headers=headers).ok


@pytest.mark.parametrize(
    "fault",
    [
        {"host": GRAPH_HOST, "path": CHECK, "mode": "refuse", "status": 403},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "refuse", "status": 503},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "drop-before"},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "hang"},
        {"host": "login.*", "path": "/token$", "mode": "refuse", "status": 500},
        {"host": "*.vault.azure.net", "path": "ApplicationSecret", "mode": "refuse", "status": 403},
        {"host": "*.vault.azure.net", "path": "ApplicationID", "mode": "refuse", "status": 404},
    ],
    ids=str,
)
def test_group_roles_are_denied_without_graph_and_count_again_soon_after(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1.5")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    azure.faults([{**fault, "times": 0}])
    api = Api()
    refused = ask(user(), MAY, api)
    assert (refused.status, refused.body["permission"]) == (403, READ)
    assert "Graph" in refused.results
    assert "Directory.Read.All" in refused.results
    assert "Graph" in ask(user(), api=api).body["message"]
    azure.faults([])
    end = time.monotonic() + 20  # a sign-in that failed is remembered for some seconds
    while roles(user(), api) != {"admin"}:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_newly_granted_right_is_effective_immediately(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    roles_alone: dict[str, object] = {"alter": {"claims": {"roles": ["GroupMember.Read.All"]}}}
    azure.faults([{"path": "/token$", "host": "login.*", "mode": "alter", "times": 0, **roles_alone}])
    api = Api()
    assert roles(user(), api) == set()
    azure.faults([])
    assert roles(user(), api) == {"admin"}


def test_hanging_graph_delays_only_the_first_caller_for_long(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setattr("backend.access.graph_lookups.WAIT_SECONDS", 4.0)
    nowhere.setattr("backend.access.graph_lookups.SHORT_WAIT_SECONDS", 0.5)
    azure.faults([{"host": "login.*", "path": "/token$", "mode": "hang", "times": 0}])
    api, took = Api(), []
    for _ in range(3):
        began = time.monotonic()
        assert ask(user(oid=str(uuid4())), MAY, api).status == 403
        took.append(time.monotonic() - began)
    azure.faults([])
    for asking in [thread for thread in threading.enumerate() if thread.name == phrases.GROUPS_THREAD]:
        asking.join()  # it retries now, and this must not count in the next test
    assert [seconds > 2 for seconds in took] == [True, False, False]


@pytest.mark.parametrize(("status", "anew"), [(400, False), (429, False), (503, False), (401, True), (403, True)])
def test_sam_app_signs_in_again_only_after_a_refusal_by_graph(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, status: int, anew: bool
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setattr("backend.sam_app.graph.READ_RETRIES", 0)
    azure.faults([{"host": GRAPH_HOST, "path": CHECK, "mode": "refuse", "status": status, "times": 0}])
    api = Api()
    assert roles(user(), api) == set()
    before = len(azure.calls("login.microsoftonline.com"))
    assert [roles(user(), api) for _ in range(2)] == [set()] * 2
    assert (len(azure.calls("login.microsoftonline.com")) > before) is anew


def test_concurrent_callers_share_one_group_lookup(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    api = Api()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: roles(user(), api), range(8))) == [{"admin"}] * 8
    assert len(questions(azure)) == 1


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"null", b"7", b"\xff", b"[" * 100_000])
def test_unreadable_response_of_graph_counts_as_unreachable(content: bytes) -> None:
    assert (json_of("look", b'{"value": []}'), json_of("look", None)) == ({"value": []}, {})
    with pytest.raises(AzureUnreachableError, match="Graph"):
        json_of("look", content)


@pytest.mark.parametrize("oid", [names.MEMBER_NAME, "5a1d0b0c", f"{names.MEMBER_ID}/", "../groups"])
def test_invalid_id_is_never_looked_up(cipp: Cipp, azure: Sandbox, oid: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(user(oid=oid)) == set()
    assert azure.calls(GRAPH_HOST) == []


@pytest.mark.parametrize("name", ["upn", "preferred_username", "email", "unique_name"])
def test_display_name_does_not_identify_a_user(cipp: Cipp, name: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    token = {"oid": str(uuid4()), name: names.MEMBER_NAME}
    assert roles({"x-ms-client-principal": claims(tid=names.TENANT_ID, sub="x", scp="y", **token)}) == set()


def test_user_of_another_allowed_tenant_has_only_the_roles_of_the_token(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    cipp.group("admin", names.GROUP_ID)
    other = str(uuid4())
    nowhere.setenv("ALLOWED_TENANTS", other)
    assert roles(user(tid=other)) == set()
    assert roles(user("editor", tid=other)) == {"editor"}
    assert azure.calls(GRAPH_HOST) == []


def test_a_failed_sign_in_is_remembered_for_seconds(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    azure.faults(
        [{"host": "login.*", "path": "/token$", "mode": "refuse", "status": 401, "aadsts": 7000112, "times": 0}]
    )
    api = Api()
    assert roles(user(), api) == set()
    before = len(azure.calls("login.microsoftonline.com"))
    assert [roles(user(oid=str(uuid4())), api) for _ in range(5)] == [set()] * 5
    assert len(azure.calls("login.microsoftonline.com")) == before


def test_users_who_call_concurrently_join_one_sign_in(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    api = Api()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: roles(user(oid=str(uuid4())), api), range(4))) == [set()] * 4
    assert len([call for call in azure.calls("login.microsoftonline.com") if call["path"].endswith("/token")]) == 1
