"""The cards of the Backend page: each resource, whether it is there, its state and its problems."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery, backends_of
from backend.errors import BackendError, NotFoundError, while_trying_to
from backend.function_apps import FunctionApps
from backend.platform_sign_in import sign_in_notes, sign_in_problems
from backend.portal import Portal
from backend.shared_call import SharedCall
from backend.static_web_app import NONE
from backend.values import Value

if TYPE_CHECKING:
    from backend.rotation.service import KeyRotation

REMEMBERED_SECONDS: Final = 15.0
MOST_SECONDS: Final = 200.0  # a look has its own bound, and this one counts where AZURE_DEADLINE_SECONDS is long
Kind = Literal["ResourceGroup", "KeyVault", "FunctionApp", "StaticWebApp", "Keys"]


class Card(Value, frozen=True):
    """One resource. If `exists` is None, the problems state why it could not be read. `notes` are advice."""

    name: str
    kind: Kind
    exists: bool | None
    state: str | None = None
    link: str | None = None
    problems: list[str] = []  # noqa: RUF012 - msgspec copies the default
    notes: list[str] = []  # noqa: RUF012 - the same


class Overview(Value, frozen=True):
    """All cards as of a moment; they are remembered for `remembered_seconds`."""

    cards: list[Card]
    as_of: datetime
    remembered_seconds: float = REMEMBERED_SECONDS


class BackendOverview:
    """The service of the overview. Its probes run at once, so it takes as long as the slowest."""

    def __init__(  # noqa: PLR0913 - it looks at all that this API works with
        self,
        clients: Clients,
        discovery: Discovery,
        apps: FunctionApps,
        rotation: "KeyRotation",
        *,
        serves: Callable[[str], bool],
        auth_settings: Callable[[], Mapping[str, Any] | None],
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._rotation = rotation
        self._serves = serves
        self._auth_settings = auth_settings
        self._looks = SharedCall(self._overview, name="look at the cards", abandoned_seconds=MOST_SECONDS)

    def overview(self) -> Overview:
        """Return the cards. A probe that fails, or takes too long, becomes its card's problem.

        Concurrent callers join one look.

        Raises:
            AzureUnreachableError: The look takes longer than a call may.
        """
        attempt = self._looks.attempt(REMEMBERED_SECONDS)
        return attempt.result(attempt.began + MOST_SECONDS, what="look at the cards")

    def _overview(self) -> Overview:
        return Overview(cards=self.look(), as_of=datetime.now(UTC).replace(microsecond=0))

    def probes(self) -> Mapping[Kind, Callable[[], list[Card]]]:
        """Answer what is looked at, by kind of card."""
        return {
            "ResourceGroup": self._group,
            "KeyVault": self._vault,
            "FunctionApp": self._function_apps,
            "StaticWebApp": self._static_web_app,
            "Keys": self._keys,
        }

    def look(self) -> list[Card]:
        """Look at everything now, whatever is remembered."""
        ends = time.monotonic() + self._clients.limits.azure_deadline_seconds
        checking = at_once.start(self._clients.storage_problem, name="check the storage account")
        try:
            app = self._discovery.deployment().answering_app or ""  # the identity's token, once for all probes
            cards = self._probed(ends)
        except BackendError as error:
            app, cards = "", [Card(name="", kind="ResourceGroup", exists=None, problems=[str(error)])]
        try:
            problem = at_once.by(ends, checking, what="check the storage account")
        except BackendError:
            problem = None  # unknown: an unreachable account is a problem of the keys' history, not of this setting
        return with_problem(cards, app, problem) if problem else cards

    def _probed(self, ends: float) -> list[Card]:
        started = [(kind, at_once.start(probe, name=f"probe {kind}")) for kind, probe in self.probes().items()]
        cards: list[Card] = []
        for kind, probe in started:
            try:
                found: list[Card] = at_once.by(ends, probe, what=f"look at the card {kind}")
                cards += found
            except BackendError as error:
                cards.append(Card(name="", kind=kind, exists=None, problems=[str(error)]))
        return cards

    def _group(self) -> list[Card]:
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        link = Portal(deployment).link(None)
        try:
            with while_trying_to(f"look at resource group '{name}'"):
                group = self._clients.resources(subscription).resource_groups.get(name).as_dict()
        except NotFoundError as error:
            return [Card(name=name, kind="ResourceGroup", exists=False, link=link, problems=[str(error)])]
        state = (group.get("properties") or {}).get("provisioningState")
        return [Card(name=group["name"], kind="ResourceGroup", exists=True, state=state, link=link)]

    def _vault(self) -> list[Card]:
        deployment = self._discovery.deployment()
        portal, name = Portal(deployment), deployment.vault_name or ""
        found = self._discovery.vault()
        if found:
            link, state = portal.link(found["id"], "secrets"), found.get("provisioningState")
            return [Card(name=found["name"], kind="KeyVault", exists=True, state=state, link=link)]
        link = portal.link(portal.id_of("Microsoft.KeyVault/vaults", name), "secrets")
        problem = "Azure shows no such vault: set CIPP_KV_NAME or CIPP_FUNCTION_APP."
        return [Card(name=name, kind="KeyVault", exists=False, link=link, problems=[problem])]

    def _function_apps(self) -> list[Card]:
        sign_in = at_once.start(self._sign_in, name="probe sign-in")
        apps = self._apps.apps()
        problems, notes = sign_in.result()
        cards = [
            Card(
                name=app.name,
                kind="FunctionApp",
                exists=True,
                state=app.state,
                link=app.portal_link,
                problems=[
                    *([f"It is {app.state}: call ExecFunctionAppStart."] if app.state != "Running" else []),
                    *(problems if app.answers_this else []),
                ],
                notes=notes if app.answers_this else [],
            )
            for app in apps
        ]
        if not any(app.is_main for app in apps):
            name = self._discovery.deployment().main_app or ""
            problem = "Azure shows no such main app: set CIPP_FUNCTION_APP."
            cards.insert(0, Card(name=name, kind="FunctionApp", exists=False, problems=[problem]))
        if not any(app.answers_this for app in apps):  # this app is in another group than CIPP
            for problem in problems:
                cards = with_problem(cards, "", f"Sign-in of this app: {problem}")
        return cards

    def _static_web_app(self) -> list[Card]:
        found = self._discovery.static_web_app()
        if not found:
            return [Card(name="", kind="StaticWebApp", exists=False, state=NONE)]
        deployment = self._discovery.deployment()
        main_app = deployment.resource_id("Microsoft.Web/sites", deployment.main_app or "").lower()
        is_linked = main_app in backends_of(found["properties"])
        return [
            Card(
                name=found["name"],
                kind="StaticWebApp",
                exists=True,
                state="Linked" if is_linked else "NotLinked",
                link=Portal(deployment).link(found["id"], "staticsite"),
                problems=[] if is_linked else [f"CIPP's API is not linked to it, '{deployment.main_app}': link it."],
            )
        ]

    def _keys(self) -> list[Card]:
        overview = self._rotation.overview()
        problems = [f"{key.name}: {problem}" for key in overview.keys for problem in key.problems if key.counts]
        return [Card(name="Keys", kind="Keys", exists=True, state=overview.sentence, problems=problems)]

    def _sign_in(self) -> tuple[list[str], list[str]]:
        """Return the problems of this app's sign-in, and notes on it. Requires Microsoft.Web/sites/config/read."""
        try:
            settings = self._auth_settings()
            return (
                ([], []) if settings is None else (sign_in_problems(settings, self._is_ours), sign_in_notes(settings))
            )
        except BackendError as error:
            return [f"Its authentication could not be looked at. {error}"], []

    def _is_ours(self, tenant: str) -> bool:
        """Tell whether a tenant is this deployment's own, or one whose users are served."""
        return tenant.lower() == (self._discovery.deployment().tenant_id or "").lower() or self._serves(tenant)


def with_problem(cards: Sequence[Card], app: str, problem: str) -> list[Card]:
    """Return the cards, the problem added to that of an app, or to the first one if the app has none. Pure."""
    names = [card.name.lower() if card.kind == "FunctionApp" else None for card in cards]
    position = names.index(app.lower()) if app.lower() in names else 0
    return [
        msgspec.structs.replace(card, problems=[*card.problems, problem]) if number == position else card
        for number, card in enumerate(cards)
    ]
