"""Which rights each feature needs, whether they are there, and the commands that grant what is missing."""

import time
from functools import partial
from typing import TYPE_CHECKING

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.rights_held import Held, RightsHeld
from backend.rights_needed import Kind
from backend.static_web_app import StaticWebApp
from backend.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend.rotation.service import KeyRotation


class Right(Value, frozen=True):
    """One right: `has` None means that it could not be asked, and `problem` says why."""

    feature: str
    kind: Kind
    action: str
    scope: str
    has: bool | None
    problem: str | None = None


class Rights(Value, frozen=True):
    """All rights, and what grants the missing ones with the least privilege, for bash and the Azure CLI.

    What cannot be seen cannot be asked about: after the commands were run, ask again.
    """

    rights: list[Right]
    missing: int
    commands: list[str]


class BackendRights:
    """The service of the rights."""

    def __init__(  # noqa: PLR0913 - it asks about all that this API works with
        self,
        clients: Clients,
        discovery: Discovery,
        *,
        apps: FunctionApps,
        static_web_app: StaticWebApp,
        vault: KeyVault,
        rotation: "KeyRotation",
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._static_web_app = static_web_app
        self._vault = vault
        self._rotation = rotation

    def rights(self) -> Rights:
        """Ask for every right, all at once, for as long as one call to Azure may take."""
        ends = time.monotonic() + self._clients.limits.azure_deadline_seconds
        who = str(self._clients.identity_claims().get("oid", ""))
        held = RightsHeld(self._clients, self._discovery, who, ends)
        probes: list[Callable[[], list[Held]]] = [
            held.on_group,
            partial(held.on_function_apps, self._apps),
            partial(held.on_static_web_app, self._static_web_app),
            held.on_vault,
            partial(held.in_graph, self._rotation, self._vault),
            held.on_tables,
        ]
        started = [at_once.start(probe, name="rights") for probe in probes]
        answers = [(one.need, _rights(one)) for probe in started for one in probe.result()]
        lacking = [need for need, rights in answers if any(right.has is False for right in rights)]
        return Rights(
            rights=[right for _, rights in answers for right in rights],
            missing=sum(right.has is False for _, rights in answers for right in rights),
            commands=[need.command for need in lacking if need.command],
        )


def _rights(held: Held) -> list[Right]:
    """Tell what is held, right by right."""
    return [
        Right(
            feature=held.need.feature,
            kind=held.need.kind,
            action=action,
            scope=held.need.scope,
            has=held.holds(action) if held.holds else None,
            problem=held.problem,
        )
        for action in held.need.actions
    ]
