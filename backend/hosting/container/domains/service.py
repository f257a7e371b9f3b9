"""The custom domains of a container: their verdicts, and the steps bind, secure, remove and repair of the sign-in.

Each step is a request of its own, and can be repeated: after a failure anywhere, the same request ends correctly. Azure
verifies DNS when a domain is bound. So a domain whose DNS is not right yet is not bound, and only its time is stored.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from backend.hosting.container.domains.azure_domains import AzureDomains
from backend.hosting.container.domains.callbacks import Callbacks
from backend.hosting.container.domains.facts import TOO_SMALL, Analysis, Binding, Certificate, SiteFacts
from backend.hosting.container.domains.own_address import own_address
from backend.hosting.container.domains.requests import NOTHING, DomainRequests, Requested
from backend.hosting.container.domains.verdict import DomainFacts, record_to_bind, verdict
from backend.hosting.domains.host_names import custom_host, in_punycode, is_wildcard, why_no_certificate
from backend.hosting.results.domains import CippDomain, CippDomainAct, CippDomainList, SignInDomainsAct
from backend.hosting.results.static_web_app import Validation
from backend.sam_app.redirect_uris import RedirectUris
from backend.text.quoting import quoted

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
THREADS: Final = 8
_LIST: Final = "ListBackendDomains lists the domains."
_BY_HAND: Final = (
    "Nothing was changed: neither CIPP's SAM app nor this app may change CIPP's sign-in app. Run the script in "
    "PowerShell as an admin of its tenant."
)
_KEPT: Final = "Its callback stays on CIPP's sign-in app."


@dataclass(frozen=True)
class _Seen:
    """What was read of all domains. What is None can't be read, for the reasons."""

    site: SiteFacts
    bindings: Sequence[Binding]
    certificates: Sequence[Certificate] | None
    uris: RedirectUris | None
    requests: dict[str, Requested]
    own: str
    reasons: tuple[str, ...]

    def binding(self, host: str) -> Binding | None:
        """Return the binding of a host name, None if it is not bound."""
        return next((binding for binding in self.bindings if binding.host == host), None)

    def certificates_of(self, host: str) -> list[Certificate] | None:
        """Return the certificates of a host name, None if they are unknown."""
        known = self.certificates
        return None if known is None else [certificate for certificate in known if certificate.host == host]

    @property
    def custom_hosts(self) -> list[str]:
        """The custom host names that are bound."""
        return [binding.host for binding in self.bindings if binding.host != self.site.default_host]


class ContainerDomains:
    """The service of the domains. Requires the permissions of `AzureDomains` and `Callbacks`."""

    def __init__(self, clients: Clients, azure: AzureDomains, callbacks: Callbacks, requests: DomainRequests) -> None:
        self._clients = clients
        self._azure = azure
        self._callbacks = callbacks
        self._requests = requests

    def domains(self, domain: str = "") -> CippDomainList:
        """Return the verdict on each domain: those that are bound, those that wait, and `domain`.

        Raises:
            InvalidInputError: `domain` is not a host name that Azure could bind.
            AzureError: The site or its host names can't be read.
        """
        wanted = [custom_host(domain)] if domain.strip() else []
        seen = self._look()
        hosts = dict.fromkeys([*seen.custom_hosts, *sorted(seen.requests), *wanted])
        default = None if seen.uris is None else not seen.uris.missing([seen.site.default_host])
        return CippDomainList(
            default_host=seen.site.default_host,
            default_callback=default,
            domains=background.each(lambda host: self._verdict(host, seen), hosts, threads=THREADS, name="domains"),
            notes=list(seen.reasons),
        )

    def add(
        self, domain: str, *, dry_run: bool, force: bool = False, validation: Validation | None = None
    ) -> CippDomainAct:
        """Bind a domain if DNS is right. If it is not, return the records to create, and store since when it waits.

        `force` sends the request whatever Azure's own view of DNS is. `validation` has no meaning here.

        Raises:
            InvalidInputError: Azure never binds this host name.
            ConflictError: Another app has bound it, or the plan allows no custom domains.
            AzureError: Azure refused or timed out. After a timeout, the domain may be bound.
        """
        del validation
        custom_host(domain)  # before any request
        seen = self._look()
        site = seen.site
        host = custom_host(domain, site.default_host)
        if site.tier.lower() in TOO_SMALL:
            raise _too_small(site, "custom domains")
        before, analysis = self._verdict_and_analysis(host, seen)
        if before.is_bound:
            done = [f"'{host}' is already a domain of '{site.name}'."]
            return _act(host, before, dry_run=dry_run, would_do=done, done=done)
        if before.state == "Conflict" and not force:
            raise ConflictError(f"Couldn't bind '{host}': {_first(before)}", advice="Then repeat.")
        record = record_to_bind(host, site, analysis)
        if before.state in ("NoDns", "DnsElsewhere", "StrayTxt") and not force:
            plan = f"Bind nothing yet. {_first(before)}"
            if dry_run:
                return _act(host, before, dry_run=True, would_do=[plan])
            self._note_domain(host, seen)
            done = [f"Nothing was bound yet. {_first(before)} Then repeat the request."]
            return _act(host, self._again(host), dry_run=False, done=done)
        if dry_run:
            would_do = [f"Bind '{host}' to '{site.name}' by its {record} record."]
            return _act(host, before, dry_run=True, would_do=would_do)
        self._note_domain(host, seen)
        self._azure.bind(site, host, record)
        after = why_no_certificate(host) or "Next: its certificate, by ExecBackendDomainSecure."
        done = [f"Bound '{host}' to '{site.name}'. {after}"]
        return _act(host, self._again(host), dry_run=False, done=done)

    def secure(self, domain: str, *, dry_run: bool, force: bool = False) -> CippDomainAct:
        """Request a certificate of a bound domain, or use the one that was issued. Repeat it until the domain works.

        `force` sends the request although DNS does not lead straight to CIPP.

        Raises:
            InvalidInputError: It is a wildcard, or too long, so Azure issues no certificate.
            ConflictError: The domain is not bound, DNS leads elsewhere, or the plan allows no TLS.
            AzureError: Azure refused or timed out. After a timeout, the step may be done.
        """
        seen = self._look()
        site, host = seen.site, self._known(domain, seen)
        if why := why_no_certificate(host):
            raise InvalidInputError(
                f"Couldn't secure '{host}': {why}",
                field="Domain",
                advice="Upload a certificate in the portal, Certificates of the web app.",
            )
        binding = seen.binding(host)
        if binding is None:
            raise ConflictError(
                f"Couldn't secure {quoted(host)}: it is not bound to '{site.name}'.",
                advice="Bind it first with ExecBackendDomainAdd.",
            )
        if site.tier.lower() in TOO_SMALL:
            raise _too_small(site, "TLS for custom domains")
        certificates, now = self._azure.certificates(site), datetime.now(UTC)
        usable = [one for one in certificates if one.host == host and one.is_usable(now)]
        if binding.is_secure and not _is_expired(binding, certificates, now):
            self._forget(host, dry_run=dry_run)
            done = [f"'{host}' already has a certificate. Azure renews it while DNS leads straight to CIPP."]
            return _act(host, self._verdict(host, seen), dry_run=dry_run, would_do=done, done=done)
        if usable:
            newest = max(usable, key=lambda one: (one.expires or now, one.name))
            return self._use(host, newest, seen, dry_run=dry_run)
        return self._order(host, certificates, seen, dry_run=dry_run, force=force)

    def remove(self, domain: str, *, dry_run: bool, force: bool = False, via: str = "") -> CippDomainAct:
        """Remove a domain, and then the certificates that Azure manages for it. Its callback stays.

        Certificates of other plans stay. If the domain is not bound here, a certificate may be that of another app on
        the same plan, so it needs `force`. `via` is the host by which the caller reaches CIPP, "" if that is unknown.

        Raises:
            NotFoundError: CIPP does not have the domain.
            ConflictError: It is the default host, or `force` is needed.
            AzureError: Azure refused or timed out. After a timeout, a step may be done.
        """
        seen = self._look()
        site, host = seen.site, self._known(domain, seen)
        if host == site.default_host:
            raise ConflictError(f"Couldn't remove '{host}': it is the app's own host name.")
        found = seen.certificates_of(host)
        certificates = [one for one in found or () if not one.is_of_another_plan(site)]
        is_bound, is_waiting = seen.binding(host) is not None, host in seen.requests
        if not (is_bound or is_waiting or certificates):
            raise NotFoundError(f"'{site.name}' does not have the domain {quoted(host)}.", advice=_LIST)
        if is_bound and not force and (reason := _needs_force(host, seen, via)):
            raise ConflictError(f"Couldn't remove '{host}': {reason}", advice="To remove it, repeat with Force: true.")
        names = ", ".join(f"'{one.name}'" for one in certificates)
        if names and not is_bound and not force:
            raise ConflictError(
                f"Couldn't remove '{host}': it is not bound to '{site.name}', so its certificate may be that of "
                f"another app on the same plan: {names}.",
                advice="If no other app uses the certificate, repeat with Force: true to remove it.",
            )
        steps = [f"Remove the domain '{host}' from '{site.name}'."] if is_bound else []
        steps += [f"Remove its certificate '{one.name}'." for one in certificates]
        if dry_run:
            would_do = [*steps, *_left(found, site)] if steps else [f"Stop waiting for the DNS of '{host}'."]
            return _act(host, self._verdict(host, seen), dry_run=True, would_do=would_do)
        if is_bound:
            self._azure.unbind(site, host)
        done = [f"Removed the domain '{host}' from '{site.name}'."] if is_bound else []
        for certificate in certificates:
            try:
                self._azure.remove_certificate(site, certificate)
            except BackendError as error:
                error.add_context(before=" ".join(done), after="Repeat with Force: true to remove the certificate.")
                raise
            done.append(f"Removed its certificate '{certificate.name}'.")
        self._requests.forget(host)
        done = [*done, *_left(found, site)] if done else [f"Stopped waiting for the DNS of '{host}'."]
        return _act(host, None, dry_run=False, done=done)

    def repair_sign_in(self, domain: str, *, dry_run: bool) -> SignInDomainsAct:
        """Add the missing callbacks of a domain, or of all host names, to CIPP's sign-in app. None is removed.

        Raises:
            NotFoundError: The domain is not bound to CIPP, or the sign-in app does not exist.
            ConflictError: CIPP's sign-in is not set up.
            AzureUnreachableError: Graph timed out. The callbacks might have been added.
        """
        site = self._azure.site()
        hosts: Collection[str] = {*site.hosts, site.default_host}
        if domain.strip():
            wanted = in_punycode(domain.strip())
            if wanted not in hosts:
                raise NotFoundError(f"'{site.name}' does not have the domain {quoted(wanted)}.", advice=_LIST)
            hosts = [wanted]
        repair = self._callbacks.add(hosts, dry_run=dry_run)
        missing, named = list(repair.missing), ", ".join(repair.missing)
        if repair.script:
            done = [_BY_HAND, *repair.reasons]
        elif not missing:
            done = ["Every host name already has its callback."]
        elif repair.confirmed:
            done = [f"Added the callbacks of {named}, by {repair.by}. Sign-in works there within a few minutes."]
        else:
            done = [f"Added the callbacks of {named}, by {repair.by}. Microsoft Graph does not show all of them yet."]
        would_do = done if repair.script or not missing else [f"Add the callbacks of {named} to CIPP's sign-in app."]
        return SignInDomainsAct(
            dry_run=dry_run,
            would_do=would_do if dry_run else [],
            done=[] if dry_run else done,
            hosts=missing,
            script=repair.script or None,
        )

    def _use(self, host: str, certificate: Certificate, seen: _Seen, *, dry_run: bool) -> CippDomainAct:
        """Use an issued certificate."""
        if dry_run:
            would_do = [f"Use the certificate '{certificate.name}' for '{host}'."]
            return _act(host, self._verdict(host, seen), dry_run=True, would_do=would_do)
        self._azure.secure(seen.site, host, certificate.thumbprint)
        self._requests.forget(host)
        return _act(host, self._again(host), dry_run=False, done=[f"'{host}' now has its certificate."])

    def _order(
        self, host: str, certificates: Sequence[Certificate], seen: _Seen, *, dry_run: bool, force: bool
    ) -> CippDomainAct:
        """Request a certificate, unless Azure is issuing one already."""
        now = datetime.now(UTC)
        before = self._verdict(host, seen)
        is_pending = any(one.host == host and not one.thumbprint for one in certificates)
        if before.records and before.records[0].found is False and not force:
            raise ConflictError(
                f"Couldn't request the certificate of '{host}': DNS does not lead straight to CIPP, so Azure would "
                "never issue it.",
                advice="Change DNS as ListBackendDomains shows, or send Force: true.",
            )
        if is_pending:
            waiting = [f"Azure is still issuing the certificate of '{host}'. Repeat the request later."]
            return _act(host, before, dry_run=dry_run, would_do=waiting, done=waiting)
        if dry_run:
            would_do = [f"Request a certificate of '{host}' in the resource group '{seen.site.plan_group}'."]
            return _act(host, before, dry_run=True, would_do=would_do)
        self._requests.note(host, Requested(certificate=now))
        self._azure.order(seen.site, host)
        again = self._look()
        if any(one.is_usable(now) for one in again.certificates_of(host) or ()):
            newest = next(one for one in again.certificates_of(host) or () if one.is_usable(now))
            return self._use(host, newest, again, dry_run=False)
        done = [f"Requested the certificate of '{host}'. Azure issues it in minutes to hours. Then repeat the request."]
        return _act(host, self._verdict(host, again), dry_run=False, done=done)

    def _look(self) -> _Seen:
        """Return what is read of all domains. Only the site and its host names must be readable."""
        binding, uris = _started(self._azure.bindings), _started(self._callbacks.read)
        requests, own = _started(self._requests.all), _started(lambda: own_address(self._clients))
        site = self._azure.site()
        certificates = _started(lambda: self._azure.certificates(site))
        reasons: list[str] = []
        return _Seen(
            site=site,
            bindings=[one for one in binding.result() if one.host != site.default_host],
            certificates=_or_reason(certificates, "The certificates are unknown.", reasons),
            uris=_or_reason(uris, "The callbacks of CIPP's sign-in app are unknown.", reasons),
            requests=_or_reason(requests, "Since when domains wait is unknown.", reasons) or {},
            own=own.result() or next(iter(site.custom_hosts), site.default_host),
            reasons=tuple(reasons),
        )

    def _verdict(self, host: str, seen: _Seen) -> CippDomain:
        return self._verdict_and_analysis(host, seen)[0]

    def _verdict_and_analysis(self, host: str, seen: _Seen) -> tuple[CippDomain, Analysis | None]:
        """Return the verdict on a domain, and what Azure sees of its DNS."""
        analysis, reasons = None, tuple[str, ...]()
        try:
            analysis = self._azure.analysis(host)
        except BackendError as error:
            reasons = (f"The DNS of this domain is unknown. {error}",)
        callback = None if seen.uris is None or is_wildcard(host) else not seen.uris.missing([host])
        requested = seen.requests.get(host, NOTHING)
        facts = DomainFacts(
            host,
            binding=seen.binding(host),
            certificates=seen.certificates_of(host),
            analysis=analysis,
            callback=callback,
            requested=requested.domain,
            ordered=requested.certificate,
            is_cipps_own=host == seen.own,
            reasons=reasons,
        )
        return verdict(facts, seen.site, datetime.now(UTC)), analysis

    def _again(self, host: str) -> CippDomain | None:
        """Return the verdict after a write, None if it can't be read."""
        try:
            return self._verdict(host, self._look())
        except BackendError:
            return None

    def _note_domain(self, host: str, seen: _Seen) -> None:
        """Store since when a domain is to be bound. A repeated request keeps the first time."""
        if seen.requests.get(host, NOTHING).domain is None:
            self._requests.note(host, Requested(domain=datetime.now(UTC)))

    def _forget(self, host: str, *, dry_run: bool) -> None:
        if not dry_run:
            self._requests.forget(host)

    def _known(self, domain: str, seen: _Seen) -> str:
        """Return the name of a domain that CIPP has, or that Azure could bind. What is bound need not fit the rule."""
        wanted = in_punycode(domain.strip())
        return wanted if seen.binding(wanted) or wanted == seen.site.default_host else custom_host(domain)


def _act(
    host: str, domain: CippDomain | None, *, dry_run: bool, would_do: Sequence[str] = (), done: Sequence[str] = ()
) -> CippDomainAct:
    """Return the result. A sentence of `done` that is not for a dry run is left out there, and the reverse."""
    return CippDomainAct(
        dry_run=dry_run,
        would_do=list(would_do) if dry_run else [],
        done=[] if dry_run else list(done),
        name=host,
        domain=domain,
    )


def _left(certificates: Sequence[Certificate] | None, site: SiteFacts) -> list[str]:
    """Return what a removal leaves."""
    unknown = "Its certificates can't be read, so they stay. ListBackendRights shows the missing permission."
    others = ", ".join(f"'{one.name}'" for one in certificates or () if one.is_of_another_plan(site))
    left = [f"Certificates of other plans stay: {others}."] if others else []
    return [*left, _KEPT] if certificates is not None else [unknown, _KEPT]


def _first(domain: CippDomain) -> str:
    return domain.problems[0] if domain.problems else ""


def _too_small(site: SiteFacts, what: str) -> ConflictError:
    return ConflictError(
        f"Couldn't change the domains of '{site.name}': its plan has the tier {site.tier}, which allows no {what}.",
        advice="Scale the plan up to Basic or higher: portal, Scale up of the plan.",
    )


def _needs_force(host: str, seen: _Seen, via: str) -> str:
    """Return why a removal needs Force, "" if it does not."""
    if host == via:
        return "you reach CIPP by this domain."
    if host == seen.own:
        return "it is the address that CIPP calls its own, so links in its mails lead there."
    return "it is CIPP's only custom domain." if seen.custom_hosts == [host] else ""


def _is_expired(binding: Binding, certificates: Sequence[Certificate], now: datetime) -> bool:
    """Return whether a binding's certificate is known to have expired."""
    used = next((one for one in certificates if one.thumbprint == binding.thumbprint), None)
    return used is not None and not used.is_usable(now)


def _started(read: Callable[[], T]) -> "Future[T]":
    return background.start(read, name="read CIPP's domains")


def _or_reason(reading: "Future[T]", unknown: str, reasons: list[str]) -> T | None:
    try:
        return reading.result()
    except BackendError as error:
        reasons.append(f"{unknown} {error}")
        return None
