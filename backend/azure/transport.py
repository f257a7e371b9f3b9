"""The connections of requests, which azure-core and msal use, made cheap for thousands of calls.

requests reads the environment and ~/.netrc for each call, and urllib3 reads all trusted certificates again for each
connection. This module reads each of them one time, and never reads ~/.netrc, which has no credentials for Azure.
Import it only to create a client.
"""

import os
import ssl
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context


class Connections(requests.Session):
    """Connections that stay open, up to a number per host, through the proxies that the environment names."""

    def __init__(self, most: int = 1) -> None:
        super().__init__()
        self.trust_env = False  # see merge_environment_settings
        self._by_environment = cache(_by_environment)
        self.mount("https://", _Adapter(pool_connections=8, pool_maxsize=most))

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:  # noqa: ANN401 - requests' own signature
        """Return the options of a call. The environment is read one time per host."""
        origin = "/".join(str(url).split("/", 3)[:3])
        options = self._by_environment(origin)
        return {
            "proxies": proxies or options["proxies"],
            "stream": bool(stream),
            "verify": options["verify"] if verify in (None, True) else verify,
            "cert": cert,
        }


class PlainConnections(Connections):
    """Connections for public addresses. They store no cookies, and leave redirects to the caller.

    requests reads the whole body of a redirect and parses its address, even if it does not follow it.
    """

    def __init__(self, most: int = 1) -> None:
        super().__init__(most)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["User-Agent"] = "CIPP-Backend"

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, as if no response were a redirect."""
        del resp


def _by_environment(origin: str) -> dict[str, Any]:
    """Return what requests reads from the environment: the proxies for a host, and the trusted certificates."""
    with requests.Session() as plain:
        options: dict[str, Any] = dict(plain.merge_environment_settings(origin, {}, None, None, None))
    options["verify"] = options["verify"] if isinstance(options["verify"], str) else str(DEFAULT_CA_BUNDLE_PATH)
    return options


class _Adapter(HTTPAdapter):
    """An adapter that gives each connection the TLS context of its certificate bundle."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401 - requests' own signature
        """Return the attributes of a pool, with the TLS context in place of the bundle.

        requests does not learn the bundle's path: it would read the file system for each call.
        """
        bundle = verify if isinstance(verify, str) else None
        host, tls = super().build_connection_pool_key_attributes(request, True if bundle is not None else verify, cert)
        if host["scheme"] == "https" and bundle is not None:
            tls["ssl_context"] = tls_context(bundle)
        return host, tls

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Leave a pool with the context unchanged."""
        if not isinstance(verify, str):
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call] # requests has no types here


@cache
def tls_context(bundle: str) -> ssl.SSLContext:
    """Return the TLS context, as urllib3 creates it, that trusts the certificates of a file or directory.

    All connections share it. A context has all trusted certificates, so it takes 0.7 MB and 15 ms to create.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if os.path.isdir(bundle):  # noqa: PTH112 - the same check as in requests
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context
