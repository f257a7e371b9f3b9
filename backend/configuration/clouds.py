"""Azure's three clouds as one table: public, Government and China.

Sources: azure.mgmt.core.tools (ARM and its scopes), azure.identity (Entra), msgraph_core (Graph),
learn.microsoft.com/graph/deployments (portals). `#cloudshell` opens at least the portal.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Cloud(msgspec.Struct, frozen=True):
    """The addresses of one cloud. Each, except suffixes, begins with https:// and ends without a slash."""

    name: str
    portal: str
    cloud_shell: str
    arm: str
    arm_scope: str
    entra: str
    graph: str
    vault_suffix: str
    site_suffix: str
    storage_suffix: str  # for all services of a storage account: <account>.table.<suffix>


PUBLIC = Cloud(
    name="public",
    portal="https://portal.azure.com",
    cloud_shell="https://shell.azure.com/powershell",
    arm="https://management.azure.com",
    arm_scope="https://management.azure.com/.default",
    entra="https://login.microsoftonline.com",
    graph="https://graph.microsoft.com",
    vault_suffix=".vault.azure.net",
    site_suffix=".azurewebsites.net",
    storage_suffix="core.windows.net",
)
US_GOVERNMENT = Cloud(
    name="usgov",
    portal="https://portal.azure.us",
    cloud_shell="https://portal.azure.us/#cloudshell/",
    arm="https://management.usgovcloudapi.net",
    arm_scope="https://management.core.usgovcloudapi.net/.default",
    entra="https://login.microsoftonline.us",
    graph="https://graph.microsoft.us",
    vault_suffix=".vault.usgovcloudapi.net",
    site_suffix=".azurewebsites.us",
    storage_suffix="core.usgovcloudapi.net",
)
CHINA = Cloud(
    name="china",
    portal="https://portal.azure.cn",
    cloud_shell="https://portal.azure.cn/#cloudshell/",
    arm="https://management.chinacloudapi.cn",
    arm_scope="https://management.chinacloudapi.cn/.default",
    entra="https://login.chinacloudapi.cn",
    graph="https://microsoftgraph.chinacloudapi.cn",
    vault_suffix=".vault.azure.cn",
    site_suffix=".chinacloudsites.cn",
    storage_suffix="core.chinacloudapi.cn",
)
CLOUDS = MappingProxyType({cloud.name: cloud for cloud in (PUBLIC, US_GOVERNMENT, CHINA)})


def cloud_of(environ: Mapping[str, str]) -> Cloud:
    """Return the cloud by `CIPP_CLOUD`, otherwise by the host name of the site, such as `*.chinacloudsites.cn`.

    An unknown name counts as not set here. `Clients` rejects it.
    """
    named = environ.get("CIPP_CLOUD", "").strip().lower()
    host = environ.get("WEBSITE_HOSTNAME", "").strip().rstrip(".").lower()
    by_host = (cloud for cloud in CLOUDS.values() if host.endswith(cloud.site_suffix))
    return CLOUDS.get(named) or next(by_host, PUBLIC)


def problem_with_cloud(environ: Mapping[str, str]) -> str | None:
    """Return why `CIPP_CLOUD` is not valid, without its value, or None if it is valid."""
    named = environ.get("CIPP_CLOUD", "").strip()
    if not named or named.lower() in CLOUDS:
        return None
    return f"Invalid setting CIPP_CLOUD: it must be one of {', '.join(CLOUDS)}. Correct it."
