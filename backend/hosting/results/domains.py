"""The custom domains of CIPP in any shape, and the results of writes to them."""

from datetime import datetime
from typing import Literal

from backend.values import Act, Value

DomainState = Literal[
    "Works",
    "NoDns",
    "DnsElsewhere",
    "StrayTxt",
    "Conflict",
    "NotBound",
    "NoCertificate",
    "Issuing",
    "NotSecured",
    "Expiring",
    "Expired",
    "NoCallback",
    "Validating",
    "Failed",
    "Removing",
    "Unknown",
]
RecordPurpose = Literal["Traffic", "Ownership"]
Step = Literal["ExecBackendDomainAdd", "ExecBackendDomainSecure", "ExecBackendDomainRepairSignIn"]


class NeededRecord(Value, frozen=True):
    """A DNS record that a domain needs. `value` is null until Azure shows it.

    `Traffic` leads visitors to CIPP, and stays. `Ownership` is what Azure checks once. `found` is whether Azure sees
    it in DNS, null if Azure does not show that.
    """

    type: Literal["CNAME", "A", "ALIAS", "TXT"]
    host: str
    value: str | None
    purpose: RecordPurpose
    found: bool | None


class SeenDns(Value, frozen=True):
    """The DNS records of a host name in Azure's own view. Texts that are not host names or addresses are left out."""

    cnames: list[str]
    addresses: list[str]


class DomainCertificate(Value, frozen=True):
    """A certificate of a domain. `thumbprint` is null while it is being issued. `expires` is null if it is unknown."""

    name: str
    thumbprint: str | None
    expires: datetime | None


class CippDomain(Value, frozen=True):
    """One custom domain of CIPP, with a verdict.

    - `since`: since when it is being validated: since it was requested, or since its certificate was. Null if unknown.
    - `records`: what must stay or be created. `wrong_records`: what must be removed.
    - `callback`: whether CIPP's sign-in app has the domain's callback, null if unknown. Function apps need none.
    - `problems`: what prevents users from using the domain. `notes`: advice.
    - `next_step`: the endpoint that does the next step, null if the next step is in DNS, or not needed.
    """

    name: str
    state: DomainState
    is_bound: bool
    is_cipps_own: bool
    since: datetime | None
    records: list[NeededRecord]
    wrong_records: list[NeededRecord] = []  # noqa: RUF012 - msgspec copies the default
    seen: SeenDns | None = None
    certificate: DomainCertificate | None = None
    callback: bool | None = None
    problems: list[str] = []  # noqa: RUF012 - as above
    notes: list[str] = []  # noqa: RUF012 - as above
    next_step: Step | None = None


class CippDomainList(Value, frozen=True):
    """The custom domains of CIPP. `default_callback` is whether sign-in works at the default host, null if unknown."""

    default_host: str | None
    default_callback: bool | None
    domains: list[CippDomain]
    notes: list[str]


class CippDomainAct(Act, frozen=True, kw_only=True):
    """A step of a custom domain. `domain` is its verdict afterwards, null if it was removed or can't be read."""

    name: str
    domain: CippDomain | None = None


class SignInDomainsAct(Act, frozen=True, kw_only=True):
    """A repair of callbacks. `hosts` lacked one before.

    `script` is the PowerShell that an admin runs as themselves if neither CIPP's SAM app nor this app may do it.
    """

    hosts: list[str]
    script: str | None = None
