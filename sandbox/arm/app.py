"""The service behind management.azure.com and the hosts of the other clouds."""

import re
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.arm import (
    authorization,
    certificates,
    custom_domains,
    group_tags,
    linked_backends,
    lock_operations,
    plain_resources,
    plans,
    resource_groups,
    resources,
    site_config,
    site_deployments,
    site_functions,
    site_hosts,
    site_instances,
    site_logs,
    site_package,
    site_settings,
    sites,
    stacks,
    static_site_users,
    static_sites,
    storage_accounts,
    subscriptions,
    vault_secrets,
    vaults,
)
from sandbox.arm.deployments import operations as deployments
from sandbox.arm.gateway import Gateway
from sandbox.service import service

if TYPE_CHECKING:
    from sandbox.azure import Azure

_NOUNS: Final = (
    subscriptions,
    resource_groups,
    group_tags,
    resources,
    sites,
    site_settings,
    site_config,
    site_deployments,
    site_functions,
    site_hosts,
    site_instances,
    site_logs,
    site_package,
    static_sites,
    static_site_users,
    custom_domains,
    certificates,
    linked_backends,
    lock_operations,
    plain_resources,
    plans,
    stacks,
    storage_accounts,
    vaults,
    vault_secrets,
    authorization,
    deployments,
)


def app(azure: "Azure") -> ASGIApp:
    """Return Azure Resource Manager for the resources in `azure`."""
    gateway = Gateway(azure)
    routes = service([gateway.route(operation) for noun in _NOUNS for operation in noun.OPERATIONS])

    async def with_a_plain_path(scope: Scope, receive: Receive, send: Send) -> None:
        # Resource Manager accepts a double slash, which the Azure CLI sends, and a trailing slash.
        path = re.sub("/+", "/", scope["path"])
        await routes({**scope, "path": path.rstrip("/") or "/"}, receive, send)

    return with_a_plain_path
