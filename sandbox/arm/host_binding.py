"""A custom host name of an app, and a certificate of App Service for one."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from sandbox.arm.dns import allows_certificates
from sandbox.arm.resource import Resource

ISSUED_AFTER: Final = timedelta(seconds=45)
_HOST: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


@dataclass(frozen=True)
class HostBinding:
    """A custom host name that is bound to an app."""

    name: str
    record: str  # CName or A
    ssl_state: str | None = None
    thumbprint: str | None = None

    def properties(self, site: str) -> dict[str, Any]:
        """Return it in Azure's format. A binding without TLS has no members for it."""
        shown = {"siteName": site, "domainId": None, "hostNameType": "Verified"}
        shown |= {"customHostNameDnsRecordType": self.record}
        if self.ssl_state:
            shown |= {"sslState": self.ssl_state, "thumbprint": self.thumbprint}
        return shown


@dataclass(kw_only=True)
class Certificate(Resource):
    """A certificate that App Service manages. Azure issues it some time after it was requested."""

    type: ClassVar[str] = "Microsoft.Web/certificates"

    canonical_name: str
    plan_id: str
    requested: datetime

    def is_issued(self, now: datetime) -> bool:
        """Return whether it has a thumbprint."""
        return allows_certificates(self.canonical_name) and now >= self.requested + ISSUED_AFTER

    @property
    def thumbprint(self) -> str:
        """The thumbprint that it has once it is issued."""
        text = f"{self.canonical_name}/{self.requested.isoformat()}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def is_host_name(name: str) -> bool:
    """Return whether a text can be a custom host name, in lower case."""
    return _HOST.fullmatch(name) is not None
