"""The resource that a scope belongs to."""

import re
from typing import Final

from sandbox import names
from sandbox.clouds import Cloud
from sandbox.entra.errors import EntraError

_OIDC: Final = frozenset({"openid", "profile", "email", "offline_access"})
_DEFAULT: Final = "/.default"


def audience_of(scope: str, cloud: Cloud, tenant_name: str, *, default_only: bool) -> str:
    """Return the audience of a token for `scope`.

    Raises:
        EntraError: The scope is malformed, or the resource is unknown.
    """
    requested = [word for word in scope.split() if word.lower() not in _OIDC]
    if default_only and (len(requested) != 1 or not requested[0].endswith(_DEFAULT)):
        raise EntraError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope "
            "value with /.default suffixed to the resource identifier (application ID URI).",
        )
    resources = {_resource(word, cloud) for word in requested} or {cloud.graph_audience}
    if len(resources) > 1:
        raise EntraError(
            400,
            "invalid_scope",
            70011,
            "The provided request must include a 'scope' input parameter. The provided value for the input "
            f"parameter 'scope' is not valid. The scope {scope} is not valid.",
        )
    return checked_resource(resources.pop(), cloud, tenant_name)


def checked_resource(resource: str, cloud: Cloud, tenant_name: str) -> str:
    """Return `resource` unchanged if it exists in this cloud.

    Raises:
        EntraError: It does not exist.
    """
    if resource.rstrip("/") not in _known(cloud):
        raise EntraError(
            400,
            "invalid_resource",
            500011,
            f"The resource principal named {resource} was not found in the tenant named {tenant_name}. This "
            "can happen if the application has not been installed by the administrator of the tenant or "
            "consented to by any user in the tenant. You might have sent your authentication request to the "
            "wrong tenant.",
        )
    return resource


def is_graph(audience: str, cloud: Cloud) -> bool:
    """Return whether a token for `audience` is for Graph."""
    return audience.rstrip("/") in (cloud.graph_audience, names.GRAPH_APP_ID)


def _known(cloud: Cloud) -> frozenset[str]:
    return cloud.arm_audiences | {cloud.graph_audience, cloud.vault_audience, names.GRAPH_APP_ID}


def _resource(word: str, cloud: Cloud) -> str:
    if word.endswith(_DEFAULT):
        return word.removesuffix(_DEFAULT)
    if re.match(r"(?i)(https?|api)://|[0-9a-f-]{36}/", word):
        return word.rpartition("/")[0]
    return cloud.graph_audience
