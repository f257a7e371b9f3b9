"""The cards of CIPP's function apps and its static web app. The first one shows the states of the installation."""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from backend.hosting.functions.apps import FunctionApps
from backend.hosting.functions.static_web_app.site import NO_HOST, NONE
from backend.installation.discovery import Discovery, backends_of
from backend.installation.portal import Portal
from backend.installation.probes import Probe
from backend.installation.results import Card
from backend.readings import properties_of, text_or_none


def probes(discovery: Discovery, apps: FunctionApps, states: Callable[[], Sequence[str]]) -> Sequence[Probe]:
    """Return the probes of these cards. `states` are the states of the installation. Requires Reader."""
    return (
        Probe("FunctionApp", partial(_function_apps, discovery, apps, states), shows_this_app=True),
        Probe("StaticWebApp", partial(_static_web_app, discovery)),
    )


def _function_apps(discovery: Discovery, apps: FunctionApps, states: Callable[[], Sequence[str]]) -> list[Card]:
    first, *others = _cards(discovery, apps)
    return [msgspec.structs.replace(first, problems=[*states(), *first.problems]), *others]


def _cards(discovery: Discovery, apps: FunctionApps) -> list[Card]:
    """Return the card of the main app, and those of the others."""
    found = apps.apps()
    cards = [
        Card(
            name=app.name,
            kind="FunctionApp",
            exists=True,
            state=app.state,
            link=app.portal_link,
            problems=app.problems,
            condition=app.condition,
        )
        for app in found
    ]
    if any(app.is_main for app in found):
        return cards
    name = discovery.deployment().main_app or ""
    problem = "Azure does not show this main app. Set CIPP_FUNCTION_APP."
    return [Card(name=name, kind="FunctionApp", exists=False, problems=[problem], condition="Down"), *cards]


def _static_web_app(discovery: Discovery) -> list[Card]:
    found = discovery.static_web_app()
    if not found:
        return [Card(name="", kind="StaticWebApp", exists=False, state=NONE)]
    deployment = discovery.deployment()
    main_app = deployment.resource_id("Microsoft.Web/sites", deployment.main_app or "").lower()
    is_linked = main_app in backends_of(properties_of(found))
    unlinked = [] if is_linked else [f"CIPP's API '{deployment.main_app}' is not linked to it. Link it."]
    hostless = [] if text_or_none(properties_of(found).get("defaultHostname")) else [NO_HOST]
    return [
        Card(
            name=found["name"],
            kind="StaticWebApp",
            exists=True,
            state="Linked" if is_linked else "NotLinked",
            link=Portal(deployment).link(found["id"], "staticsite"),
            problems=[*unlinked, *hostless],
        )
    ]
