"""Azure's three clouds as one table: public, US Government and China.

Sources: azure.mgmt.core.tools (ARM and its scopes), azure.identity (Entra), msgraph_core (Graph),
learn.microsoft.com/graph/deployments (portals). `#cloudshell` opens the portal in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Cloud:
    """The addresses of one cloud; each begins with https:// and ends without a slash, but for suffixes."""

    name: str
    portal: str
    cloud_shell: str
    arm: str
    arm_scope: str
    entra: str
    graph: str
    vault_suffix: str
    site_suffix: str
    storage_suffix: str  # of every service of a storage account: <account>.table.<suffix>


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
    """Return the cloud by `CIPP_CLOUD`, else by the site's own host name, such as cippabc12.azurewebsites.us.

    A name that is no cloud counts as unset here; `Clients` refuses to work with it.
    """
    named = environ.get("CIPP_CLOUD", "").strip().lower()
    host = environ.get("WEBSITE_HOSTNAME", "").strip().rstrip(".").lower()
    by_host = (cloud for cloud in CLOUDS.values() if host.endswith(cloud.site_suffix))
    return CLOUDS.get(named) or next(by_host, PUBLIC)


def problem_with_cloud(environ: Mapping[str, str]) -> str | None:
    """Return what is wrong with `CIPP_CLOUD`, without its value, or None if nothing is."""
    named = environ.get("CIPP_CLOUD", "").strip()
    if not named or named.lower() in CLOUDS:
        return None
    return f"The setting CIPP_CLOUD cannot be used: it must be one of {', '.join(CLOUDS)}. Correct it."
