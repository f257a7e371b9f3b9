"""The cards of the Backend page: for each resource whether it exists, its state and its problems."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backend.access.platform_sign_in import sign_in_notes, sign_in_problems
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.configuration.kinds import is_contact
from backend.configuration.mode import Mode
from backend.configuration.rotation_timers import schedule_note, timer_problems
from backend.errors import BackendError, NotFoundError
from backend.health.results import REMEMBERED_SECONDS, BackendStatus, Overview
from backend.hosting.hosting import Hosting
from backend.hosting.installation_memory import InstallationMemory
from backend.installation.discovery import Discovery, recovery_of_vault
from backend.installation.portal import Portal
from backend.installation.probes import Probe
from backend.installation.results import CRITICAL, Card, CardKind
from backend.internal_errors import contained
from backend.readings import properties_of, text_or_none
from backend.running_code import COMMIT, VERSION

if TYPE_CHECKING:
    from concurrent.futures import Future

    from backend.rotation.service import KeyRotation

logger = logging.getLogger("cipp.backend")
FUNCTIONS_WAIT_SECONDS: Final = 4.0  # the longest wait of the keys' card for the list of functions
TIMERS_UNKNOWN: Final = "Couldn't check whether Azure lists the rotation's timers."
MEMORY_SECONDS: Final = 2.0  # the longest wait for the table that shows since when CIPP is in its condition
KINDS_OF_MAIN_APP: Final[tuple[CardKind, ...]] = ("WebApp", "MainApp", "FunctionApp")
CONTACT: Final = "CIPP_CONTACT"
MOST_SECONDS: Final = 200.0  # a check has its own limit. This one applies if AZURE_DEADLINE_SECONDS is longer.


class BackendOverview:
    """The service of the overview. Its probes run concurrently, so it takes as long as the slowest."""

    def __init__(  # noqa: PLR0913 - it checks everything that this API uses
        self,
        clients: Clients,
        discovery: Discovery,
        hosting: Hosting,
        rotation: "KeyRotation",
        *,
        serves: Callable[[str], bool],
        auth_settings: Callable[[], Mapping[str, Any] | None],
        environ: Mapping[str, str],
    ) -> None:
        self._environ = environ
        self._clients = clients
        self._discovery = discovery
        self._hosting = hosting
        self._rotation = rotation
        self._serves = serves
        self._auth_settings = auth_settings
        self._memory = InstallationMemory(clients)
        self._cards = Cached(
            self._overview, action="check the cards", lifetime=REMEMBERED_SECONDS, abandoned_seconds=MOST_SECONDS
        )

    def overview(self) -> Overview:
        """Return the cards. If a probe fails or takes too long, its card shows that as a problem.

        Concurrent callers share one check.

        Raises:
            AzureUnreachableError: The check takes longer than a call may.
        """
        return self._cards.get()

    def _overview(self) -> Overview:
        mode, now = Mode.of(self._environ), datetime.now(UTC).replace(microsecond=0)
        cards = self.look()
        return Overview(
            mode=mode.name,
            mode_notes=mode.notes,
            cards=cards,
            as_of=now,
            version=VERSION,
            commit=COMMIT,
            status=self._status(cards, now),
        )

    def note_condition(self, deadline: Deadline) -> None:
        """Look at CIPP's main app alone, and store its condition. It never raises."""
        now = datetime.now(UTC).replace(microsecond=0)
        try:
            with contained("The check whether CIPP is up"):
                looking = background.start(self._main_app_alone, name="check whether CIPP is up")
                cards = background.by(deadline, looking, what="check whether CIPP is up")
                self._status(cards, now)
        except BackendError as error:
            logger.info("Whether CIPP is up is unknown: %s", error)

    def _main_app_alone(self) -> Sequence[Card]:
        probes = (probe for probe in self._hosting.probes if probe.kind in KINDS_OF_MAIN_APP)
        return [card for probe in probes for card in probe.look()]

    def _status(self, cards: Sequence[Card], now: datetime) -> BackendStatus:
        """Return the status that the cards show, as of a time, and store the condition."""
        app = main_app(cards)
        name, condition = (app.name, app.condition or "Unknown") if app else ("", "Unknown")
        seeing = background.start(lambda: self._memory.see(name, condition, now), name="remember CIPP's condition")
        try:
            seen = background.by(Deadline.after(MEMORY_SECONDS), seeing, what="read CIPP's last conditions")
        except BackendError as error:
            logger.info("Since when CIPP is in its condition is unknown: %s", error)
            seen = None
        return BackendStatus(
            name=name or None,
            condition=condition,
            since=seen.since if seen else None,
            since_earliest=seen.earliest if seen else None,
            works_until=next((card.works_until for card in cards if card.kind == "Keys"), None),
            contact=contact_in(self._environ),
            as_of=now,
        )

    def probes(self) -> Mapping[CardKind, Callable[[], list[Card]]]:
        """Return the probes by kind of card."""
        return {"ResourceGroup": self._group, "KeyVault": self._vault, **self._of_hosting(), "Keys": self._keys}

    def _of_hosting(self) -> Mapping[CardKind, Callable[[], list[Card]]]:
        """Return the probes of CIPP's shape, which may have to be looked up."""
        return {
            probe.kind: partial(self._with_sign_in, probe) if probe.shows_this_app else probe.look
            for probe in self._hosting.probes
        }

    def look(self) -> list[Card]:
        """Return the cards from a new check, without the cache."""
        deadline = Deadline.after(self._clients.limits.azure_deadline_seconds)
        checking = background.start(self._clients.storage_problem, name="check the storage account")
        try:
            app = self._discovery.deployment().answering_app or ""  # gets the identity's token for all probes
            cards = self._probed(deadline)
        except BackendError as error:
            app, cards = "", [Card(name="", kind="ResourceGroup", exists=None, problems=[str(error)])]
        try:
            problem = background.by(deadline, checking, what="check the storage account")
        except BackendError:
            problem = None  # unknown: an unreachable account is a problem of the keys' card, not of this setting
        return with_problem(cards, app, problem) if problem else cards

    def _probed(self, deadline: Deadline) -> list[Card]:
        started = [_start("ResourceGroup", self._group), _start("KeyVault", self._vault)]
        keys = _start("Keys", self._keys)  # before the wait for the shape
        started += [*(_start(kind, probe) for kind, probe in self._of_hosting().items()), keys]
        cards: list[Card] = []
        for kind, probe in started:
            try:
                found: list[Card] = background.by(deadline, probe, what=f"check the card {kind}")
                cards += found
            except BackendError as error:
                cards.append(Card(name="", kind=kind, exists=None, problems=[str(error)]))
        return sorted(cards, key=lambda card: card.state != CRITICAL)

    def _group(self) -> list[Card]:
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        link = Portal(deployment).link(None)
        try:
            with while_trying_to(f"read resource group '{name}'"):
                group = fetched(self._clients.resources(subscription).resource_groups.get, name)
        except NotFoundError as error:
            return [Card(name=name, kind="ResourceGroup", exists=False, link=link, problems=[str(error)])]
        state = text_or_none(properties_of(group).get("provisioningState"))
        found, problems = text_or_none(group.get("name")) or name, unready("resource group", state)
        return [Card(name=found, kind="ResourceGroup", exists=True, state=state, link=link, problems=problems)]

    def _vault(self) -> list[Card]:
        deployment = self._discovery.deployment()
        portal, name = Portal(deployment), deployment.vault_name or ""
        found = self._discovery.vault()
        if found:
            link, state = portal.link(found["id"], "secrets"), text_or_none(found.get("provisioningState"))
            problems = unready("key vault", state)
            return [Card(name=found["name"], kind="KeyVault", exists=True, state=state, link=link, problems=problems)]
        link = portal.link(portal.id_of("Microsoft.KeyVault/vaults", name), "secrets")
        problem = f"Azure does not show this vault. Set CIPP_KV_NAME or CIPP_FUNCTION_APP. {recovery_of_vault(name)}"
        return [Card(name=name, kind="KeyVault", exists=False, link=link, problems=[problem])]

    def _with_sign_in(self, probe: Probe) -> list[Card]:
        """Return a probe's cards. The problems and notes of this app's sign-in are added to this app's card."""
        sign_in = background.start(self._sign_in, name="probe sign-in")
        cards = probe.look()
        problems, notes = sign_in.result()
        app = (self._discovery.deployment().answering_app or "").lower()
        if any(is_of(card, app) for card in cards):
            return [
                msgspec.structs.replace(card, problems=[*card.problems, *problems], notes=notes)
                if is_of(card, app)
                else card
                for card in cards
            ]
        for problem in problems:  # this app is in another group than CIPP
            cards = with_problem(cards, "", f"Sign-in of this app: {problem}")
        return cards

    def _keys(self) -> list[Card]:
        try:
            overview = self._rotation.overview()
        except BackendError as error:
            problems = [str(error), *timer_problems(self._environ, None)]
            return [Card(name="", kind="Keys", exists=None, problems=problems, notes=schedule_note(self._environ))]
        problems = [f"{key.name}: {problem}" for key in overview.keys for problem in key.problems if key.counts]
        functions = background.start(self._functions, name="list this app's functions")
        try:
            shown, notes = functions.result(FUNCTIONS_WAIT_SECONDS), []
        except (BackendError, TimeoutError) as error:
            shown, notes = None, [f"{TIMERS_UNKNOWN} {str(error) or 'Azure timed out.'}"]
        problems = [*timer_problems(self._environ, shown), *problems]
        notes += schedule_note(self._environ)
        return [
            Card(
                name="Keys",
                kind="Keys",
                exists=True,
                state=overview.sentence,
                problems=problems,
                notes=notes,
                works_until=overview.works_until,
            )
        ]

    def _functions(self) -> list[dict[str, Any]] | None:
        """Return the functions of this app as Azure lists them, None if this app does not run in Azure.

        Requires Microsoft.Web/sites/functions/read (Reader).
        """
        deployment = self._discovery.this_app()  # which can be in another group than CIPP
        app = deployment.answering_app
        if not app:
            return None
        subscription, group = deployment.group()
        with while_trying_to(f"list the functions of '{app}'"):
            return listed(self._clients.web(subscription).web_apps.list_functions, group, app)

    def _sign_in(self) -> tuple[list[str], list[str]]:
        """Return the problems of this app's sign-in, and notes on it. Requires Microsoft.Web/sites/config/read."""
        try:
            with contained("The check of the sign-in"):
                settings = self._auth_settings()
                return (
                    ([], [])
                    if settings is None
                    else (sign_in_problems(settings, self._is_ours), sign_in_notes(settings))
                )
        except BackendError as error:
            return [f"Couldn't check its authentication. {error}"], []

    def _is_ours(self, tenant: str) -> bool:
        """Return whether a tenant is this deployment's own, or its users may use this app."""
        return tenant.lower() == (self._discovery.deployment().tenant_id or "").lower() or self._serves(tenant)


def unready(what: str, state: str | None) -> list[str]:
    """Return the problem of a provisioning state other than Succeeded, [] if Azure does not show one. Pure."""
    word = (state or "").strip().lower()
    if word in ("", "succeeded"):
        return []
    if word == "failed":
        return [f"Azure's last change of this {what} failed (Failed). Check its activity log in the portal."]
    if word in ("deleting", "deleted"):
        return [f"Azure is deleting this {what} ({state}) with its contents."]
    return [f"Azure is still changing this {what} ({state}), so it may not work yet. Check again in some minutes."]


def main_app(cards: Sequence[Card]) -> Card | None:
    """Return the card of CIPP's main app, which comes first of its kind. Pure."""
    found = (next((card for card in cards if card.kind == kind), None) for kind in KINDS_OF_MAIN_APP)
    return next((card for card in found if card), None)


def contact_in(environ: Mapping[str, str]) -> str | None:
    """Return whom to call if CIPP is down, None if no setting names it. Pure."""
    text = environ.get(CONTACT, "").strip()
    return text if is_contact(text) else None


def _start(kind: CardKind, probe: Callable[[], list[Card]]) -> "tuple[CardKind, Future[list[Card]]]":
    return kind, background.start(partial(_contained, kind, probe), name=f"probe {kind}")


def _contained(kind: CardKind, probe: Callable[[], list[Card]]) -> list[Card]:
    with contained(f"The card {kind}"):
        return probe()


def is_of(card: Card, app: str) -> bool:
    """Return whether a card shows an existing app, by the app's name in lower case. Pure."""
    return card.exists is True and card.name.lower() == app


def with_problem(cards: Sequence[Card], app: str, problem: str) -> list[Card]:
    """Return the cards with a problem added to an app's card, or to the first card if it is missing. Pure."""
    names = [card.name.lower() if card.kind == "FunctionApp" else None for card in cards]
    position = names.index(app.lower()) if app.lower() in names else 0
    return [
        msgspec.structs.replace(card, problems=[*card.problems, problem]) if number == position else card
        for number, card in enumerate(cards)
    ]
