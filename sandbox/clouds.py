"""The three Azure clouds that the sandbox emulates, and the service behind each host name."""

from dataclasses import dataclass
from typing import Final, Literal

Plane = Literal["arm", "entra", "graph", "vault", "tables", "registry", "blobs", "site", "scm"]
REGISTRY_HOST: Final = "ghcr.io"
BLOBS_HOST: Final = "pkg-containers.githubusercontent.com"


@dataclass(frozen=True)
class Cloud:
    """The hosts of one cloud. Responses name the first of several."""

    name: str
    arm: str
    arm_audiences: frozenset[str]  # without a trailing slash
    graph: str
    logins: tuple[str, ...]
    vault_suffix: str
    storage_suffix: str
    site_suffix: str

    @property
    def login(self) -> str:
        """The host that issues this cloud's tokens."""
        return self.logins[0]

    @property
    def vault_audience(self) -> str:
        """The audience of tokens for vaults."""
        return f"https://{self.vault_suffix}"

    @property
    def graph_audience(self) -> str:
        """The audience of tokens for Graph."""
        return f"https://{self.graph}"


CLOUDS: Final = (
    Cloud(
        name="public",
        arm="management.azure.com",
        arm_audiences=frozenset({"https://management.azure.com", "https://management.core.windows.net"}),
        graph="graph.microsoft.com",
        logins=("login.microsoftonline.com", "login.windows.net"),
        vault_suffix="vault.azure.net",
        storage_suffix="core.windows.net",
        site_suffix="azurewebsites.net",
    ),
    Cloud(
        name="usgov",
        arm="management.usgovcloudapi.net",
        arm_audiences=frozenset({"https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"}),
        graph="graph.microsoft.us",
        logins=("login.microsoftonline.us",),
        vault_suffix="vault.usgovcloudapi.net",
        storage_suffix="core.usgovcloudapi.net",
        site_suffix="azurewebsites.us",
    ),
    Cloud(
        name="china",
        arm="management.chinacloudapi.cn",
        arm_audiences=frozenset({"https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"}),
        graph="microsoftgraph.chinacloudapi.cn",
        logins=("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        vault_suffix="vault.azure.cn",
        storage_suffix="core.chinacloudapi.cn",
        site_suffix="chinacloudsites.cn",
    ),
)


@dataclass(frozen=True)
class Place:
    """The service behind a host name."""

    cloud: Cloud
    plane: Plane
    vault: str | None = None  # lower case
    account: str | None = None  # of storage, lower case
    site: str | None = None  # with a default host name, lower case


def place_of(host: str) -> Place | None:
    """Return the service behind `host` (without port, case-insensitive), or None if the sandbox does not know it."""
    host = host.lower()
    if host in _OUTSIDE:
        return _OUTSIDE[host]
    return next((place for cloud in CLOUDS if (place := _in(cloud, host))), None)


def _in(cloud: Cloud, host: str) -> Place | None:
    planes: dict[str, Plane] = {cloud.arm: "arm", cloud.graph: "graph", **dict.fromkeys(cloud.logins, "entra")}
    if host in planes:
        return Place(cloud, planes[host])
    name, _, suffix = host.partition(".")
    if suffix == f"scm.{cloud.site_suffix}":
        return Place(cloud, "scm", site=name)
    if host.endswith(f".{cloud.site_suffix}") and ".scm." not in host:
        return Place(cloud, "site", site=name)
    named = {
        cloud.vault_suffix: Place(cloud, "vault", name),
        f"table.{cloud.storage_suffix}": Place(cloud, "tables", account=name),
    }
    return named.get(suffix)


_OUTSIDE: Final = {REGISTRY_HOST: Place(CLOUDS[0], "registry"), BLOBS_HOST: Place(CLOUDS[0], "blobs")}
