"""What Azure shows of this deployment: whether its names are real, and its static web app.

Needs Reader on the resource group. What was found is remembered and found again in the background;
a look that failed is not remembered.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from backend import at_once
from backend.clients import Clients
from backend.deployment import Deployment
from backend.errors import BackendError, NotConfiguredError, NotFoundError, while_trying_to
from backend.shared_call import ABANDONED_SECONDS, SharedCall
from backend.stack import stack_of

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger("cipp.backend")
T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """The deployment as far as it is known; the ids are Azure's own, None where it showed none.

    `has_no_static_web_app` is Azure's word that there is none, not our ignorance.
    """

    deployment: Deployment
    vault_id: str | None = None
    static_web_app_id: str | None = None
    has_no_static_web_app: bool = False
    warnings: tuple[str, ...] = ()
    complete: bool = True


class Discovery:
    """One look at Azure for all callers of this process."""

    def __init__(self, environ: Mapping[str, str], clients: Clients) -> None:
        self._environ = environ
        self._clients = clients
        self._claims: dict[str, Any] | None = None
        self._known: Found | None = None
        self._known_until = 0.0
        self._looks = SharedCall(self._look, name="discovery", abandoned_seconds=ABANDONED_SECONDS)

    def found(self) -> Found:
        """Answer what is known, within `discovery_timeout_seconds`; Azure's silence becomes a warning."""
        if self._known and time.monotonic() < self._known_until:
            return self._known
        look = self._looks.attempt()
        if self._known:
            return self._known
        ends = time.monotonic() + self._clients.limits.discovery_timeout_seconds
        if look.wait(ends):
            return look.result(ends, what="discover CIPP's resources")
        return Found(
            Deployment.of(self._environ, self._claims),
            warnings=(_silence(self._clients.limits.discovery_timeout_seconds),),
            complete=False,
        )

    def deployment(self) -> Deployment:
        """Answer the deployment for a service that goes on to Azure itself: no look around, the identity's claims."""
        if self._claims is None:
            try:
                self._claims = self._clients.identity_claims()
            except NotConfiguredError:
                return Deployment.of(self._environ)
        return Deployment.of(self._environ, self._claims)

    def vault(self) -> Mapping[str, Any] | None:
        """Ask Azure for CIPP's vault, wherever in the subscription it is; None where it shows none.

        Raises:
            AzureError: Azure refused, or is silent.
        """
        return self._vault(self.deployment())

    def static_web_app(self) -> Mapping[str, Any] | None:
        """Ask Azure for CIPP's static web app, as its list shows it; None where there is none.

        Raises:
            AzureError: Azure refused, or is silent.
        """
        return self._static_web_app(self.deployment())

    def _look(self) -> Found:
        try:
            self._claims = self._clients.identity_claims()
            found = self._around(Deployment.of(self._environ, self._claims))
        except Exception as error:  # noqa: BLE001 - the links answer in any case, so a look always ends well
            found = self._unchecked(error)
        if found.complete:
            self._known_until = time.monotonic() + self._clients.limits.discovery_lifetime_seconds
            self._known = found
        return found

    def _unchecked(self, error: Exception) -> Found:
        """Answer what is known without Azure."""
        reason = str(error)
        if not isinstance(error, BackendError):
            logger.error("Discovery failed by an internal error.", extra={"stack": stack_of(error)})
            reason = f"This app made a mistake as it looked ({type(error).__name__}); the log tells where."
        return Found(
            Deployment.of(self._environ, self._claims),
            warnings=(f"Names are derived and not checked. {reason}",),
            # Without an identity there is nothing to ask, now or later: that is an answer, a silence is not.
            complete=isinstance(error, NotConfiguredError),
        )

    def _around(self, deployment: Deployment) -> Found:
        """Look at the main app, the vault and the static web apps, all at once."""
        if not deployment.subscription_id:
            return Found(deployment)
        app = at_once.start(lambda: self._main_app_exists(deployment), name="discover the main app")
        vault = at_once.start(lambda: _id_of(self._vault(deployment)), name="discover the vault")
        static = at_once.start(lambda: _id_of(self._static_web_app(deployment)), name="discover the static web app")
        problems: list[str] = []
        app_exists = _or_problem(app, problems)
        vault_id = _or_problem(vault, problems)
        linked = _or_problem(static, problems)
        warnings = [f"Not checked in Azure. {problem}" for problem in problems]
        if app_exists is False:
            warnings.append(
                f"Azure shows no function app '{deployment.main_app}' in resource group '{deployment.resource_group}': "
                "set CIPP_FUNCTION_APP to the name of CIPP's main function app (and CIPP_RESOURCE_GROUP, "
                "CIPP_SUBSCRIPTION_ID if they differ from this app's)."
            )
        if vault_id == "" and deployment.vault_name:
            warnings.append(
                f"Azure shows no key vault '{deployment.vault_name}' in the subscription: set CIPP_KV_NAME to the "
                "vault's name, or CIPP_FUNCTION_APP to the app that it is named after."
            )
        found = Found(deployment, vault_id=vault_id or None, warnings=tuple(warnings), complete=not problems)
        if linked is None:
            return found
        return replace(
            found,
            static_web_app_id=linked or None,
            # A main app that Azure does not show has nothing linked to it, which tells nothing.
            has_no_static_web_app=linked == "" and app_exists is True,
        )

    def _main_app_exists(self, deployment: Deployment) -> bool | None:
        """Tell whether Azure shows the main app; None where there is no name to ask for."""
        if not (deployment.subscription_id and deployment.resource_group and deployment.main_app):
            return None
        try:
            with while_trying_to(f"look up function app '{deployment.main_app}'"):
                self._clients.web(deployment.subscription_id).web_apps.get(
                    deployment.resource_group, deployment.main_app
                )
        except NotFoundError:
            return False
        return True

    def _vault(self, deployment: Deployment) -> Mapping[str, Any] | None:
        if not deployment.vault_name:
            return None
        named = deployment.vault_name.replace("'", "''")
        with while_trying_to(f"look up key vault '{deployment.vault_name}'"):
            resources = self._clients.resources(deployment.subscription_id or "").resources.list(
                filter=f"resourceType eq 'Microsoft.KeyVault/vaults' and name eq '{named}'",
                expand="provisioningState",
            )
            return next((vault.as_dict() for vault in resources), None)

    def _static_web_app(self, deployment: Deployment) -> Mapping[str, Any] | None:
        """Answer the static web app that is linked to the main app, else the one that the template names so."""
        if not (deployment.resource_group and deployment.main_app):
            return None
        main_app = deployment.resource_id("Microsoft.Web/sites", deployment.main_app).lower()
        template = deployment.template_static_web_app
        with while_trying_to("look up the static web app"):
            sites = self._clients.web(deployment.subscription_id or "").static_sites
            named = None
            for listed in sites.list():
                site = listed.as_dict()
                if main_app in backends_of(site["properties"]):
                    return site
                if str(site["name"]).lower() == template:
                    named = site
            if named is None:
                # A list leaves out what we may not see: that there is none is known to who may read the group.
                self._clients.resources(deployment.subscription_id or "").resource_groups.get(deployment.resource_group)
            return named


def _silence(seconds: float) -> str:
    return (
        f"Azure did not answer within {seconds:g} seconds, so these names are derived and not checked; "
        "ask again in a moment."
    )


def backends_of(properties: Mapping[str, Any]) -> set[str]:
    """Collect the ids, in lower case, of the apps behind a static web app, linked in either of Azure's two ways."""
    linked: Iterable[Mapping[str, Any]] = properties.get("linkedBackends") or ()
    provided: Iterable[Mapping[str, Any]] = properties.get("userProvidedFunctionApps") or ()
    ids = [backend.get("backendResourceId") for backend in linked]
    ids += [
        app.get("functionAppResourceId") or (app.get("properties") or {}).get("functionAppResourceId")
        for app in provided
    ]
    return {str(found).lower() for found in ids if found}


def _id_of(resource: Mapping[str, Any] | None) -> str:
    return str(resource["id"]) if resource else ""


def _or_problem(asked: "Future[T]", problems: list[str]) -> T | None:
    try:
        return asked.result()
    except BackendError as error:
        problems.append(str(error))
        return None
