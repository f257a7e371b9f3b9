"""The card of CIPP's main app while its shape is unknown. It states the cause, and claims nothing of either shape."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from backend.concurrency.deadline import Deadline
from backend.installation.app_states import condition_of
from backend.installation.portal import Portal
from backend.installation.probes import Probe
from backend.installation.results import Card
from backend.readings import properties_of

if TYPE_CHECKING:
    from backend.hosting.hosting import Core

STATES_SECONDS: Final = 2.5  # how long the overview waits for the states of the installation
_MISSING: Final = "Azure does not show this main app. Set CIPP_FUNCTION_APP."
_READ_SINCE: Final = "Its shape was unknown when this check began. Check again."


def probes(core: "Core") -> Sequence[Probe]:
    """Return the probe of this card. Requires Reader."""
    return (Probe("MainApp", partial(_main_app, core), shows_this_app=True),)


def _main_app(core: "Core") -> list[Card]:
    """Return the card, with the states of the installation before the cause. States name the next step themselves."""
    states = core.installation_states.warnings(Deadline.after(STATES_SECONDS))
    app = core.discovery.main_app.recent()
    condition = condition_of(properties_of(app.site))
    cause = str(app.error) if app.error else _READ_SINCE
    missing = [_MISSING] if app.exists is False and not states else []
    deployment = core.discovery.deployment()
    name = deployment.main_app or ""
    portal = Portal(deployment)
    return [
        Card(
            name=name,
            kind="MainApp",
            exists=app.exists,
            state=condition.state,
            link=portal.link(portal.id_of("Microsoft.Web/sites", name), "appServices"),
            problems=[*states, *missing, cause],
            condition="Down" if app.exists is False else condition.in_short,
        )
    ]
