"""What the overview shows of the sign-in of CIPP as a container, from Azure, the vault, CIPP's tables and Graph.

Requires Microsoft.Web/sites/config/read on the site (Reader), get on the vault's secrets, Storage Table Data Reader on
CIPP's storage, and Application.Read.All of the SAM app in Graph. What can't be read is unknown. Never run against real
Azure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from backend.access.graph_lookups import SamGraph
from backend.access.platform_sign_in import auth_settings
from backend.azure.clients import Clients
from backend.cipp.sign_in_setup import read_sign_in_setup
from backend.concurrency import background
from backend.errors import BackendError, NotFoundError
from backend.formats import is_guid
from backend.hosting.container.sign_in.problems import (
    IN_VAULT,
    SETTING,
    ReferenceState,
    SignInApp,
    StoredSecret,
    callback_problems,
    reference_problems,
    secret_problems,
    setup_problems,
    sign_in_app,
    uses_secret,
)
from backend.hosting.container.sign_in.reference import SignInReference
from backend.installation.discovery import Discovery
from backend.installation.results import CRITICAL
from backend.installation.states.container import client_id_of, sign_in_off
from backend.key_vault.vault import KeyVault
from backend.readings import Json, properties_of, texts_of
from backend.sam_app.client_secret import HINT

if TYPE_CHECKING:
    from concurrent.futures import Future

    from backend.sam_app.graph import Graph

T = TypeVar("T")
_NO_APP: Final = (
    "Microsoft Entra ID does not have the app {} of CIPP's sign-in any more, so no user can sign in. Restore it within "
    "30 days of its deletion: Entra admin center, App registrations, Deleted applications."
)
_NOT_SHOWN: Final = (
    "Azure does not show the authentication settings of CIPP, so it is unknown whether its sign-in is on. If it is "
    "off, anyone on the internet may call CIPP's API: check it in the portal, Authentication of the app."
)
_NOT_AN_APP: Final = (
    "authsettingsV2 names an app for CIPP's sign-in that is not a GUID, so no user can sign in. Set it to the client "
    "ID of CIPP's sign-in app: portal, Authentication of the app."
)
ON: Final = "On"
PROBLEM: Final = "Problem"
UNKNOWN: Final = "Unknown"
_FIELDS: Final = "id,appId,web,passwordCredentials"
_IMPLICIT: Final = "CIPP signs users in without a secret, because authsettingsV2 does not name its setting."
_NO_REFERENCE: Final = f"The setting {SETTING} is not a Key Vault reference, so {IN_VAULT} may not be used."


@dataclass(frozen=True)
class SignInLook:
    """What was seen of the sign-in. `state` is one of `ON`, `PROBLEM`, `CRITICAL` and `UNKNOWN`."""

    state: str
    problems: Sequence[str]
    notes: Sequence[str]


class ContainerSignIn:
    """The service of the sign-in card."""

    def __init__(
        self, clients: Clients, discovery: Discovery, graph: SamGraph, vault: KeyVault, reference: SignInReference
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._graph = graph
        self._vault = vault
        self._reference = reference

    def look(self) -> "SignInLook":
        """Return the state of the sign-in, its problems and notes on it.

        Raises:
            BackendError: authsettingsV2 can't be read.
        """
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        name = deployment.main_app or ""
        reading = _started(self._states)
        storing, setup = _started(self._stored), _started(self._setup)
        settings = auth_settings(self._clients, subscription, group, name)
        if not settings:
            return SignInLook(UNKNOWN, [_NOT_SHOWN], [])
        if off := sign_in_off(settings, name, group):
            return SignInLook(CRITICAL, [off], [])
        client_id = client_id_of(settings)
        if not is_guid(client_id):
            return SignInLook(PROBLEM, [_NOT_AN_APP], [])
        found = _Found()
        found.add(setup_problems(found.result(setup, "The setup of CIPP's sign-in is unknown.") or {}, client_id))
        apps = found.result(_started(lambda: self._apps(client_id)), "The app of CIPP's sign-in is unknown.")
        if not uses_secret(settings):
            found.notes.append(_IMPLICIT)
        else:
            stored = found.result(storing, f"{IN_VAULT} can't be read, so it is not certain which secret is in use.")
            states = found.result(reading, f"The state of the setting {SETTING} is unknown.")
            if states is not None:
                found.add(reference_problems(states[0], stored) if states else ([], [_NO_REFERENCE]))
            if apps:
                found.add(secret_problems(stored, apps[0].secrets, datetime.now(UTC)))
        if apps:
            hosts = texts_of(properties_of(self._discovery.main_app.seen().site).get("hostNames"))
            found.add(callback_problems(apps[0], hosts))
        elif apps is not None:
            found.problems.append(_NO_APP.format(client_id))
        return SignInLook(PROBLEM if found.problems else ON, found.problems, found.notes)

    def _states(self) -> list[ReferenceState]:
        """Return the state of the setting's Key Vault reference, [] if it is not one."""
        state = self._reference.state()
        return [state] if state else []

    def _stored(self) -> StoredSecret:
        """Return what identifies the secret in the vault. The value is dropped."""
        stored = self._vault.read(IN_VAULT)
        return StoredSecret(stored.version, stored.created, stored.value.reveal()[:HINT])

    def _setup(self) -> Json:
        """Return CIPP's row of the setup, {} if CIPP did not write one, or its storage account is not known."""
        return read_sign_in_setup(self._clients) or {}

    def _apps(self, client_id: str) -> list[SignInApp]:
        """Return the app registration, [] if the tenant does not have it."""
        return self._graph.call(lambda graph: _read(graph, client_id))


class _Found:
    """The problems and notes so far."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []

    def add(self, found: tuple[list[str], list[str]]) -> None:
        """Add problems and notes."""
        self.problems += found[0]
        self.notes += found[1]

    def result(self, reading: "Future[T]", unknown: str) -> T | None:
        """Return what was read, or None with a note."""
        try:
            return reading.result()
        except BackendError as error:
            self.notes.append(f"{unknown} {error}")
            return None


def _started(read: Callable[[], T]) -> "Future[T]":
    return background.start(read, name="read CIPP's sign-in")


def _read(graph: "Graph", client_id: str) -> list[SignInApp]:
    try:
        found = graph.read("read the app of CIPP's sign-in", f"applications(appId='{client_id}')?$select={_FIELDS}")
    except NotFoundError:
        return []
    return [sign_in_app(found)]
