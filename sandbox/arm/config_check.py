"""The app settings and configuration that App Service refuses.

The messages are as people pasted them from real responses. None of this was run against real Azure. The rules are
only as strict as their sources. A name without a source is accepted, such as `MACHINEKEY_...`, which is documented.
"""

import re
from collections.abc import Iterable
from typing import Final

from sandbox.arm.call import Call
from sandbox.arm.errors import bad_request
from sandbox.arm.site import Site

# Linux only. Windows accepts `:` and `-` (Azure/azure-cli#21259, Azure/Azure-Functions#1851,
# Azure/azure-functions-host#7509, polymind-inc/acmebot#471).
_LINUX_NAME: Final = re.compile(r"[A-Za-z0-9._]+")
# dotnet/runtime#71114 and others for AzureBlobStorage__.... Both prefixes are documented for static web apps
# (microsoft/vscode-azurestaticwebapps#89). AzureBlobStorageConnection is accepted.
_RESERVED_NAME: Final = re.compile(r"(AzureBlobStorage|AzureFilesStorage)_.*", re.IGNORECASE)
_PLATFORM_NAME: Final = "WEBSITE_HOSTNAME"  # microsoft/vscode-azureappservice#1897

# Azure/azure-functions-host#11908, microsoft/vscode-azurefunctions#4142 for the first. One user reports the other
# three. FUNCTIONS_EXTENSION_VERSION is accepted (Azure/azure-functions-host#10714). For WEBSITE_TIME_ZONE and the
# other names that Microsoft's "Flex Consumption plan deprecations" lists, no refusal was found.
_NOT_ON_FLEX: Final = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
    }
)
# Azure/azure-functions-host#10643, microsoft/azure-pipelines-tasks#21032 and #22254: also if the value is null.
_PROPERTIES_NOT_ON_FLEX: Final = frozenset(
    {
        "ftpsState",
        "functionAppScaleLimit",
        "functionsRuntimeScaleMonitoringEnabled",
        "linuxFxVersion",
        "netFrameworkVersion",
        "preWarmedInstanceCount",
        "use32BitWorkerProcess",
    }
)


def check_settings(call: Call, site: Site, names: Iterable[str]) -> None:
    """Accept the names of application settings, or refuse them as App Service does.

    Raises:
        ArmError: 400. The app can't have a setting with such a name.
    """
    names = list(names)
    for name in names:
        if not name.strip():
            raise bad_request("Parameter name cannot be empty.")  # microsoft/azure-pipelines-tasks#21136
        if _RESERVED_NAME.fullmatch(name) or (site.linux and not _LINUX_NAME.fullmatch(name)):
            raise bad_request(f"AppSetting with name '{name}' is not allowed.")
        if name.upper() == _PLATFORM_NAME:
            raise bad_request(f"The data is not valid (Invalid or not allowed environment key name: {name}).")
    if _is_flex(call, site) and (invalid := [name for name in names if name.upper() in _NOT_ON_FLEX]):
        raise bad_request(_not_on_flex("app setting", "app settings", [f"AppSettings.{name}" for name in invalid]))


def check_properties(call: Call, site: Site, names: Iterable[str]) -> None:
    """Accept the names of site configuration properties, or refuse them as App Service does.

    Raises:
        ArmError: 400. A Flex Consumption app doesn't have such a property.
    """
    if _is_flex(call, site) and (invalid := [name for name in names if name in _PROPERTIES_NOT_ON_FLEX]):
        capitalised = [name[0].upper() + name[1:] for name in invalid]
        raise bad_request(_not_on_flex("site configuration property", "site configuration properties", capitalised))


def _is_flex(call: Call, site: Site) -> bool:
    plan = call.arm.plans.get(site.plan.lower())
    return plan is not None and plan.sku["tier"] == "FlexConsumption"


def _not_on_flex(one: str, several: str, names: list[str]) -> str:
    listed = ", ".join(f"Site.SiteConfig.{name}" for name in names)
    if len(names) == 1:
        return (
            f"The following {one} ({listed}) for Flex Consumption sites is invalid.  "
            "Please remove or rename it before retrying."
        )
    return (
        f"The following list of {len(names)} {several} ({listed}) for Flex Consumption sites is invalid.  "
        "Please remove or rename them before retrying."
    )
