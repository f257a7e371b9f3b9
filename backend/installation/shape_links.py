"""The links that depend on the shape of CIPP, and the warnings about them. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, UnsetType

from backend.configuration.problems import tier_of
from backend.installation.discovery import Found
from backend.installation.portal import Portal
from backend.readings import object_of, properties_of, text_or_none

SITES: Final = "Microsoft.Web/sites"
STATIC_SITES: Final = "Microsoft.Web/staticSites"
NO_PLAN: Final = (
    "The App Service plan could not be read, so its tier is unknown. Give this app's identity Reader on the resource "
    "group of the plan."
)


@dataclass(frozen=True)
class ShapeLinks:
    """The names and links of one shape. `domains`, `log_stream` and `container_settings` are those of a container."""

    static_web_app_name: str | None
    operating_system: str
    sku: str | None
    function_deployment: str
    static_web_app_domains: str
    static_web_app_roles: str
    warnings: tuple[str, ...] = ()
    domains: str | UnsetType = UNSET
    log_stream: str | UnsetType = UNSET
    container_settings: str | UnsetType = UNSET


def _own_system() -> str:
    """Return the operating system of this app, which counts as that of function apps."""
    return "Linux" if sys.platform.startswith("linux") else "Windows"


def _of_functions(found: Found, portal: Portal, environ: Mapping[str, str]) -> ShapeLinks:
    """Return those of function apps with a static web app."""
    deployment, warnings = found.deployment, []
    static_web_app_id = found.static_web_app_id
    static_web_app = static_web_app_id.rpartition("/")[2] if static_web_app_id else None
    if not static_web_app and found.has_no_static_web_app:
        warnings.append(
            f"No static web app is linked to '{deployment.main_app}', so these two links open the resource group."
        )
    elif not static_web_app and deployment.main_app:
        static_web_app = deployment.template_static_web_app
        warnings.append(
            f"The static web app's name '{static_web_app}' is derived by CIPP's deployment template, not seen in Azure."
            if static_web_app
            else f"The static web app is unknown: '{deployment.main_app}' does not follow CIPP's deployment template, "
            "and Azure did not show the linked one. Give this app's identity Reader on the resource group."
        )
    app = portal.id_of(SITES, deployment.main_app)
    static = static_web_app_id or portal.id_of(STATIC_SITES, static_web_app)
    return ShapeLinks(
        static_web_app_name=static_web_app,
        operating_system=_own_system(),
        sku=tier_of(environ),
        function_deployment=portal.link(app, "vstscd"),
        static_web_app_domains=portal.link(static, "customDomains"),
        static_web_app_roles=portal.link(static, "roleManagement"),
        warnings=tuple(warnings),
    )


def _of_unknown(found: Found, portal: Portal, environ: Mapping[str, str]) -> ShapeLinks:
    """Return those of both shapes, with the reason if the main app was read and is of neither.

    A static web app is linked only if Azure showed it. The other links open the nearest page that both shapes have. If
    the main app could not be read, the warnings of the discovery state why. If this app can't call Azure at all, the
    settings are all that is known. Then the names are derived from them, and the warnings state it.
    """
    main_app, static = found.main_app, found.static_web_app_id
    if main_app.exists is None and main_app.error is None:
        return _of_functions(found, portal, environ)
    return ShapeLinks(
        static_web_app_name=static.rpartition("/")[2] if static else None,
        operating_system=_own_system(),
        sku=None,
        function_deployment=portal.link(portal.id_of(SITES, found.deployment.main_app), "appServices"),
        static_web_app_domains=portal.link(static, "customDomains"),
        static_web_app_roles=portal.link(static, "roleManagement"),
        warnings=(str(main_app.error),) if main_app.exists and main_app.error else (),
    )


def _of_container(found: Found, portal: Portal, _environ: Mapping[str, str]) -> ShapeLinks:
    """Return those of a container. A missing static web app or deployment center causes no warning.

    A container of CIPP runs on Linux. Its tier is the plan's.
    """
    plan = found.main_app.plan
    sku = text_or_none(object_of(plan.get("sku")).get("tier"))
    app = portal.id_of(SITES, found.deployment.main_app)
    return ShapeLinks(
        static_web_app_name="",
        operating_system="Linux",
        sku=sku,
        function_deployment="",
        static_web_app_domains="",
        static_web_app_roles="",
        warnings=() if sku else (NO_PLAN,),
        domains=portal.link(app, "customDomains"),
        log_stream=portal.link(app, "logStream"),
        container_settings=portal.link(app, "containerSettings"),
    )


def shape_links(found: Found, portal: Portal, environ: Mapping[str, str]) -> ShapeLinks:
    """Return the links of CIPP's shape."""
    links = found.main_app.shape.choose(functions=_of_functions, container=_of_container, unknown=_of_unknown)
    return links(found, portal, environ)


def plan_link(found: Found, portal: Portal) -> str | None:
    """Return the link to the App Service plan of the main app, None if Azure did not show it."""
    plan = text_or_none(properties_of(found.main_app.site).get("serverFarmId"))
    return portal.link(plan) if plan else None
