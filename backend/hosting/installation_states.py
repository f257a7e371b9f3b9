"""The states of the installation (`backend.installation.states`), as of the last minutes or now.

Requires Reader on CIPP's resource group. What can't be read is unknown and causes no state. Of function apps that run
as such, only the group's apps are listed. Never run against real Azure.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from backend.access.platform_sign_in import auth_settings
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, NotFoundError
from backend.hosting.installation_memory import InstallationMemory
from backend.installation.cipp_settings import CippSettingsInAzure
from backend.installation.discovery import Discovery
from backend.installation.states.state import Seen, State
from backend.installation.states.states import states_of
from backend.internal_errors import contained
from backend.readings import Json, text_of, texts_by_name

if TYPE_CHECKING:
    from concurrent.futures import Future

    from backend.key_vault.vault import KeyVault

logger = logging.getLogger("cipp.backend")
LIFETIME_SECONDS: Final = 60.0
STALE_SECONDS: Final = 2 * LIFETIME_SECONDS  # a younger look is returned while the next one is made
OLDEST_SECONDS: Final = 900.0  # a younger look is returned if the next one fails or takes too long
REMEMBER_SECONDS: Final = 5.0  # how long a timer waits for it
SSO_APP_ID: Final = "SSOAppId"
VAULTS: Final = "microsoft.keyvault/vaults"
STORAGE_ACCOUNTS: Final = "microsoft.storage/storageaccounts"
T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """The states at one time. `began` is that time by the monotonic clock.

    `sign_in_problem` is why it is unknown whether sign-in of CIPP is on. It is None if that is known, and if CIPP's
    shape has no such state.
    """

    states: Sequence[State]
    began: float
    sign_in_problem: BackendError | None = None

    def is_younger_than(self, seconds: float) -> bool:
        """Return whether it began less than that many seconds ago."""
        return time.monotonic() - self.began < seconds


class InstallationStates:
    """The service of the states, with one cached result for all callers in this process."""

    def __init__(
        self, clients: Clients, discovery: Discovery, settings: CippSettingsInAzure, vault: "Callable[[], KeyVault]"
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._settings = settings
        self._vault = vault
        self._memory = InstallationMemory(clients)
        self._looks = Cached(
            self._look,
            action="look at the state of the installation",
            lifetime=LIFETIME_SECONDS,
            may_be_stale=lambda look: look.is_younger_than(STALE_SECONDS),
        )

    def known(self, deadline: Deadline | None = None) -> Sequence[State] | None:
        """Return the states, severe ones first.

        If they were not read by the deadline, return those of a look in the last `OLDEST_SECONDS`, or None.
        """
        try:
            return self._looks.get(deadline).states
        except BackendError:
            last = self._looks.peek()
            return last.states if last and last.is_younger_than(OLDEST_SECONDS) else None

    def states(self, deadline: Deadline | None = None) -> Sequence[State]:
        """Return the states as `known`, and [] if they are unknown."""
        return self.known(deadline) or []

    def fresh(self, deadline: Deadline) -> Look:
        """Return the states from new calls to Azure, and cache them for all callers.

        Raises:
            BackendError: CIPP's main app could not be read, or the deadline came first.
        """
        self._discovery.main_app.fresh(deadline)
        return self._looks.reload(deadline)

    def warnings(self, deadline: Deadline) -> list[str]:
        """Return the sentences of the states, without notes."""
        return [state.text for state in self.states(deadline) if not state.is_note]

    def remember(self) -> None:
        """Store what is seen of the main app now, within `REMEMBER_SECONDS`. It never raises.

        If Azure or the table takes longer, that continues without this caller.
        """
        deadline = Deadline.after(REMEMBER_SECONDS)
        try:
            with contained("Remembering CIPP's main app"):
                remembering = background.start(lambda: self._remembered_by(deadline), name="remember CIPP's main app")
                background.by(deadline, remembering, what="store what this app saw of CIPP's main app")
        except BackendError as error:
            logger.info("CIPP's main app was not remembered: %s", error)

    def _remembered_by(self, deadline: Deadline) -> None:
        self._memory.remember(self._discovery.main_app.seen(deadline))

    def _look(self) -> Look:
        began = time.monotonic()
        app = self._discovery.main_app.recent()
        deployment = self._discovery.deployment()
        name, subscription = deployment.main_app, deployment.subscription_id
        group, this_app = deployment.resource_group, deployment.answering_app or ""
        if not (name and subscription and group) or not (app.shape.is_known or app.exists is False):
            return Look([], began, app.error or NotFoundError("CIPP's main app is unknown."))
        web = self._clients.web(subscription)
        sites = _started(
            lambda: self._listed(
                "apps", lambda: listed(web.web_apps.list_by_resource_group, group, include_slots=True)
            ),
            "list apps",
        )
        if app.shape.is_known and not app.shape.is_container:
            background.start(lambda: self._memory.remember(app), name="remember CIPP's main app")
            seen = Seen(app, name, group, deployment.vault_name or "", this_app=this_app, sites=_or_none(sites))
            return Look(states_of(seen), began)
        static = _started(
            lambda: self._listed(
                "static web apps", lambda: listed(web.static_sites.get_static_sites_by_resource_group, group)
            ),
            "list static web apps",
        )
        vault = _started(lambda: self._discovery.vault() is not None, "look up the vault")
        resources = _started(lambda: self._names_by_type(subscription, group), "list vaults and storage accounts")
        tags = _started(lambda: self._tags(subscription, group), "read the tags of the resource group")
        auth = settings = sso = None
        if app.shape.is_container:
            auth = _started(lambda: auth_settings(self._clients, subscription, group, name), "read CIPP's sign-in")
            settings = _started(lambda: self._settings.current().values, "read CIPP's settings")
            sso = _started(self._sso_app_id, "read SSOAppId")
        memory = self._memory.remember(app) if app.shape.is_container else None
        names_by_type = _or_none(resources) or {}
        seen = Seen(
            main_app=app,
            name=name,
            group=group,
            vault=deployment.vault_name or "",
            this_app=this_app,
            vault_exists=_or_none(vault),
            vaults_in_group=names_by_type.get(VAULTS, ()),
            storage_in_group=names_by_type.get(STORAGE_ACCOUNTS, ()),
            group_tags=_or_none(tags),
            sites=_or_none(sites),
            static_web_apps=_or_none(static),
            auth=_or_none(auth),
            settings=_or_none(settings),
            sso_app_id=_or_none(sso),
            was_functions=memory is not None and memory.is_recent_migration(self._memory.now()),
            was_principal=memory.former_principal if memory else "",
        )
        return Look(states_of(seen), began, _sign_in_problem(auth) if auth else app.error)

    def _listed(self, what: str, read: Callable[[], Sequence[Json]]) -> Sequence[Json]:
        with while_trying_to(f"list the {what} of CIPP's resource group"):
            return read()

    def _names_by_type(self, subscription: str, group: str) -> Mapping[str, Collection[str]]:
        """Return the names of the group's resources by their type, both in lower case."""
        resources = self._clients.resources(subscription).resources
        with while_trying_to("list the vaults and storage accounts of CIPP's resource group"):
            found = listed(resources.list_by_resource_group, group)
        names: dict[str, set[str]] = {}
        for one in found:
            names.setdefault(text_of(one.get("type")).lower(), set()).add(text_of(one.get("name")).lower())
        return names

    def _tags(self, subscription: str, group: str) -> Mapping[str, str]:
        """Return the tags of the resource group. Requires Microsoft.Resources/subscriptions/resourceGroups/read."""
        with while_trying_to("read the tags of CIPP's resource group"):
            return texts_by_name(fetched(self._clients.resources(subscription).resource_groups.get, group).get("tags"))

    def _sso_app_id(self) -> str:
        try:
            return self._vault().read(SSO_APP_ID).value.reveal().strip()
        except NotFoundError:
            return ""


def _started(read: Callable[[], T], name: str) -> "Future[T]":
    return background.start(read, name=name)


def _sign_in_problem(auth: "Future[Mapping[str, Json]]") -> BackendError | None:
    """Return why it is unknown whether sign-in of CIPP is on, None if it is known."""
    try:
        return None if auth.result() else BackendError("Azure does not show the authentication settings of CIPP.")
    except BackendError as error:
        return error


def _or_none(read: "Future[T] | None") -> T | None:
    try:
        return read.result() if read else None
    except BackendError:
        return None
