"""Discovery of this deployment in Azure: whether its names exist, and its static web app.

Requires Reader on the resource group. A result is cached and refreshed in the background. A failure is not cached.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import listed, sent
from backend.concurrency import background
from backend.concurrency.cached import ABANDONED_SECONDS, Cached
from backend.concurrency.deadline import Deadline
from backend.errors import (
    AzureUnreachableError,
    BackendError,
    NotConfiguredError,
    UnreadableResponseError,
)
from backend.installation.app_states import condition_of
from backend.installation.installation import Deployment
from backend.installation.main_app import NOT_READ, MainApp, MainAppInAzure
from backend.installation.shape import Shape
from backend.internal_errors import stack_of
from backend.readings import Json, objects_of, properties_of, text_of, text_or_none

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger("cipp.backend")
ID_PARTS: Final = (
    9  # of the ID of a resource in a group: /subscriptions/../resourceGroups/../providers/<namespace>/<type>/..
)
T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """The deployment as far as it is known. The IDs are those that Azure returned, or None.

    `has_no_static_web_app` means that Azure confirmed it. It is false if the static web app is unknown.
    """

    deployment: Deployment
    vault_id: str | None = None
    static_web_app_id: str | None = None
    has_no_static_web_app: bool = False
    main_app: MainApp = NOT_READ
    warnings: tuple[str, ...] = ()
    complete: bool = True


class Discovery:
    """The discovery, with one cached result for all callers in this process."""

    def __init__(self, environ: Mapping[str, str], clients: Clients) -> None:
        self._environ = environ
        self._clients = clients
        self._claims: dict[str, Any] | None = None
        self.main_app = MainAppInAzure(clients, self.deployment)
        self._found = Cached(
            self._look,
            action="discover CIPP's resources",
            lifetime=lambda found: clients.limits.discovery_lifetime_seconds if found.complete else None,
            abandoned_seconds=ABANDONED_SECONDS,
            may_be_stale=lambda _: True,
            survives_writes="this app neither creates nor renames a resource",
        )

    def found(self) -> Found:
        """Return what is known, within `discovery_timeout_seconds`. If Azure times out, the result has a warning."""
        seconds = self._clients.limits.discovery_timeout_seconds
        try:
            return self._found.get(Deadline.after(seconds))
        except AzureUnreachableError as error:
            warning = _timeout_warning(seconds)
            return Found(
                Deployment.of(self._environ, self._claims),
                main_app=MainApp(Shape.UNKNOWN, error=error, exists=None),
                warnings=(warning,),
                complete=False,
            )

    def deployment(self) -> Deployment:
        """Return the deployment from settings and the identity's claims, for services that call Azure themselves."""
        if self._claims is None:
            try:
                self._claims = self._clients.identity_claims()
            except NotConfiguredError:
                return Deployment.of(self._environ)
        return Deployment.of(self._environ, self._claims)

    def this_app(self) -> Deployment:
        """Return the deployment in the resource group of this app itself, which can be another one than CIPP's.

        Raises:
            NotConfiguredError: The settings don't show the group, and this app has no identity.
        """
        return Deployment.of_this_app(self._environ, self._clients.identity_claims)

    def vault(self) -> Mapping[str, Any] | None:
        """Return CIPP's vault from anywhere in the subscription, or None if Azure shows no such vault.

        Raises:
            AzureError: Azure refused or timed out.
        """
        return self._vault(self.deployment())

    def static_web_app(self) -> Mapping[str, Any] | None:
        """Return CIPP's static web app as Azure lists it, or None if CIPP doesn't have one.

        Raises:
            AzureError: Azure refused or timed out.
        """
        return self._static_web_app(self.deployment())

    def _look(self) -> Found:
        try:
            self._claims = self._clients.identity_claims()
            return self._around(Deployment.of(self._environ, self._claims))
        except Exception as error:  # noqa: BLE001 - the links are always shown, so a discovery never fails
            return self._unchecked(error)

    def _unchecked(self, error: Exception) -> Found:
        """Return what is known without Azure."""
        reason = str(error)
        if not isinstance(error, BackendError):
            logger.error("Discovery failed: internal error.", extra={"stack": stack_of(error)})
            reason = f"Internal error ({type(error).__name__}). Check the app's log."
        # Without an identity, Azure can't be called now or later, so the result is final. After a timeout it isn't.
        is_final = isinstance(error, NotConfiguredError)
        failed = MainApp(Shape.UNKNOWN, error=BackendError(reason), exists=None)
        return Found(
            Deployment.of(self._environ, self._claims),
            main_app=NOT_READ if is_final else failed,
            warnings=(f"Names are derived and not checked. {reason}",),
            complete=is_final,
        )

    def _around(self, deployment: Deployment) -> Found:
        """Look up the main app, the vault and the static web app concurrently."""
        if not deployment.subscription_id:
            return Found(deployment)
        app = background.start(lambda: self._main_app(deployment), name="discover the main app")
        vault = background.start(lambda: _id_of(self._vault(deployment)), name="discover the vault")
        static = background.start(lambda: _id_of(self._static_web_app(deployment)), name="discover the static web app")
        problems: list[str] = []
        main_app = app.result()
        if main_app.exists is None and main_app.error:
            problems.append(str(main_app.error))
        vault_id = _or_problem(vault, problems)
        linked = _or_problem(static, problems)
        warnings = [f"Not checked in Azure. {problem}" for problem in problems]
        faults = " ".join(condition_of(properties_of(main_app.site)).problems) if main_app.exists else ""
        if main_app.exists is False:
            warnings.append(
                f"Azure shows no app '{deployment.main_app}' in resource group '{deployment.resource_group}'. "
                "Set CIPP_FUNCTION_APP to the name of CIPP's main app. If CIPP's resource group or "
                "subscription differs from this app's, also set CIPP_RESOURCE_GROUP and CIPP_SUBSCRIPTION_ID."
            )
        elif faults:
            kind = main_app.shape.choose(functions="Function app", container="App", unknown="App")
            warnings.append(f"{kind} '{deployment.main_app}', as of {_now()}: {faults}")
        if vault_id == "" and deployment.vault_name:
            warnings.append(
                f"Azure shows no key vault '{deployment.vault_name}' in the subscription. Set CIPP_KV_NAME to the "
                "vault's name, or CIPP_FUNCTION_APP to the app with the same name. "
                f"{recovery_of_vault(deployment.vault_name)}"
            )
        found = Found(
            deployment,
            vault_id=vault_id or None,
            main_app=main_app,
            warnings=tuple(warnings),
            complete=not problems,
        )
        if linked is None:
            return found
        return replace(
            found,
            static_web_app_id=linked or None,
            # Nothing is linked to a main app that Azure does not show, so no conclusion is possible.
            has_no_static_web_app=linked == "" and main_app.exists is True,
        )

    def _main_app(self, deployment: Deployment) -> MainApp:
        """Return the main app, `NOT_READ` if its name is unknown."""
        is_named = deployment.subscription_id and deployment.resource_group and deployment.main_app
        return self.main_app.seen() if is_named else NOT_READ

    def _vault(self, deployment: Deployment) -> Mapping[str, Any] | None:
        if not deployment.vault_name:
            return None
        named = deployment.vault_name.replace("'", "''")
        with while_trying_to(f"look up key vault '{deployment.vault_name}'"):
            vaults = listed(
                self._clients.resources(deployment.subscription_id or "").resources.list,
                filter=f"resourceType eq 'Microsoft.KeyVault/vaults' and name eq '{named}'",
                expand="provisioningState",
            )
            return _with_id(vaults[0]) if vaults else None

    def _static_web_app(self, deployment: Deployment) -> Mapping[str, Any] | None:
        """Return the static web app that is linked to the main app, else the one with the template's name."""
        if not (deployment.resource_group and deployment.main_app):
            return None
        main_app = deployment.resource_id("Microsoft.Web/sites", deployment.main_app).lower()
        template = deployment.template_static_web_app
        with while_trying_to("look up the static web app"):
            sites = self._clients.web(deployment.subscription_id or "").static_sites
            named = None
            for site in listed(sites.list):
                if main_app in backends_of(properties_of(site)):
                    return _with_id(site)
                if text_of(site.get("name")).lower() == template:
                    named = _with_id(site)
            if named is None:
                # A list omits resources that the caller can't see. Reading the group confirms the permission.
                groups = self._clients.resources(deployment.subscription_id or "").resource_groups
                sent(groups.get, deployment.resource_group)
            return named


def recovery_of_vault(name: str) -> str:
    """Return how to recover the vault if it was deleted. Azure lists deleted vaults separately."""
    return f"If it was deleted, recover it: az keyvault list-deleted, then az keyvault recover --name {name}."


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M} UTC"


def _timeout_warning(seconds: float) -> str:
    return (
        f"Azure did not respond within {seconds:g} seconds, so these names are derived and not checked. "
        "Try again in a moment."
    )


def backends_of(properties: Mapping[str, Any]) -> set[str]:
    """Return the lower-case IDs of the apps behind a static web app, linked in either of Azure's two ways."""
    ids = [backend.get("backendResourceId") for backend in objects_of(properties.get("linkedBackends"))]
    ids += [
        app.get("functionAppResourceId") or properties_of(app).get("functionAppResourceId")
        for app in objects_of(properties.get("userProvidedFunctionApps"))
    ]
    return {text.lower() for found in ids if (text := text_or_none(found))}


def _id_of(resource: Mapping[str, Any] | None) -> str:
    return text_of(resource.get("id")) if resource else ""


def _with_id(resource: Json) -> Json:
    """Return the resource if it has a name and an ID.

    Raises:
        UnreadableResponseError: One of them is missing. The resource must not be treated as missing.
    """
    parts = text_of(resource.get("id")).split("/")
    if len(parts) < ID_PARTS or not text_or_none(resource.get("name")):
        raise UnreadableResponseError("Azure returned it without its name or its ID.")
    return resource


def _or_problem(lookup: "Future[T]", problems: list[str]) -> T | None:
    try:
        return lookup.result()
    except BackendError as error:
        problems.append(str(error))
        return None
