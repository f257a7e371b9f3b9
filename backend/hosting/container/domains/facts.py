"""What Azure shows of the custom domains of a container, as values. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backend.errors import UnreadableResponseError
from backend.formats import moment_of
from backend.hosting.results.domains import DomainCertificate, SeenDns
from backend.readings import Json, object_of, properties_of, text_of, text_or_none, texts_of

_HOST: Final = re.compile(r"[A-Za-z0-9_*.-]{1,254}")
_ADDRESS: Final = re.compile(r"[0-9a-fA-F.:]{2,45}")
_VERIFICATION_ID: Final = re.compile(r"[0-9a-fA-F]{64}")
_PLAN: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Web/serverfarms/(?P<name>[^/]+)",
    re.IGNORECASE,
)
# Microsoft's documentation: custom domains need a plan of the tier Basic or higher.
TOO_SMALL: Final = ("free", "shared")
SECURE: Final = ("snienabled", "ipbasedenabled")


@dataclass(frozen=True)
class SiteFacts:
    """The container's site and its plan. `tier` is "" if the plan can't be read."""

    name: str
    group: str
    default_host: str
    address: str
    verification_id: str
    hosts: tuple[str, ...]
    plan_id: str
    plan_group: str
    location: str
    tier: str

    @property
    def custom_hosts(self) -> list[str]:
        """The custom host names, in the order of binding."""
        return [host for host in self.hosts if host != self.default_host]


@dataclass(frozen=True)
class Binding:
    """A host name that is bound to the site. `thumbprint` is that of its certificate, "" without TLS."""

    host: str
    record: str
    thumbprint: str

    @property
    def is_secure(self) -> bool:
        """Whether it has TLS."""
        return self.thumbprint != ""


@dataclass(frozen=True)
class Certificate:
    """A certificate for one host name, in the group of the plan. `thumbprint` is "" while it is being issued.

    `plan_id` is that of the plan for which it was ordered, in lower case, "" if Azure does not show it.
    """

    name: str
    host: str
    thumbprint: str
    expires: datetime | None
    plan_id: str = ""

    @property
    def shown(self) -> DomainCertificate:
        """The certificate in a response."""
        return DomainCertificate(name=self.name, thumbprint=self.thumbprint or None, expires=self.expires)

    def is_of_another_plan(self, site: SiteFacts) -> bool:
        """Return whether it was ordered for another plan than the site's, so for another app."""
        return self.plan_id not in ("", site.plan_id.lower())

    def is_usable(self, now: datetime) -> bool:
        """Return whether it is issued, and has not expired as far as known."""
        return self.thumbprint != "" and (self.expires is None or self.expires > now)


@dataclass(frozen=True)
class Analysis:
    """Azure's own view of a host name's DNS. `has_conflict`: another app has bound it. `other` is its name or ""."""

    cnames: tuple[str, ...]
    addresses: tuple[str, ...]
    verification_ids: tuple[str, ...]
    has_conflict: bool
    other: str

    @property
    def shown(self) -> SeenDns:
        """The records in a response."""
        return SeenDns(cnames=list(self.cnames), addresses=list(self.addresses))

    def leads_to(self, site: SiteFacts) -> bool:
        """Return whether DNS leads straight to the site."""
        return site.default_host in self.cnames or (site.address != "" and site.address in self.addresses)

    def strays(self, site: SiteFacts) -> list[str]:
        """Return the verification IDs in DNS that are not those of the site's subscription."""
        return [text for text in self.verification_ids if text.lower() != site.verification_id.lower()]


def site_facts(site: Json, plan: Json, group: str) -> SiteFacts:
    """Return the facts of a site.

    Raises:
        UnreadableResponseError: Azure does not show its host name or its plan.
    """
    properties = properties_of(site)
    plan_id = text_of(properties.get("serverFarmId"))
    place, default_host = _PLAN.fullmatch(plan_id), text_of(properties.get("defaultHostName")).lower()
    if not place or not default_host:
        raise UnreadableResponseError("Azure does not show its host name or its plan.")
    return SiteFacts(
        name=text_of(site.get("name")),
        group=group,
        default_host=default_host,
        address=text_of(properties.get("inboundIpAddress")),
        verification_id=text_of(properties.get("customDomainVerificationId")),
        hosts=tuple(dict.fromkeys(host.lower() for host in texts_of(properties.get("hostNames")) if host)),
        plan_id=plan_id,
        plan_group=place["group"],
        location=text_of(plan.get("location")) or text_of(site.get("location")),
        tier=text_of(object_of(plan.get("sku")).get("tier")),
    )


def binding_of(entry: Json) -> Binding | None:
    """Return a binding, None if Azure does not show its name."""
    properties = properties_of(entry)
    host = text_of(entry.get("name")).rpartition("/")[2].lower()
    is_secure = text_of(properties.get("sslState")).lower() in SECURE
    thumbprint = text_of(properties.get("thumbprint")).upper()
    record = text_of(properties.get("customHostNameDnsRecordType"))
    return Binding(host, record, thumbprint if is_secure else "") if host else None


def certificate_of(entry: Json) -> Certificate | None:
    """Return a certificate that App Service manages for a host name, None for any other, such as an uploaded one."""
    properties = properties_of(entry)
    host, name = text_of(properties.get("canonicalName")).lower(), text_or_none(entry.get("name"))
    if not host or not name:
        return None
    thumbprint = text_of(properties.get("thumbprint")).upper()
    plan_id = text_of(properties.get("serverFarmId")).lower()
    return Certificate(name, host, thumbprint, moment_of(properties.get("expirationDate")), plan_id)


def analysis_of(found: Mapping[str, Any]) -> Analysis:
    """Return Azure's analysis of a host name. Texts that are not host names, addresses or IDs are left out."""
    properties = properties_of(found)
    conflict = text_of(properties.get("conflictingAppResourceId"))
    texts = [*texts_of(properties.get("txtRecords")), *texts_of(properties.get("alternateTxtRecords"))]
    return Analysis(
        cnames=tuple(name.lower().removesuffix(".") for name in _fitting(_HOST, properties.get("cNameRecords"))),
        addresses=tuple(_fitting(_ADDRESS, properties.get("aRecords"))),
        verification_ids=tuple(dict.fromkeys(text for text in texts if _VERIFICATION_ID.fullmatch(text))),
        has_conflict=properties.get("hasConflictOnScaleUnit") is True
        or properties.get("hasConflictAcrossSubscription") is True
        or conflict != "",
        other=conflict.rpartition("/")[2] if _HOST.fullmatch(conflict.rpartition("/")[2]) else "",
    )


def _fitting(form: re.Pattern[str], value: object) -> list[str]:
    return [text for text in texts_of(value) if form.fullmatch(text)]
