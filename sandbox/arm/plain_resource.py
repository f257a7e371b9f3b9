"""Resources that Azure creates from the given properties, and that the sandbox stores as given."""

import uuid
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sandbox.arm.resource import Resource

_INGESTION: Final = "https://westeurope-5.in.applicationinsights.azure.com/"


@dataclass(kw_only=True)
class PlainResource(Resource):
    """A resource with the members of its body."""

    body: dict[str, Any] = field(default_factory=dict)

    def generated(self, tenant_id: str) -> dict[str, Any]:
        """Return the properties that Azure adds."""
        del tenant_id
        return {}

    def shown(self, tenant_id: str) -> dict[str, Any]:
        """Return the resource as Azure shows it."""
        properties = {**(self.body.get("properties") or {}), **self.generated(tenant_id)}
        others = {name: value for name, value in self.body.items() if name not in ("properties", "id", "name", "type")}
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            **others,
            "location": self.location,
            "tags": self.tags,
            "properties": properties,
        }

    def made_id(self, what: str) -> str:
        """Return an ID of Azure's for a part of this resource."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.id.lower()}/{what}"))


@dataclass(kw_only=True)
class UserAssignedIdentity(PlainResource):
    """A managed identity of its own."""

    type: ClassVar[str] = "Microsoft.ManagedIdentity/userAssignedIdentities"

    @property
    def principal_id(self) -> str:
        """The object ID of its service principal."""
        return self.made_id("principal")

    @property
    def client_id(self) -> str:
        """The client ID of its service principal."""
        return self.made_id("client")

    def generated(self, tenant_id: str) -> dict[str, Any]:
        """Return its IDs."""
        return {"tenantId": tenant_id, "principalId": self.principal_id, "clientId": self.client_id}


@dataclass(kw_only=True)
class Workspace(PlainResource):
    """A Log Analytics workspace."""

    type: ClassVar[str] = "Microsoft.OperationalInsights/workspaces"

    def generated(self, tenant_id: str) -> dict[str, Any]:
        """Return its customer ID."""
        del tenant_id
        return {"customerId": self.made_id("customer"), "provisioningState": "Succeeded"}


@dataclass(kw_only=True)
class Component(PlainResource):
    """Application Insights."""

    type: ClassVar[str] = "Microsoft.Insights/components"

    def generated(self, tenant_id: str) -> dict[str, Any]:
        """Return its connection string and IDs."""
        key, app = self.made_id("key"), self.made_id("app")
        return {
            "ApplicationId": self.name,
            "AppId": app,
            "InstrumentationKey": key,
            "ConnectionString": f"InstrumentationKey={key};IngestionEndpoint={_INGESTION};"
            f"LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/;ApplicationId={app}",
            "Name": self.name,
            "TenantId": tenant_id,
            "provisioningState": "Succeeded",
        }


@dataclass(kw_only=True)
class ActionGroup(PlainResource):
    """The receivers of alerts."""

    type: ClassVar[str] = "Microsoft.Insights/actionGroups"


@dataclass(kw_only=True)
class MetricAlert(PlainResource):
    """An alert on a metric."""

    type: ClassVar[str] = "Microsoft.Insights/metricAlerts"


@dataclass(kw_only=True)
class ScheduledQueryRule(PlainResource):
    """An alert on a query of logs."""

    type: ClassVar[str] = "Microsoft.Insights/scheduledQueryRules"


@dataclass(kw_only=True)
class WebTest(PlainResource):
    """An availability test."""

    type: ClassVar[str] = "Microsoft.Insights/webtests"

    def generated(self, tenant_id: str) -> dict[str, Any]:
        """Return the ID under which its results are reported."""
        del tenant_id
        return {"provisioningState": "Succeeded"}


@dataclass(kw_only=True)
class SmartDetector(PlainResource):
    """An alert of Application Insights on unusual failures, which Azure creates with it."""

    type: ClassVar[str] = "Microsoft.AlertsManagement/smartDetectorAlertRules"


KINDS: Final[tuple[type[PlainResource], ...]] = (
    UserAssignedIdentity,
    Workspace,
    Component,
    ActionGroup,
    MetricAlert,
    ScheduledQueryRule,
    WebTest,
    SmartDetector,
)
