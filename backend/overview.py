"""The cards of the Backend page: each resource, whether it is there, its state and its problems."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import BackendError, NotFoundError, while_trying_to
from backend.function_apps import FunctionApps
from backend.portal import Portal
from backend.rotation.service import KeyRotation
from backend.static_web_app import NONE, StaticWebApp
from backend.values import Value

REMEMBERED_SECONDS: Final = 15.0
Kind = Literal["ResourceGroup", "KeyVault", "FunctionApp", "StaticWebApp", "Keys"]


class Card(Value, frozen=True):
    """One resource. `exists` None: it could not be looked at, and the problems say why."""

    name: str
    kind: Kind
    exists: bool | None
    state: str | None
    link: str | None
    problems: list[str]


class Overview(Value, frozen=True):
    """All cards as of a moment; they are remembered for `REMEMBERED_SECONDS`."""

    cards: list[Card]
    as_of: datetime
    remembered_seconds: float


class BackendOverview:
    """The service of the overview. Its probes run at once, so it takes as long as the slowest."""

    def __init__(
        self,
        clients: Clients,
        discovery: Discovery,
        apps: FunctionApps,
        static_web_app: StaticWebApp,
        rotation: KeyRotation,
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._static_web_app = static_web_app
        self._rotation = rotation
        self._lock = threading.Lock()
        self._last: tuple[Overview, float] | None = None

    def overview(self) -> Overview:
        """Show the cards; a probe that fails becomes its card's problem."""
        with self._lock:
            if self._last and time.monotonic() < self._last[1]:
                return self._last[0]
            cards = self._look()
            overview = Overview(
                cards=cards, as_of=datetime.now(UTC).replace(microsecond=0), remembered_seconds=REMEMBERED_SECONDS
            )
            self._last = (overview, time.monotonic() + REMEMBERED_SECONDS)
            return overview

    def _look(self) -> list[Card]:
        try:
            self._discovery.deployment()  # the identity's token, once for all probes
        except BackendError as error:
            return [Card(name="", kind="ResourceGroup", exists=None, state=None, link=None, problems=[str(error)])]
        probes: list[tuple[Kind, Callable[[], list[Card]]]] = [
            ("ResourceGroup", self._group),
            ("KeyVault", self._vault),
            ("FunctionApp", self._function_apps),
            ("StaticWebApp", self._static),
            ("Keys", self._keys),
        ]
        sign_in = at_once.start(self._sign_in_problems, name="probe sign-in")
        started = [(kind, at_once.start(probe, name=f"probe {kind}")) for kind, probe in probes]
        cards: list[Card] = []
        for kind, future in started:
            try:
                cards += future.result()
            except BackendError as error:
                cards.append(Card(name="", kind=kind, exists=None, state=None, link=None, problems=[str(error)]))
        ours = self._discovery.deployment().answering_app or ""
        problems = sign_in.result()
        return [_with(card, problems) if card.name.lower() == ours.lower() else card for card in cards]

    def _group(self) -> list[Card]:
        deployment = self._discovery.deployment()
        subscription, name = deployment.group()
        link = Portal(deployment).link(None)
        try:
            with while_trying_to(f"look at resource group '{name}'"):
                group = self._clients.resources(subscription).resource_groups.get(name).as_dict()
        except NotFoundError as error:
            return [_missing(name, "ResourceGroup", link, str(error))]
        state = (group.get("properties") or {}).get("provisioningState")
        return [Card(name=group["name"], kind="ResourceGroup", exists=True, state=state, link=link, problems=[])]

    def _vault(self) -> list[Card]:
        deployment = self._discovery.deployment()
        portal, name = Portal(deployment), deployment.vault_name or ""
        found = self._discovery.vault_id()
        if found:
            link = portal.link(found, "secrets")
            return [Card(name=name, kind="KeyVault", exists=True, state="Available", link=link, problems=[])]
        link = portal.link(portal.id_of("Microsoft.KeyVault/vaults", name), "secrets")
        return [_missing(name, "KeyVault", link, "Azure shows no such vault: set CIPP_KV_NAME or CIPP_FUNCTION_APP.")]

    def _function_apps(self) -> list[Card]:
        apps = self._apps.apps()
        cards = [
            Card(
                name=app.name,
                kind="FunctionApp",
                exists=True,
                state=app.state,
                link=app.portal_link,
                problems=[f"It is {app.state}: call ExecFunctionAppStart."] if app.state != "Running" else [],
            )
            for app in apps
        ]
        if not any(app.is_main for app in apps):
            name = self._discovery.deployment().main_app or ""
            cards.insert(0, _missing(name, "FunctionApp", None, "Azure shows no such main app: set CIPP_FUNCTION_APP."))
        return cards

    def _static(self) -> list[Card]:
        found = self._discovery.static_web_app_id()
        if not found:
            return [_missing("", "StaticWebApp", None, NONE)]
        link = Portal(self._discovery.deployment()).link(found, "staticsite")
        name = found.rpartition("/")[2]
        return [Card(name=name, kind="StaticWebApp", exists=True, state="Linked", link=link, problems=[])]

    def _keys(self) -> list[Card]:
        overview = self._rotation.overview()
        problems = [f"{key.name}: {problem}" for key in overview.keys for problem in key.problems if key.counts]
        return [Card(name="Keys", kind="Keys", exists=True, state=overview.sentence, link=None, problems=problems)]

    def _sign_in_problems(self) -> list[str]:
        """Say what is wrong with the sign-in of the app that answers, by its authsettingsV2."""
        deployment = self._discovery.deployment()
        name = deployment.answering_app
        if not name:
            return []
        try:
            subscription, group = deployment.group()
            with while_trying_to(f"look at the authentication of '{name}'"):
                found = self._clients.web(subscription).web_apps.get_auth_settings_v2_without_secrets(group, name)
            return sign_in_problems(
                found.as_dict().get("properties") or {}, deployment.cloud.entra, deployment.tenant_id
            )
        except BackendError as error:
            return [f"Its authentication could not be looked at. {error}"]


def sign_in_problems(settings: Mapping[str, Any], entra: str, tenant_id: str | None) -> list[str]:
    """Judge an app's authsettingsV2. Pure."""
    problems = []
    validation = settings.get("globalValidation") or {}
    if not (settings.get("platform") or {}).get("enabled"):
        problems.append("App Service authentication is off, so nobody can sign in: turn it on (README, Deploy).")
    if not validation.get("requireAuthentication") or validation.get("unauthenticatedClientAction") == "AllowAnonymous":
        problems.append(
            "Anonymous requests are let through by the platform: set unauthenticatedClientAction to Return401."
        )
    if excluded := validation.get("excludedPaths"):
        problems.append(f"These paths are let through unauthenticated: {', '.join(excluded)}.")
    registration = ((settings.get("identityProviders") or {}).get("azureActiveDirectory") or {}).get(
        "registration"
    ) or {}
    issuer = str(registration.get("openIdIssuer") or "")
    if issuer and tenant_id and tenant_id.lower() not in issuer.lower():
        problems.append(f"Its issuer is {issuer}, which is not this tenant's: {entra}/{tenant_id}/v2.0.")
    return problems


def _missing(name: str, kind: Kind, link: str | None, problem: str) -> Card:
    return Card(name=name, kind=kind, exists=False, state=None, link=link, problems=[problem])


def _with(card: Card, problems: list[str]) -> Card:
    return Card(
        name=card.name,
        kind=card.kind,
        exists=card.exists,
        state=card.state,
        link=card.link,
        problems=[*card.problems, *problems],
    )
