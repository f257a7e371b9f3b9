"""The verdict on one custom domain of a container, by what was read of it. Pure.

Source: the contract of CIPP as a container, its chapter on domains. Azure's analysis does not know by which type of
record a domain will be bound. So its own test counts only through the records that it lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.hosting.container.domains.facts import Analysis, Binding, Certificate, SiteFacts
from backend.hosting.domains.host_names import is_wildcard, ownership_host, record_type, why_no_certificate
from backend.hosting.results.domains import CippDomain, DomainState, NeededRecord, Step

# Azure renews a managed certificate 45 days before it expires, if DNS leads straight to the site.
SOON: Final = timedelta(days=30)
LONGEST_ORDER: Final = timedelta(days=1)
_CAA: Final = (
    "If the zone has a CAA record, it must allow DigiCert (0 issue digicert.com), or no certificate is issued. Azure "
    "does not show CAA records."
)
_UPLOAD: Final = "Upload one in the portal, Certificates of the web app."
_WILDCARD: Final = (
    "Microsoft Entra ID accepts no wildcard as a callback, so sign-in needs the callback of each host name."
)
_PROXY: Final = (
    "A proxy in front of CIPP, such as that of Cloudflare, also looks like this. Azure then neither verifies the "
    "domain nor renews its certificate: turn the proxy off for this record."
)


@dataclass(frozen=True)
class DomainFacts:
    """What was read of one domain. `analysis` and `callback` are None if they are unknown.

    `requested` and `ordered` are when the domain, and its certificate, were requested by this app. `reasons` state
    what could not be read.
    """

    host: str
    binding: Binding | None = None
    certificates: Sequence[Certificate] | None = ()
    analysis: Analysis | None = None
    callback: bool | None = None
    requested: datetime | None = None
    ordered: datetime | None = None
    is_cipps_own: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Finding:
    """A state with its problem. Without a `problem`, the domain is in order. `step` is the endpoint that goes on."""

    state: DomainState
    problem: str = ""
    step: Step | None = None


def verdict(facts: DomainFacts, site: SiteFacts, now: datetime) -> CippDomain:
    """Return the verdict on a domain. The first finding is its state, and all findings are its problems."""
    findings = _of_a_bound(facts, site, now) if facts.binding else [_of_an_unbound(facts, site)]
    first = findings[0] if findings else _Finding("Works")
    certificate = best(facts, now)
    is_validating = first.state in ("NoDns", "DnsElsewhere", "StrayTxt", "NotBound", "Issuing", "Conflict", "Unknown")
    since = facts.ordered if first.state == "Issuing" else facts.requested
    return CippDomain(
        name=facts.host,
        state=first.state,
        is_bound=facts.binding is not None,
        is_cipps_own=facts.is_cipps_own,
        since=since if is_validating else None,
        records=[traffic_record(facts.host, site, facts.analysis)],
        wrong_records=_wrong_records(facts, site),
        seen=facts.analysis.shown if facts.analysis else None,
        certificate=certificate.shown if certificate else None,
        callback=facts.callback,
        problems=[finding.problem for finding in findings if finding.problem],
        notes=[*_notes(facts, first.state), *facts.reasons],
        next_step=next((finding.step for finding in findings if finding.step), None),
    )


def traffic_record(host: str, site: SiteFacts, analysis: Analysis | None) -> NeededRecord:
    """Return the DNS record that leads visitors to the site, and whether Azure sees it."""
    kind = record_type(host)
    value = site.address if kind == "A" else site.default_host
    found = analysis.leads_to(site) if analysis else None
    return NeededRecord(type="A" if kind == "A" else "CNAME", host=host, value=value, purpose="Traffic", found=found)


def record_to_bind(host: str, site: SiteFacts, analysis: Analysis | None) -> str:
    """Return the type of record by which Azure verifies a binding, as Azure spells it.

    It is the type that DNS has: a name below the top of a zone may also have an A record.
    """
    if record_type(host) == "A":
        return "A"
    by_address = analysis is not None and site.default_host not in analysis.cnames and analysis.leads_to(site)
    return "A" if by_address else "CName"


def best(facts: DomainFacts, now: datetime) -> Certificate | None:
    """Return the certificate in use, else the one that expires last, else one that is being issued."""
    known = list(facts.certificates or ())
    in_use = [one for one in known if facts.binding and one.thumbprint and one.thumbprint == facts.binding.thumbprint]
    issued = sorted((one for one in known if one.is_usable(now)), key=lambda one: (one.expires or now, one.name))
    return next(iter([*in_use, *reversed(issued), *known]), None)


def _of_an_unbound(facts: DomainFacts, site: SiteFacts) -> _Finding:
    """Return the finding on a host name that is not bound to the site."""
    seen = facts.analysis
    if seen is None:
        return _Finding("Unknown", f"'{facts.host}' is not bound to CIPP, and its DNS is unknown.", _ADD)
    if seen.has_conflict:
        other = f", '{seen.other}'" if seen.other else ""
        return _Finding(
            "Conflict",
            f"Another app in Azure{other} has bound '{facts.host}'. Remove it there first: only one app can have it.",
        )
    if seen.strays(site):
        return _Finding(
            "StrayTxt",
            f"The TXT record {ownership_host(facts.host)} has the ID of another subscription, so Azure refuses the "
            "domain. Remove that record.",
        )
    if dns := _dns(facts, site):
        return dns
    return _Finding("NotBound", f"DNS is right, but '{facts.host}' is not bound to CIPP yet.", _ADD)


def _dns(facts: DomainFacts, site: SiteFacts) -> _Finding | None:
    """Return the finding on the DNS records, None if they lead to the site or are unknown."""
    seen = facts.analysis
    if seen is None or seen.leads_to(site):
        return None
    record = traffic_record(facts.host, site, seen)
    create = f"{record.type} record {record.host} with the value {record.value}"
    if not seen.cnames and not seen.addresses:
        return _Finding("NoDns", f"DNS has no record for '{facts.host}'. Create the {create}.")
    where = ", ".join([*seen.cnames, *seen.addresses])
    return _Finding("DnsElsewhere", f"DNS leads '{facts.host}' to {where}, and not to CIPP. Change the {create}.")


def _of_a_bound(facts: DomainFacts, site: SiteFacts, now: datetime) -> list[_Finding]:
    """Return the findings on a host name that is bound, the gravest first. Empty if it works."""
    dns = _dns(facts, site)
    tls = _tls(facts, now)
    found = [tls] if tls and tls.state not in ("Expiring", "Unknown") else []
    if dns and dns.state == "NoDns":
        found.insert(0, dns)
    if facts.callback is False:
        found.append(
            _Finding(
                "NoCallback",
                f"Sign-in does not work at '{facts.host}' (AADSTS50011): CIPP's sign-in app lacks its callback.",
                "ExecBackendDomainRepairSignIn",
            )
        )
    found += [dns] if dns and dns.state != "NoDns" else []
    return [*found, *([tls] if tls and tls not in found else [])]


def _tls(facts: DomainFacts, now: datetime) -> _Finding | None:
    """Return the finding on the certificate of a bound host, None if it is in order."""
    binding, certificates = facts.binding, facts.certificates
    if binding is None or (binding.is_secure and certificates is None):
        return None
    if not binding.is_secure:
        return _without_tls(facts, now)
    used = next((one for one in certificates or () if one.thumbprint == binding.thumbprint), None)
    if used is None or used.expires is None or used.expires > now + SOON:
        return None  # one that an admin uploaded has no host name in Azure, so its expiry is unknown
    day = f"{used.expires:%Y-%m-%d}"
    has_other = any(one.is_usable(now) and one != used for one in certificates or ())
    step: Step | None = _SECURE if has_other or used.expires <= now else None
    if used.expires <= now:
        return _Finding("Expired", f"The certificate of '{facts.host}' expired on {day}, so browsers refuse it.", step)
    return _Finding(
        "Expiring",
        f"The certificate of '{facts.host}' expires on {day}. Azure renews it only while DNS leads straight to CIPP.",
        step,
    )


def _without_tls(facts: DomainFacts, now: datetime) -> _Finding:
    """Return the finding on a host without TLS. A request counts for a day, because Azure may not list it at first."""
    host, certificates = facts.host, facts.certificates
    step: Step | None = None if why_no_certificate(host) else _SECURE
    if certificates is None:
        return _Finding("NoCertificate", f"'{host}' has no TLS. Whether a certificate exists is unknown.", step)
    if any(one.is_usable(now) for one in certificates):
        return _Finding("NotSecured", f"The certificate of '{host}' is issued, but it is not in use yet.", step)
    is_ordered = facts.ordered is not None and now - facts.ordered < LONGEST_ORDER
    if is_ordered or any(not one.thumbprint for one in certificates):
        return _Finding("Issuing", f"Azure is issuing the certificate of '{host}'. This takes minutes to hours.", step)
    return _Finding("NoCertificate", f"'{host}' has no certificate, so browsers refuse it.", step)


def _wrong_records(facts: DomainFacts, site: SiteFacts) -> list[NeededRecord]:
    strays = facts.analysis.strays(site) if facts.analysis and not facts.binding else []
    host = ownership_host(facts.host)
    return [NeededRecord(type="TXT", host=host, value=text, purpose="Ownership", found=True) for text in strays]


def _notes(facts: DomainFacts, state: DomainState) -> list[str]:
    why = why_no_certificate(facts.host)
    notes = [f"{why} {_UPLOAD}"] if why else []
    notes += [_WILDCARD] if is_wildcard(facts.host) else []
    if state == "DnsElsewhere":
        notes.append(_PROXY)
    if state in ("NoCertificate", "Issuing", "Expiring", "Expired") and not why:
        notes.append(_CAA)
    if facts.callback is None and facts.binding and not is_wildcard(facts.host):
        notes.append("Whether CIPP's sign-in app has the callback of this domain is unknown.")
    return notes


_ADD: Final = "ExecBackendDomainAdd"
_SECURE: Final = "ExecBackendDomainSecure"
