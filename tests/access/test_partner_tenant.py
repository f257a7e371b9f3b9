"""The partner's tenant: read again in time and before a refusal, and bounded while the vault hangs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.cipp import ask
from tests.support.principals import user
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

VAULT_HOST = f"{names.VAULT}.vault.azure.net"
HANG = {"host": VAULT_HOST, "path": "/secrets/TenantID", "mode": "hang", "times": 0}


def reads(azure: Sandbox) -> int:
    """Return how often TenantID was read. The first read of a process is tried without a token, too."""
    return len([call for call in azure.calls(VAULT_HOST) if "/secrets/TenantID" in call["path"]])


@pytest.fixture
def shorter(nowhere: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lifetimes that a test can sit through."""
    nowhere.setattr("backend.access.partner_tenant.LIFETIME_SECONDS", 2.0)
    nowhere.setattr("backend.access.partner_tenant.RECENT_SECONDS", 0.2)
    return nowhere


def test_a_corrected_tenant_id_counts_before_its_people_are_refused(azure: Sandbox) -> None:
    others, wrong = Others(azure), str(uuid4())
    others.store("TenantID", wrong)
    api = Api()
    assert ask(user("superadmin", tid=wrong), api=api).status == 200
    others.store("TenantID", names.TENANT_ID)
    time.sleep(1.1)
    assert ask(user("superadmin"), api=api).status == 200
    assert ask(user("superadmin", tid=wrong), api=api).status == 403


def test_invisible_character_in_tenant_id_is_named(azure: Sandbox) -> None:
    Others(azure).store("TenantID", f"{names.TENANT_ID}\u200b")
    answer = ask(user("superadmin"), api=Api())
    assert phrases.at_position("U+200B (ZERO WIDTH SPACE)", 37) in answer.results
    assert names.TENANT_ID not in answer.results


def test_a_wrong_tenant_id_is_not_served_beyond_its_lifetime(azure: Sandbox, shorter: pytest.MonkeyPatch) -> None:
    del shorter
    others, wrong = Others(azure), str(uuid4())
    others.store("TenantID", wrong)
    api = Api()
    assert ask(user("superadmin", tid=wrong), api=api).status == 200
    others.store("TenantID", names.TENANT_ID)
    time.sleep(2.1)
    assert ask(user("superadmin", tid=wrong), api=api).status == 403


def test_groups_count_again_after_tenant_id_was_corrected(azure: Sandbox, shorter: pytest.MonkeyPatch) -> None:
    others = Others(azure)
    others.store("TenantID", str(uuid4()))
    shorter.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    shorter.setattr("backend.access.partner_tenant.LIFETIME_SECONDS", 300.0)
    others.row("AccessRoleGroups", "AccessRoleGroups", "admin", GroupId=names.GROUP_ID, GroupName="A group")
    try:
        api = Api()
        assert ask(user(), api=api).body["permissions"] == []
        others.store("TenantID", names.TENANT_ID)
        time.sleep(0.3)
        assert ask(user(), api=api).body["permissions"] != []
    finally:
        others.tables.delete_table("AccessRoleGroups")


def test_the_last_tenant_counts_with_a_warning_while_the_vault_hangs(
    azure: Sandbox, shorter: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shorter.setenv("AZURE_DEADLINE_SECONDS", "1")
    shorter.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    api = Api()
    assert ask(user("superadmin"), api=api).status == 200
    azure.faults([HANG])
    time.sleep(2.1)
    for _ in range(3):
        assert ask(user("superadmin"), api=api).status == 200
        assert ask(user("superadmin", tid=str(uuid4())), api=api).status == 403
    assert "Couldn't read TenantID again" in caplog.text


@pytest.mark.parametrize("stored", ["tenantid", "contoso.com"])
def test_a_tenant_id_that_is_not_a_guid_serves_no_caller(
    azure: Sandbox, shorter: pytest.MonkeyPatch, stored: str
) -> None:
    del shorter
    api = Api()
    assert ask(user("superadmin"), api=api).status == 200
    Others(azure).store("TenantID", stored)
    time.sleep(2.1)
    refused = ask(user("superadmin"), api=api)
    assert (refused.status, "ALLOWED_TENANTS" in refused.results) == (500, True)


@pytest.mark.compares_times
def test_unread_tenant_id_delays_only_the_first_call(azure: Sandbox) -> None:
    azure.faults([HANG])
    api = Api()
    began = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: ask(user("superadmin"), api=api), range(6)))
    first = time.monotonic() - began
    began = time.monotonic()
    answers += [ask(user("superadmin"), api=api) for _ in range(20)]
    assert (first < 4, time.monotonic() - began < 1.5) == (True, True)
    assert {answer.status for answer in answers} == {500}
    assert all("ALLOWED_TENANTS" in answer.results for answer in answers)
    assert [thread.name for thread in threading.enumerate()].count(phrases.TENANT_THREAD) == 1


def test_a_failed_read_of_tenant_id_is_remembered_for_seconds(azure: Sandbox) -> None:
    azure.faults([{**HANG, "mode": "refuse", "status": 403}])
    api = Api()
    first = ask(user("superadmin"), api=api)
    assert (first.status, first.body["azureStatus"], "ALLOWED_TENANTS" in first.results) == (500, 403, True)
    before = reads(azure)
    assert {ask(user("superadmin"), api=api).status for _ in range(5)} == {500}
    assert reads(azure) == before
    azure.faults([])
    end = time.monotonic() + 20
    while ask(user("superadmin"), api=api).status != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.compares_times
def test_an_allowed_tenant_needs_no_vault(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    azure.faults([{"mode": "hang", "times": 0}])
    began = time.monotonic()
    assert ask(user("superadmin"), api=Api()).status == 200
    assert time.monotonic() - began < 1
