"""The settings of CIPP's container. A write restarts it, which pulls the newest image, so it can be an update.

Never run against a real CIPP.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backend.azure.clients import Clients
from backend.errors import ConflictError
from backend.hosting.app_settings import Change, SettingsInAzure
from backend.hosting.container.apps import ContainerApps
from backend.hosting.container.start_plan import ContainerStarts, StartPlan
from backend.hosting.results import Consent, FunctionApp, Setting, SettingsAct
from backend.hosting.setting_rules import CONTAINER, FUNCTION_APP
from backend.installation.discovery import Discovery

if TYPE_CHECKING:
    from backend.hosting.container.starts import StoredStart


class ContainerSettings:
    """The service of the settings. Requires Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: ContainerApps, starts: ContainerStarts) -> None:
        self._apps = apps
        self._starts = starts
        self._azure = SettingsInAzure(clients, discovery)

    def settings(self, name: str | None) -> list[Setting]:
        """Return an app's settings, by name. Values are masked, except harmless ones of the expected kind."""
        return self._azure.settings(self._apps.find(name))

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, consent: Consent
    ) -> SettingsAct:
        """Set and remove settings, and keep every other one. On the container, the write is a start.

        Raises:
            InvalidInputError: A name breaks App Service's rule, is both set and removed, or is never changed by this
                app. Or a value for this app is not valid for its setting.
            ConflictError: Another writer is active, or the change needs a consent: it is on this app, or on a setting
                without which the container does not start, or the start may be an update or comes too often.
            AzureError: The settings could not be read or written. The message states the current ones.
        """
        app, change = self._apps.find(name), Change(to_set, remove)
        if not app.is_main:
            return self._azure.change(app, change, FUNCTION_APP, dry_run=dry_run, consent=consent)
        return self._azure.change(
            app,
            change,
            CONTAINER,
            dry_run=dry_run,
            consent=consent,
            restart=lambda: _StartByWrite(self._starts, app, consent),
        )


class _StartByWrite:
    """The start of the container that a write of its settings causes."""

    def __init__(self, starts: ContainerStarts, app: FunctionApp, consent: Consent) -> None:
        self._starts = starts
        self._consent = consent
        self._plan: StartPlan = starts.plan(app.name, f"write the settings of '{app.name}'", consent)
        self._stored: StoredStart | None = None

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
        self._stored = self._starts.begin(self._plan, self._consent)

    def repeat(self) -> None:
        """Store one more start. Restoring lost settings is more urgent than the limit of starts."""
        self._stored = self._starts.begin(self._plan, Consent(force=True))

    def withdraw(self) -> None:
        """Remove the stored start."""
        if self._stored:
            self._starts.withdraw(self._plan, self._stored)

    def outcome(self) -> Sequence[str]:
        """Follow CIPP's health, and return what was seen."""
        return [self._starts.outcome(self._plan, self._starts.follow(self._plan))]
