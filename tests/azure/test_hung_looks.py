"""A look at Azure that hangs: a later caller begins another one, and does not wait for the first for ever."""

import time
from collections.abc import Callable, Iterator

import pytest

from backend.access import sign_in_door
from backend.errors import AzureUnreachableError
from sandbox import names
from settings.http.process import services
from tests.support import phrases
from tests.support.admin import Admin
from tests.support.api import Api
from tests.support.cipp import GRAPH_HOST, MAY, ask, cipp_of
from tests.support.principals import user
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import ARM

ABANDONED_SECONDS = 2.0  # in these tests. On a busy machine, a look takes more than 1 s
SOON_SECONDS = 12.0  # less than the time after which a client gives up a call that hangs, also on a busy machine
READ_SECONDS = "16"
STRICT = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}


@pytest.fixture
def impatient(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Looks are given up soon, while a call to Azure has a long time."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", READ_SECONDS)
    modules = ("azure.cipp_storage", "access.graph_lookups", "access.sign_in_door", "installation.links")
    for module in (*modules, "installation.main_app"):
        nowhere.setattr(f"backend.{module}.MARGIN_SECONDS", ABANDONED_SECONDS - 18.0)
    nowhere.setattr("backend.installation.discovery.ABANDONED_SECONDS", ABANDONED_SECONDS)
    yield nowhere
    azure.faults([])


def hold(azure: Sandbox, **call: str) -> None:
    """Let the next such call hang; those after it are as usual."""
    azure.faults([{**call, "mode": "hold", "times": 1}])


def wait_until(is_so: Callable[[], bool], seconds: float = SOON_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.compares_times
def test_storage_check_that_hangs_fails_in_time_and_is_repeated(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    del impatient
    Api()
    clients = services().clients
    clients.tables()  # loading the SDK is not measured
    hold(azure, host="127.0.0.1", path="/Version")
    began = time.monotonic()
    with pytest.raises(AzureUnreachableError):
        clients.cipp_tables()
    assert clients.cipp_tables() is not None
    assert time.monotonic() - began < SOON_SECONDS


def test_links_warn_of_the_storage_after_a_check_that_hung(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    del impatient
    others = Others(azure)
    for table in others.tables.list_tables():
        others.tables.delete_table(table.name)
    api = Api()
    services().clients.tables()
    hold(azure, host="127.0.0.1", path="/Version")

    def warns() -> bool:
        return phrases.TABLES_ELSEWHERE in str(api.get("ExecBackendURLs").results["Warnings"])

    assert not warns()
    wait_until(warns)


@pytest.mark.compares_times
def test_access_counts_again_after_a_storage_check_that_hung(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    impatient.setattr("backend.access.tables.LIFETIME_SECONDS", 0.5)
    with cipp_of(azure) as cipp:
        cipp.custom_role()
        api = Api()
        services().clients.tables()
        hold(azure, host="127.0.0.1", path="/Version")
        began = time.monotonic()
        with pytest.raises(AzureUnreachableError):
            services().access_tables.read()
        wait_until(lambda: ask(user("admin"), MAY, api).status == 200)
        assert services().access_tables.read() is not None
        assert time.monotonic() - began < SOON_SECONDS


def test_closed_sign_in_opens_after_a_look_that_hung(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    impatient.setattr(sign_in_door, "CLOSED_SECONDS", 0.1)
    impatient.setattr(sign_in_door, "WAIT_SECONDS", 0.5)
    impatient.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    for name, value in (("WEBSITE_INSTANCE_ID", "x"), ("WEBSITE_AUTH_ENABLED", "true")):
        impatient.setenv(name, value)
    impatient.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    Admin(azure).set_sign_in(platform={"enabled": False}, globalValidation=STRICT)
    api = Api()

    def status() -> int:
        return api.call("GET", "me", role=None, headers=user("superadmin")).status

    wait_until(lambda: phrases.SIGN_IN_IS_OFF in api.call("GET", "me", role=None, headers=user("superadmin")).text)
    Admin(azure).set_sign_in(platform={"enabled": True}, globalValidation=STRICT)
    time.sleep(0.2)
    hold(azure, host=ARM, path="/config/authsettingsv2$")
    assert status() == 401
    wait_until(lambda: status() == 200)


def test_groups_are_read_after_a_call_that_hung(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    impatient.setattr("backend.access.graph_lookups.WAIT_SECONDS", 2.5)
    with cipp_of(azure) as cipp:
        cipp.group("admin", names.GROUP_ID)
        api = Api()
        hold(azure, host=GRAPH_HOST, path="/checkMemberGroups$")
        assert ask(user(), MAY, api).status == 403
        wait_until(lambda: ask(user(), MAY, api).status == 200)


def test_discovery_is_repeated_after_a_look_that_hung(azure: Sandbox, impatient: pytest.MonkeyPatch) -> None:
    impatient.setenv("DISCOVERY_TIMEOUT_SECONDS", "0.5")
    api = Api()
    services().clients.web(names.SUBSCRIPTION_ID)
    hold(azure, host=ARM, path="/sites")

    def is_complete() -> bool:
        warnings = api.get("ExecBackendURLs").results["Warnings"]
        return not [warning for warning in warnings if phrases.NOT_CHECKED in warning.lower() or "0.5 s" in warning]

    assert not is_complete()
    wait_until(is_complete)
