"""The sandbox's certificate authority: a certificate for each host, and a bundle for clients to trust."""

import os
import ssl
from pathlib import Path

import certifi
import trustme


class CertificateAuthority:
    """Issues host certificates. It exists only in memory, until the process exits."""

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name=f"CIPP Backend sandbox {os.getpid()}")
        self._contexts: dict[str, ssl.SSLContext] = {}

    def write_bundle(self, path: Path) -> None:
        """Write one PEM file with this CA and the CAs that this machine trusts already."""
        named = [os.environ.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
        trusted = next(file for file in map(Path, [*named, certifi.where()]) if file.is_file())
        path.write_bytes(trusted.read_bytes() + b"\n" + self._authority.cert_pem.bytes())

    def context(self, host: str) -> ssl.SSLContext:
        """Return a TLS context with a certificate for a host name or an address. It is created on first use."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            self._authority.issue_cert(host).configure_cert(context)
            self._contexts[host] = context
        return self._contexts[host]
