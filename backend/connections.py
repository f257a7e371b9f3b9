"""The connections of requests, on which azure-core and msal stand, made cheap for thousands of calls.

requests reads the environment and ~/.netrc at each call, and urllib3 reads all trusted certificates again for each
connection. Here each is read once, and ~/.netrc never: nothing in it is meant for Azure. Imported only where a
client is made.
"""

import os
import ssl
from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context


class Connections(requests.Session):
    """Connections that are kept, `at_once` to each host, through the proxies that the environment names."""

    def __init__(self, at_once: int = 1) -> None:
        super().__init__()
        self.trust_env = False  # see merge_environment_settings
        self._by_environment = cache(_by_environment)
        self.mount("https://", _Adapter(pool_connections=8, pool_maxsize=at_once))

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:  # noqa: ANN401 - requests' own signature
        """Answer how a call is made; what the environment says of a host is read once."""
        origin = "/".join(str(url).split("/", 3)[:3])
        told = self._by_environment(origin)
        return {
            "proxies": proxies or told["proxies"],
            "stream": bool(stream),
            "verify": told["verify"] if verify in (None, True) else verify,
            "cert": cert,
        }


def _by_environment(origin: str) -> dict[str, Any]:
    """Answer what requests reads from the environment: the proxies for a host, and the trusted certificates."""
    with requests.Session() as plain:
        told: dict[str, Any] = dict(plain.merge_environment_settings(origin, {}, None, None, None))
    told["verify"] = told["verify"] if isinstance(told["verify"], str) else str(DEFAULT_CA_BUNDLE_PATH)
    return told


class _Adapter(HTTPAdapter):
    """Gives every connection the one TLS context of its bundle."""

    def __init__(self, *, pool_connections: int, pool_maxsize: int) -> None:
        self._tls_context = cache(tls_context)
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_maxsize)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401 - requests' own signature
        """Name the context in place of the bundle."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https" and isinstance(verify, str):
            bundle = tls.pop("ca_certs", None) or tls.pop("ca_cert_dir")
            tls["ssl_context"] = self._tls_context(bundle)
        return host, tls

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Leave a pool that has the context as it is."""
        if not isinstance(verify, str):
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call] # requests has no types here


def tls_context(bundle: str) -> ssl.SSLContext:
    """Answer the TLS context, as urllib3 makes it, that trusts the certificates of a file or directory."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if os.path.isdir(bundle):  # noqa: PTH112 - as requests asks
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context
