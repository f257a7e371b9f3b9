"""The permissions that each feature needs, whether this app has them, and the commands to grant missing ones."""

from functools import partial
from typing import TYPE_CHECKING

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.mode import Mode
from backend.health.permissions_held import Held, RightsHeld
from backend.health.results import Right, Rights
from backend.hosting.hosting import Hosting
from backend.installation.discovery import Discovery
from backend.installation.needs import ManagedIdentity
from backend.key_vault.vault import KeyVault

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend.rotation.service import KeyRotation


class BackendRights:
    """The service of the permissions."""

    def __init__(  # noqa: PLR0913 - it checks everything that this API uses
        self,
        clients: Clients,
        discovery: Discovery,
        *,
        hosting: Hosting,
        vault: KeyVault,
        rotation: "KeyRotation",
        mode: Mode,
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._hosting = hosting
        self._vault = vault
        self._rotation = rotation
        self._mode = mode

    def rights(self) -> Rights:
        """Return the permissions of this installation's mode.

        They are checked concurrently, within the time limit of one call to Azure.
        """
        deadline = Deadline.after(self._clients.limits.azure_deadline_seconds)
        identity = ManagedIdentity(str(self._clients.identity_claims().get("oid", "")))
        held = RightsHeld(self._clients, self._discovery, identity, self._mode, deadline)
        hosting = self._hosting.needs
        probes: list[Callable[[], list[Held]]] = [
            partial(held.on_group, hosting.reads),
            *(partial(held.on_hosting, needs) for needs in hosting.resources),
            held.on_this_app,
            held.on_vault,
            partial(held.in_graph, self._rotation, self._vault, hosting.users),
            held.on_tables,
        ]
        started = [background.start(probe, name="rights") for probe in probes]
        results = [(one.need, _rights(one)) for probe in started for one in probe.result()]
        lacking = [need for need, rights in results if any(right.has is False for right in rights)]
        return Rights(
            mode=self._mode.name,
            rights=[right for _, rights in results for right in rights],
            missing=sum(right.has is False for _, rights in results for right in rights),
            commands=[need.command for need in lacking if need.command],
        )


def _rights(held: Held) -> list[Right]:
    """Return the result for each permission of a need."""
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
