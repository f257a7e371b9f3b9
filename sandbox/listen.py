"""The sandbox's two addresses: the proxy in front of Azure's hosts, and the plain control address."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox import names
from sandbox.azurite import Tables
from sandbox.ca import CertificateAuthority
from sandbox.connection import HttpServer
from sandbox.control import control
from sandbox.options import Options
from sandbox.proxy import ProxyProtocol
from sandbox.seed import seed
from sandbox.server import IDENTITY_PATH, Server
from sandbox.tables.azurite_tables import AzuriteTables
from sandbox.tables.cipps_tables import CippsTables
from sandbox.tokens import TokenIssuer

_LOOPBACK: Final = "127.0.0.1"


async def listen(
    folder: Path,
    servers: list[HttpServer],
    tables: Callable[[], Tables],
    cipps: CippsTables,
    options: Options,
) -> dict[str, str]:
    """Open the proxy and the control address. Return the variables that lead to them. `tables`: see Azurite.

    `options` are those of the seed until the first reset.
    """
    loop = asyncio.get_running_loop()
    authority = CertificateAuthority()
    bundle = folder / "ca.pem"
    authority.write_bundle(bundle)
    tokens = TokenIssuer()
    identity_header = str(uuid.uuid4()).upper()
    azure = Server(seed(options, tokens), identity_header, AzuriteTables(tables))
    https = HttpServer(azure)
    plain = HttpServer(control(azure, lambda chosen: seed(chosen, tokens), cipps))
    servers += [https, plain]
    proxy = await loop.create_server(lambda: ProxyProtocol(authority, https), _LOOPBACK, 0)
    local = await loop.create_server(plain.protocol, _LOOPBACK, 0)
    proxy_url, url = (f"http://{_LOOPBACK}:{s.sockets[0].getsockname()[1]}" for s in (proxy, local))
    return {
        "HTTPS_PROXY": proxy_url,
        "https_proxy": proxy_url,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "ALL_PROXY": "",
        "all_proxy": "",
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
        "IDENTITY_ENDPOINT": f"{url}{IDENTITY_PATH}",
        "IDENTITY_HEADER": identity_header,
        "SANDBOX_URL": url,
        "SANDBOX_VAULT_URL": f"https://{names.VAULT}.vault.azure.net",
        "WEBSITE_SITE_NAME": names.BACKEND_SITE,
        "WEBSITE_OWNER_NAME": f"{names.SUBSCRIPTION_ID}+{names.RESOURCE_GROUP}-WestEuropewebspace-Linux",
        "WEBSITE_RESOURCE_GROUP": names.RESOURCE_GROUP,
        "CIPP_FUNCTION_APP": names.MAIN_SITE,
    }
