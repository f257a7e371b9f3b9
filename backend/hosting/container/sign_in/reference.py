"""The Key Vault reference through which App Service has the secret of CIPP's sign-in.

App Service keeps the version that it read. It reads the newest one within a day, after a change of the settings, and on
request. The request is in Microsoft's documentation, and not in its published specification. Never run against real
Azure.
"""

from typing import TYPE_CHECKING, Final

from backend.access.platform_sign_in import auth_settings
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.concurrency.loading import LOADING
from backend.errors import ConflictError, NotFoundError
from backend.hosting.container.sign_in.problems import SETTING, ReferenceState, uses_secret
from backend.hosting.hosting import SignInUse, VersionInUse
from backend.installation.discovery import Discovery
from backend.installation.states.container import client_id_of
from backend.readings import properties_of

if TYPE_CHECKING:
    from azure.mgmt.web import WebSiteManagementClient

REFRESH_VERSION: Final = "2022-03-01"


class SignInReference:
    """The service of the reference. Requires Microsoft.Web/sites/config/read, and to request a read, config/write."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def state(self) -> ReferenceState | None:
        """Return the state, None if the setting is not a reference, or does not exist.

        Raises:
            AzureError: Azure refused or timed out.
        """
        web, group, name = self._site()
        try:
            with while_trying_to(f"read the state of the setting {SETTING}"):
                shown = properties_of(fetched(web.web_apps.get_app_setting_key_vault_reference, group, name, SETTING))
        except NotFoundError:
            return None
        return ReferenceState.of(shown)

    def has_setting(self) -> bool:
        """Return whether CIPP has the setting, reference or not. Its value is dropped.

        Raises:
            AzureError: Azure refused or timed out.
        """
        web, group, name = self._site()
        with while_trying_to(f"read the settings of '{name}'"):
            shown = properties_of(fetched(web.web_apps.list_application_settings, group, name))
        return any(one.lower() == SETTING.lower() for one in shown)

    def use(self) -> SignInUse:
        """Return how users are signed in now.

        Raises:
            ConflictError: Azure does not show the authentication settings.
            AzureError: Azure refused or timed out.
        """
        deployment = self._discovery.deployment()
        settings = auth_settings(self._clients, *deployment.group(), deployment.main_app or "")
        if not settings:
            raise ConflictError("Azure does not show the authentication settings of CIPP.", advice="Try again.")
        return SignInUse(client_id_of(settings), uses_secret(settings))

    def in_use(self) -> VersionInUse:
        """Return the version that App Service uses. Raises as `state`."""
        state = self.state()
        if state is None:
            return VersionInUse("")
        if not state.is_resolved:
            return VersionInUse("", f"the state of the setting {SETTING} is {state.status}.")
        return VersionInUse(state.active)

    def refresh(self) -> None:
        """Request that App Service reads the references of the settings again. This may restart the site.

        Raises:
            NotFoundError: Azure does not have this request.
            AzureError: Azure refused or timed out. The references may have been read.
        """
        with LOADING:
            from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported when ARM is called

        web, _, name = self._site()
        site = self._discovery.deployment().resource_id("Microsoft.Web/sites", name)
        url = f"{self._clients.cloud.arm}{site}/config/configreferences/appsettings/refresh"
        with while_trying_to("let App Service read the secret of CIPP's sign-in again"):
            request = HttpRequest("POST", url, params={"api-version": REFRESH_VERSION})
            web.send_request(request).raise_for_status()

    def _site(self) -> "tuple[WebSiteManagementClient, str, str]":
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        return self._clients.web(subscription), group, deployment.main_app or ""
