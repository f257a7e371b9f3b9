"""The settings of CIPP's container. A write restarts it, which pulls the newest image, so it can be an update.

Never run against a real CIPP.
"""

from collections.abc import Sequence
from typing import Final

from backend.azure.clients import Clients
from backend.errors import ConflictError
from backend.hosting.container.apps import ContainerApps
from backend.hosting.container.start_plan import BegunStart, ContainerStarts, StartPlan
from backend.hosting.results.apps import Consent, FunctionApp
from backend.hosting.setting_rules import CONTAINER, FUNCTION_APP
from backend.hosting.settings_of_apps import Manner, SettingsOfApps
from backend.installation.discovery import Discovery

_REPEATED: Final = "The settings were written again, which is another start."


def container_settings(
    clients: Clients, discovery: Discovery, apps: ContainerApps, starts: ContainerStarts
) -> SettingsOfApps:
    """Return the service of the settings. A write of the container's is a start, and this app is a function app."""

    def manner(app: FunctionApp, consent: Consent) -> Manner:
        if not app.is_main:
            return Manner(FUNCTION_APP)
        return Manner(CONTAINER, restart=lambda: _StartByWrite(starts, app, consent))

    return SettingsOfApps(clients, discovery, apps, manner)


class _StartByWrite:
    """The start of the container that a write of its settings causes."""

    def __init__(self, starts: ContainerStarts, app: FunctionApp, consent: Consent) -> None:
        self._starts = starts
        self._consent = consent
        self._plan: StartPlan = starts.plan(app.name, f"write the settings of '{app.name}'", consent)
        self._action = f"write the settings of '{app.name}'"
        self._begun: BegunStart | None = None

    @property
    def refusal(self) -> ConflictError | None:
        """Why the request does not allow it."""
        return self._plan.refusal

    @property
    def description(self) -> Sequence[str]:
        """What it would pull, and when CIPP updates itself."""
        return self._starts.description(self._plan)

    def begin(self) -> None:
        """Store the start."""
        self._begun = self._starts.begin(self._plan, self._consent, self._action)

    def repeat(self) -> None:
        """Store one more start. Restoring lost settings is more urgent than the limit of starts."""
        former, consent = self._begun, Consent(force=True, by=self._consent.by)
        self._begun = self._starts.begin(self._plan, consent, self._action)
        if former:
            self._starts.end(former, None, _REPEATED)

    def withdraw(self) -> None:
        """Remove the stored start."""
        if self._begun:
            self._starts.withdraw(self._plan, self._begun)

    def outcome(self) -> Sequence[str]:
        """Follow CIPP's health, and return what was seen."""
        start = self._starts.follow(self._plan)
        outcome = self._starts.outcome(self._plan, start)
        if self._begun:
            self._starts.end(self._begun, start, outcome)
        return [outcome]
