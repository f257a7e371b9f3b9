"""The functions of the template language that know the deployment: parameters, variables, IDs and resources."""

import re
import uuid
from datetime import datetime
from typing import Any, Final

from sandbox.arm.deployments.context import Context
from sandbox.arm.deployments.errors import ExpressionError
from sandbox.arm.deployments.scope import (
    extension_resource_id,
    resource_id,
    subscription_resource_id,
    tenant_resource_id,
)
from sandbox.arm.deployments.text_functions import number, text
from sandbox.arm.deployments.values import Value

_USAGE: Final = "Please see https://aka.ms/arm-functions for usage details."
_ENVIRONMENTS: Final = {"public": "AzureCloud", "usgov": "AzureUSGovernment", "china": "AzureChinaCloud"}


def not_expected(function: str) -> ExpressionError:
    """Return the error for a function that is not allowed in a place."""
    return ExpressionError(f"The template function '{function}' is not expected at this location. {_USAGE}")


def _parameters(context: Context, arguments: list[Value]) -> Value:
    name = text(arguments[0], "parameters")
    if context.parameters is None:
        raise not_expected("parameters")
    if name.lower() not in context.parameters:
        raise ExpressionError(
            f"The template parameter '{name}' is not found. Please see https://aka.ms/arm-syntax-parameters for usage "
            "details."
        )
    return context.parameters[name.lower()]


def _copy_index(context: Context, arguments: list[Value]) -> int:
    """Return the round of the named copy loop, or of the innermost one, plus an offset."""
    names = [argument for argument in arguments if isinstance(argument, str)]
    offsets = [argument for argument in arguments if not isinstance(argument, str)]
    rounds = [one for one in context.copies if not names or one.name.lower() == names[0].lower()]
    if not rounds:
        raise not_expected("copyIndex")
    return rounds[-1].index + (number(offsets[0], "copyIndex") if offsets else 0)


def _resource_group(context: Context, _arguments: list[Value]) -> Value:
    if context.group is None:
        raise not_expected("resourceGroup")
    return context.group


def _tenant(context: Context, _arguments: list[Value]) -> Value:
    tenant = context.subscription["tenantId"]
    return {"tenantId": tenant, "countryCode": "NL", "displayName": "Contoso"}


def _environment(context: Context, _arguments: list[Value]) -> Value:
    cloud = context.cloud
    return {
        "name": _ENVIRONMENTS[cloud.name],
        "portal": "https://portal.azure.com",
        "resourceManager": f"https://{cloud.arm}/",
        "graph": f"https://{cloud.graph}/",
        "authentication": {
            "loginEndpoint": f"https://{cloud.login}/",
            "audiences": sorted(cloud.arm_audiences, reverse=True),
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {"storage": cloud.storage_suffix, "keyvaultDns": f".{cloud.vault_suffix}"},
    }


def _utc_now(context: Context, arguments: list[Value]) -> str:
    if not context.is_default:
        raise not_expected("utcNow")
    return _time_text(context.now, text(arguments[0], "utcNow") if arguments else "")


def _new_guid(context: Context, _arguments: list[Value]) -> str:
    if not context.is_default:
        raise not_expected("newGuid")
    return str(uuid.uuid4())


def _time_text(time: datetime, pattern: str) -> str:
    """Return a time in .NET's format. The default is the basic form of ISO 8601."""
    if pattern == "u":
        return f"{time:%Y-%m-%d %H:%M:%SZ}"
    codes = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
    return time.strftime(re.sub("|".join(codes), lambda match: codes[match[0]], pattern or "yyyyMMddTHHmmssZ"))


# By lower-case name: the function, and the smallest and largest number of its arguments.
FUNCTIONS: Final[dict[str, tuple[Any, int, int | None]]] = {
    "copyindex": (_copy_index, 0, 2),
    "deployment": (lambda context, _: context.deployment, 0, 0),
    "environment": (_environment, 0, 0),
    "extensionresourceid": (lambda _, arguments: extension_resource_id(arguments), 3, None),
    "newguid": (_new_guid, 0, 0),
    "parameters": (_parameters, 1, 1),
    "resourcegroup": (_resource_group, 0, 0),
    "resourceid": (lambda context, arguments: resource_id(context.scope, arguments), 1, None),
    "subscription": (lambda context, _: context.subscription, 0, 0),
    "subscriptionresourceid": (lambda context, arguments: subscription_resource_id(context.scope, arguments), 1, None),
    "tenant": (_tenant, 0, 0),
    "tenantresourceid": (lambda _, arguments: tenant_resource_id(arguments), 1, None),
    "utcnow": (_utc_now, 0, 1),
}
