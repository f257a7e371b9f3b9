"""The custom domains of CIPP as function apps: those of its static web app, in the form of both shapes.

Azure validates a domain of a static web app, and issues and renews its certificate, by itself. The static web app signs
users in by an app of Microsoft's, so no callback is needed.
"""

from collections.abc import Sequence
from typing import Final

from backend.errors import ConflictError, NotFoundError
from backend.hosting.domains.host_names import in_punycode
from backend.hosting.domains.public_suffixes import is_apex
from backend.hosting.functions.static_web_app.domains import StaticWebAppDomains, host_name
from backend.hosting.functions.static_web_app.site import NoStaticWebAppError, StaticWebApp
from backend.hosting.results.domains import (
    CippDomain,
    CippDomainAct,
    CippDomainList,
    DomainState,
    NeededRecord,
    SignInDomainsAct,
)
from backend.hosting.results.static_web_app import DnsRecord, Domain, Validation
from backend.text.quoting import quoted

_STATES: Final[dict[str, DomainState]] = {
    "ready": "Works",
    "validating": "Validating",
    "adding": "Validating",
    "retrievingvalidationtoken": "Validating",
    "failed": "Failed",
    "deleting": "Removing",
}
_NOT_NEEDED: Final = "CIPP runs as function apps. Its static web app needs no callback for a domain: nothing to do."
_CERTIFICATE: Final = (
    "CIPP runs as function apps. Its static web app gets the certificate of a domain by itself, and renews it: nothing "
    "to do."
)
_LIST: Final = "ListBackendDomains lists the domains."


class FunctionsDomains:
    """The service of the domains, by that of the static web app."""

    def __init__(self, app: StaticWebApp, domains: StaticWebAppDomains) -> None:
        self._app = app
        self._domains = domains

    def domains(self, domain: str = "") -> CippDomainList:
        """Return the domains of the static web app. Azure shows nothing of others, so `domain` only limits the list."""
        found = [cipp_domain(one) for one in self._domains.domains()]
        wanted = in_punycode(domain.strip())
        try:
            default = self._app.shown_host_name
        except NoStaticWebAppError:
            default = None
        return CippDomainList(
            default_host=default,
            default_callback=None,
            domains=[one for one in found if not wanted or one.name == wanted],
            notes=[],
        )

    def add(
        self, domain: str, *, dry_run: bool, force: bool = False, validation: Validation | None = None
    ) -> CippDomainAct:
        """Add a domain. The top of a zone is validated by TXT, and others by CNAME, unless `validation` names another.

        Raises:
            InvalidInputError: Azure refuses the name, or this validation of it.
            ConflictError: The plan does not allow another one.
        """
        wanted = _host(domain)
        if known := self._find(wanted):
            done = [f"'{wanted}' is already a domain of CIPP's static web app."]
            return _act(wanted, known, dry_run=dry_run, sentences=done)
        by = validation or ("txt" if is_apex(wanted) else "cname")
        act = self._domains.add(wanted, by, dry_run=dry_run, force=force)
        if not dry_run and (added := self._find(wanted)):
            return CippDomainAct(dry_run=False, done=act.done, name=wanted, domain=added)
        records = [record for record in (act.dns_record, act.routing_record) if record]
        planned = CippDomain(
            name=wanted,
            state="Validating",
            is_bound=False,
            is_cipps_own=False,
            since=None,
            records=needed_records(records, is_ready=False),
        )
        return CippDomainAct(dry_run=dry_run, would_do=act.would_do, done=act.done, name=wanted, domain=planned)

    def secure(self, domain: str, *, dry_run: bool, force: bool = False) -> CippDomainAct:
        """Return that nothing is to do.

        Raises:
            NotFoundError: CIPP does not have the domain.
        """
        del force
        wanted = _host(domain)
        return _act(wanted, self._must_find(wanted), dry_run=dry_run, sentences=[_CERTIFICATE])

    def remove(self, domain: str, *, dry_run: bool, force: bool = False, via: str = "") -> CippDomainAct:
        """Remove a domain.

        Raises:
            NotFoundError: CIPP does not have the domain.
            ConflictError: Users reach CIPP by this domain alone, or the caller does, and `force` is not set.
        """
        wanted = _host(domain)
        known = self._must_find(wanted)
        if known.state == "Removing":
            return _act(wanted, known, dry_run=dry_run, sentences=[f"Azure is already removing '{wanted}'."])
        others = [one for one in self._domains.domains() if one.name != wanted and one.state.lower() == "ready"]
        reason = "you reach CIPP by this domain." if wanted == via else ""
        reason = reason or ("" if others else "it is CIPP's only custom domain.")
        if reason and known.is_bound and not force:
            raise ConflictError(
                f"Couldn't remove '{wanted}': {reason}", advice="To remove it, repeat with Force: true."
            )
        act = self._domains.remove(wanted, dry_run=dry_run)
        return CippDomainAct(
            dry_run=dry_run, would_do=act.would_do, done=act.done, name=wanted, domain=known if dry_run else None
        )

    def repair_sign_in(self, domain: str, *, dry_run: bool) -> SignInDomainsAct:
        """Return that nothing is to do.

        Raises:
            NotFoundError: CIPP does not have the domain.
        """
        if domain.strip():
            self._must_find(_host(domain))
        return SignInDomainsAct(
            dry_run=dry_run, would_do=[_NOT_NEEDED] if dry_run else [], done=[] if dry_run else [_NOT_NEEDED], hosts=[]
        )

    def _find(self, wanted: str) -> CippDomain | None:
        return next((cipp_domain(one) for one in self._domains.domains() if one.name == wanted), None)

    def _must_find(self, wanted: str) -> CippDomain:
        found = self._find(wanted)
        if found is None:
            raise NotFoundError(f"CIPP's static web app does not have the domain {quoted(wanted)}.", advice=_LIST)
        return found


def _host(domain: str) -> str:
    """Return the host name that a request names, in lower case and in punycode."""
    return host_name(in_punycode(domain.strip()))


def cipp_domain(domain: Domain) -> CippDomain:
    """Return a domain of a static web app in the form of both shapes. Pure."""
    state = _STATES.get(domain.state.lower(), "Unknown")
    records = [record for record in (domain.dns_record, domain.routing_record) if record]
    problems = [domain.error] if domain.error else []
    if state in ("Validating", "Failed") and not problems:
        problems = [f"Azure has not validated '{domain.name}' yet. Check the DNS records."]
    return CippDomain(
        name=domain.name,
        state=state,
        is_bound=state == "Works",
        is_cipps_own=False,
        since=domain.since,
        records=needed_records(records, is_ready=state == "Works"),
        problems=problems,
    )


def needed_records(records: Sequence[DnsRecord], *, is_ready: bool) -> list[NeededRecord]:
    """Return DNS records in the form of both shapes, each once. Azure does not show which of them exist. Pure."""
    return [
        NeededRecord(
            type=record.type,
            host=record.host,
            value=record.value,
            purpose="Ownership" if record.type == "TXT" else "Traffic",
            found=True if is_ready and record.type == "CNAME" else None,
        )
        for record in dict.fromkeys(records)
    ]


def _act(name: str, domain: CippDomain, *, dry_run: bool, sentences: list[str]) -> CippDomainAct:
    """Return a result that changes nothing."""
    would_do, done = (sentences, list[str]()) if dry_run else (list[str](), sentences)
    return CippDomainAct(dry_run=dry_run, would_do=would_do, done=done, name=name, domain=domain)
