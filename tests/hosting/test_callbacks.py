"""The callbacks of CIPP's sign-in app: added by the first credential that may, and never removed."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from backend.errors import AzureUnreachableError, BackendError
from backend.hosting.container.domains.callbacks import IDENTITY, SAM_APP, Callbacks, by_hand
from backend.sam_app.redirect_uris import MOST, RedirectUris, callback_of
from sandbox import names
from sandbox.permissions import GRAPH_APP_ROLES
from settings.http.process import services
from tests.support.api import Api
from tests.support.bad_days import IMPATIENT
from tests.support.sandbox.person import Person
from tests.support.sandbox.sign_in import GRAPH
from tests.support.sandbox_client import Sandbox

DEFAULT = f"{names.MAIN_SITE}.azurewebsites.net"
NEW = "cipp.contosomsp.com"
APP = f"/applications/{names.SSO_OBJECT_ID}"
OTHERS = "https://others.contosomsp.com/other"


@pytest.fixture
def callbacks(azure: Sandbox) -> Callbacks:
    azure.reset(propagation_seconds=0, shape="container")
    return started()


def started() -> Callbacks:
    """Return the service in a new process, which has no token yet."""
    Api()
    process = services()
    return Callbacks(process.clients, process.discovery, process.sam_graph)


@pytest.fixture
def person(azure: Sandbox, callbacks: Callbacks) -> Person:
    del callbacks
    return Person(azure)


def web(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = person.make("GET", APP)["web"]
    return found


def let_identity_repair(person: Person) -> None:
    """Make the identity an owner, as --allow-repair does."""
    graph = person.make("GET", f"/servicePrincipals(appId='{names.GRAPH_APP_ID}')")["id"]
    role = GRAPH_APP_ROLES["Application.ReadWrite.OwnedBy"]
    body = {"principalId": names.BACKEND_PRINCIPAL_ID, "resourceId": graph, "appRoleId": role}
    person.make("POST", f"/servicePrincipals/{names.BACKEND_PRINCIPAL_ID}/appRoleAssignments", body)
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.BACKEND_PRINCIPAL_ID}"}
    person.make("POST", f"{APP}/owners/$ref", link)


@pytest.fixture
def revoked(azure: Sandbox, callbacks: Callbacks) -> Iterator[None]:
    """Entra refuses every credential of the SAM app."""
    del callbacks  # it resets the sandbox
    azure.faults(
        [{"host": "login.microsoftonline.com", "mode": "refuse", "aadsts": 7000222, "status": 401, "times": 0}]
    )
    yield
    azure.faults([])


def test_missing_callbacks_are_added_beside_all_others(callbacks: Callbacks, person: Person) -> None:
    person.make("PATCH", APP, {"web": {"redirectUris": [*web(person)["redirectUris"], OTHERS]}})
    before = web(person)
    planned = callbacks.add([DEFAULT.upper(), NEW, "*.contosomsp.com"], dry_run=True)
    assert (planned.missing, planned.by, web(person)) == ((NEW,), "", before)
    done = callbacks.add([DEFAULT, NEW.upper(), "*.contosomsp.com"], dry_run=False)
    assert (done.missing, done.by, done.confirmed, done.script) == ((NEW,), SAM_APP, True, "")
    assert web(person) == {**before, "redirectUris": [*before["redirectUris"], callback_of(NEW)]}
    again = callbacks.add([DEFAULT, NEW], dry_run=False)
    assert (again.missing, again.by, again.confirmed) == ((), "", True)
    assert callbacks.read().hosts == {DEFAULT, NEW}


@pytest.mark.usefixtures("revoked")
def test_identity_adds_callbacks_while_cipps_credential_is_expired(callbacks: Callbacks, person: Person) -> None:
    refused = callbacks.add([NEW], dry_run=False)
    assert (refused.by, refused.confirmed) == ("", False)
    assert callback_of(NEW) in refused.script
    assert "7000222" in refused.reasons[0]
    let_identity_repair(person)
    done = started().add([DEFAULT, NEW], dry_run=False)
    assert (done.missing, done.by, done.confirmed) == ((NEW,), IDENTITY, True)
    assert web(person)["redirectUris"] == [callback_of(DEFAULT), callback_of(NEW)]


def test_app_without_the_permission_to_write_returns_the_script(
    azure: Sandbox, callbacks: Callbacks, person: Person
) -> None:
    azure.faults([{"method": "PATCH", "host": "graph.microsoft.com", "mode": "refuse", "status": 403, "times": 0}])
    refused = callbacks.add([NEW], dry_run=False)
    assert (refused.by, refused.missing) == ("", (NEW,))
    assert names.SSO_APP_ID in refused.script
    azure.faults([])
    assert callback_of(NEW) not in web(person)["redirectUris"]


@pytest.mark.parametrize("mode", ["drop-before", "drop-after", "refuse-then-do"])
def test_repeated_addition_ends_with_each_callback_once(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, callbacks: Callbacks, person: Person, mode: str
) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    azure.faults([{"method": "PATCH", "host": "graph.microsoft.com", "mode": mode, "status": 503}])
    # After a 503, this app repeats the PATCH, which succeeds. A lost response is reported.
    with nullcontext() if mode == "refuse-then-do" else pytest.raises(BackendError):
        callbacks.add([NEW], dry_run=False)
    azure.faults([])
    callbacks.add([NEW], dry_run=False)
    assert web(person)["redirectUris"] == [callback_of(DEFAULT), callback_of(NEW)]


def test_list_in_another_form_is_never_written(azure: Sandbox, callbacks: Callbacks, person: Person) -> None:
    edit = {"method": "GET", "host": "graph.microsoft.com", "path": "/applications", "times": 0}
    azure.faults([{**edit, "edit": [["web.redirectUris", None]]}])
    with pytest.raises(AzureUnreachableError):
        callbacks.add([NEW], dry_run=False)
    azure.faults([])
    assert web(person)["redirectUris"] == [callback_of(DEFAULT)]


def test_full_registration_is_not_written(callbacks: Callbacks, person: Person) -> None:
    many = [f"https://h{number}.contosomsp.com/.auth/login/aad/callback" for number in range(MOST)]
    person.make("PATCH", APP, {"web": {"redirectUris": many}})
    with pytest.raises(BackendError, match=str(MOST)):
        callbacks.add([NEW], dry_run=False)
    assert web(person)["redirectUris"] == many


def test_hosts_with_a_callback_are_read_from_addresses_alone() -> None:
    uris = ("https://A.example.com/.auth/login/aad/callback", "http://b.example.com/.auth/login/aad/callback", OTHERS)
    found = RedirectUris("id", "app", (*uris, "\x00", ""))
    assert found.hosts == {"a.example.com"}
    assert found.missing(["A.EXAMPLE.COM", "b.example.com", "*.example.com", ""]) == ["b.example.com"]


def test_script_names_the_tenant_only_if_it_is_known() -> None:
    text = by_hand("app", names.TENANT_ID, "https://graph.microsoft.us", [NEW])
    assert f"'{names.TENANT_ID}'" in text
    assert "https://graph.microsoft.us/v1.0/applications(appId='app')" in text
    assert "-Tenant" not in by_hand("app", "'; rm", "https://graph.microsoft.us", [NEW])
