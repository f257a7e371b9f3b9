"""The calls to Azure for the custom domains of a container: one method does one thing.

Reads require sites/read, sites/hostNameBindings/read and sites/analyzeCustomHostname/read of Microsoft.Web on the site,
and certificates/read on the group of the plan. Writes require sites/hostNameBindings/write and delete on the site,
certificates/write and delete on the group of the plan, and serverfarms/join/action on the plan. Never run against real
Azure.
"""

from typing import TYPE_CHECKING, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import Response, fetched, listed, sent
from backend.errors import AzureRefusedError, AzureUnreachableError, NotFoundError
from backend.hosting.container.domains.facts import (
    Analysis,
    Binding,
    Certificate,
    SiteFacts,
    analysis_of,
    binding_of,
    certificate_of,
    site_facts,
)
from backend.hosting.domains.host_names import ownership_host
from backend.installation.discovery import Discovery

if TYPE_CHECKING:
    from azure.mgmt.web import WebSiteManagementClient

_ACCEPTED: Final = 202
_BAD_REQUEST, _CONFLICT = 400, 409


class AzureDomains:
    """The service of these calls."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def site(self) -> SiteFacts:
        """Return the container's site as Azure shows it now, with its plan as this app last saw it.

        Raises:
            NotFoundError: The site does not exist, or this app's identity can't see it.
            AzureError: Azure refused or timed out.
        """
        group, name = self._place
        plan = self._discovery.main_app.seen().plan
        with while_trying_to(f"read the app '{name}'"):
            return site_facts(fetched(self._web.web_apps.get, group, name), plan, group)

    def bindings(self) -> list[Binding]:
        """Return the host names that are bound to the site."""
        group, name = self._place
        with while_trying_to(f"list the domains of '{name}'"):
            found = listed(self._web.web_apps.list_host_name_bindings, group, name)
        return [binding for entry in found if (binding := binding_of(entry))]

    def certificates(self, site: SiteFacts) -> list[Certificate]:
        """Return the certificates that App Service manages, in the group of the plan."""
        with while_trying_to(f"list the certificates in the resource group '{site.plan_group}'"):
            found = listed(self._web.certificates.list_by_resource_group, site.plan_group)
        return [certificate for entry in found if (certificate := certificate_of(entry))]

    def analysis(self, host: str) -> Analysis:
        """Return Azure's own view of a host name's DNS, and whether another app has bound it."""
        group, name = self._place
        with while_trying_to(f"analyze the DNS of '{host}'"):
            return analysis_of(fetched(self._web.web_apps.analyze_custom_hostname, group, name, host_name=host))

    def bind(self, site: SiteFacts, host: str, record: str) -> None:
        """Bind a host name. It can be repeated. `record` is CName or A: without it, Azure wants a TXT record.

        Raises:
            AzureRefusedError: DNS does not have the records yet (400), or another app has the name (409).
            AzureUnreachableError: The host name may be bound.
        """
        body = {"properties": {"customHostNameDnsRecordType": record}}
        try:
            with while_trying_to(f"bind '{host}' to '{site.name}'"):
                operation = self._web.web_apps.create_or_update_host_name_binding
                sent(operation, site.group, site.name, host, body)
        except AzureRefusedError as error:
            if error.status == _BAD_REQUEST:
                error.advice = (
                    f"Check the records that ListBackendDomains?Domain={host} shows. If DNS has a TXT record "
                    f"{ownership_host(host)}, remove it. DNS can take an hour to change. Then repeat."
                )
            elif error.status == _CONFLICT:
                error.advice = "If another app has the domain, remove it there first. Then repeat."
            raise

    def unbind(self, site: SiteFacts, host: str) -> None:
        """Unbind a host name. A host name that is not bound is not an error.

        Raises:
            AzureError: Azure refused or timed out. After a timeout, it may be unbound.
        """
        with while_trying_to(f"remove '{host}' from '{site.name}'"):
            self._web.web_apps.delete_host_name_binding(site.group, site.name, host)

    def secure(self, site: SiteFacts, host: str, thumbprint: str) -> None:
        """Use a certificate for a bound host name, by SNI. It can be repeated."""
        body = {"properties": {"sslState": "SniEnabled", "thumbprint": thumbprint, "toUpdate": True}}
        with while_trying_to(f"use the certificate for '{host}'"):
            operation = self._web.web_apps.create_or_update_host_name_binding
            sent(operation, site.group, site.name, host, body)

    def order(self, site: SiteFacts, host: str) -> None:
        """Request a managed certificate in the group and region of the plan. Azure issues it later.

        If Azure is issuing one already (409), that is not an error. Azure accepts the request with 202, for which the
        SDK raises an error.

        Raises:
            AzureRefusedError: Azure refused.
            AzureUnreachableError: The certificate may have been requested.
        """
        statuses: list[int] = []

        def note(response: Response) -> None:
            statuses.append(int(response.http_response.status_code))

        body = {
            "location": site.location,
            "properties": {"canonicalName": host, "serverFarmId": site.plan_id},
        }
        try:
            with while_trying_to(f"request the certificate of '{host}'"):
                operation, name = self._web.certificates.create_or_update, f"{host}-{site.name}"
                sent(operation, site.plan_group, name, body, hook=note)
        except AzureUnreachableError:
            if statuses[-1:] != [_ACCEPTED]:
                raise
        except AzureRefusedError as error:
            if error.status != _CONFLICT:
                raise

    def remove_certificate(self, site: SiteFacts, certificate: Certificate) -> None:
        """Remove a certificate. If it is gone, that is not an error.

        Raises:
            AzureRefusedError: A host name still uses it, or Azure refused.
        """
        try:
            with while_trying_to(f"remove the certificate '{certificate.name}'"):
                self._web.certificates.delete(site.plan_group, certificate.name)
        except NotFoundError:
            return

    @property
    def _place(self) -> tuple[str, str]:
        """The resource group and the name of the site."""
        deployment = self._discovery.deployment()
        return deployment.group()[1], deployment.main_app or ""

    @property
    def _web(self) -> "WebSiteManagementClient":
        return self._clients.web(self._discovery.deployment().group()[0])
