"""Addresses in the Azure portal of one cloud, for CIPP's tenant if it is known."""

from urllib.parse import quote

from backend.installation.installation import Deployment


class Portal:
    """The portal of a deployment. The link to an unknown resource opens its nearest known parent."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._root = f"{deployment.cloud.portal}/#@{quote(deployment.tenant_id or '')}/resource"

    def id_of(self, provider_type: str, name: str | None) -> str | None:
        """Return the ARM ID of a resource in the group, None if the group or the name is unknown."""
        group = self._group_id()
        return f"{group}/providers/{provider_type}/{name}" if group and name else None

    def link(self, resource_id: str | None, page: str = "overview") -> str:
        """Return the link to a page of a resource, or to the group, subscription or portal if it is unknown."""
        if resource_id:
            path = resource_id.partition("?")[0].partition("#")[0]
            return f"{self._root}{quote(path, safe='/()')}/{page}"
        parent = self._group_id() or self._subscription_id()
        return self.link(parent) if parent else f"{self._deployment.cloud.portal}/#home"

    def _subscription_id(self) -> str | None:
        subscription = self._deployment.subscription_id
        return f"/subscriptions/{subscription}" if subscription else None

    def _group_id(self) -> str | None:
        subscription, group = self._subscription_id(), self._deployment.resource_group
        return f"{subscription}/resourceGroups/{group}" if subscription and group else None
