"""The static web app's custom domains, and the DNS records that each needs."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed
from backend.concurrency.deadline import Deadline, poll
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from backend.formats import moment_of
from backend.hosting.domains.host_names import is_like_a_secret
from backend.hosting.domains.public_suffixes import is_apex, is_suffix
from backend.hosting.functions.static_web_app.site import NoStaticWebAppError, StaticWebApp
from backend.hosting.results.static_web_app import DnsRecord, Domain, DomainAct, Validation
from backend.readings import object_of, properties_of, text_of, text_or_none
from backend.text.quoting import quoted

METHODS: Final = {"cname": "cname-delegation", "txt": "dns-txt-token"}
TOKEN_SECONDS: Final = 6.0  # the longest wait for a new domain's token. Azure takes a few seconds.
TOKEN_POLL_SECONDS: Final = 1.0
LONGEST_NAME: Final = 253  # RFC 1035
LABEL: Final = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
BY_TOKEN: Final = "RetrievingValidationToken"  # noqa: S105 - a state of Azure's
NEEDS_NONE: Final = ("ready", "deleting")
PUNYCODE: Final = "xn--"
TXT_PREFIX: Final = "_dnsauth."
OF_AZURE: Final = "azurestaticapps.net"
# Domains by plan: learn.microsoft.com, "Azure Static Web Apps hosting plans", January 2025. The limit may have risen.
MOST_BY_PLAN: Final = MappingProxyType({"free": 2, "standard": 5})
WITH_EDGE: Final = ("enabled", "enabling")  # states of the enterprise-grade edge


class StaticWebAppDomains:
    """The service of the domains. Writes require Microsoft.Web/staticSites/customDomains/write and delete."""

    def __init__(self, app: StaticWebApp) -> None:
        self._app = app

    def domains(self) -> list[Domain]:
        """Return the custom domains. Empty if CIPP does not have a static web app."""
        try:
            name, host = self._app.name, self._app.shown_host_name
        except NoStaticWebAppError:
            return []
        with while_trying_to(f"list the domains of static web app '{name}'"):
            found = listed(self._app.operations.list_static_site_custom_domains, self._app.group, name)
        return [domain for entry in found if (domain := _domain(entry, host))]

    def add(self, domain: str, validation: Validation, *, dry_run: bool, force: bool = False) -> DomainAct:
        """Add a custom domain, and return the DNS records to create. Azure validates them later.

        Requests that Azure always refuses are not sent. `force` only ignores the number of domains in the plan.

        Raises:
            InvalidInputError: Azure refuses the name, or this validation of it.
            ConflictError: The domain exists already, or the plan does not allow another one.
        """
        wanted = host_name(domain)
        name, host, resource = self._app.name, self._app.host_name, self._app.resource
        if reason := never_added(wanted, validation, host, has_edge=_has_edge(resource)):
            raise InvalidInputError(f"Couldn't add '{wanted}': {reason.text}", field="Domain", advice=reason.advice)
        domains = self.domains()
        if any(found.name == wanted for found in domains):
            raise ConflictError(
                f"'{wanted}' is already a domain of '{name}'.", advice="ListStaticWebAppDomains shows its state."
            )
        if not force and (reason := too_many(domains, resource)):
            raise ConflictError(f"Couldn't add '{wanted}' to '{name}': {reason.text}", advice=reason.advice)
        routing = routing_record(wanted, host)
        if dry_run:
            would_do, record = [f"Add the domain '{wanted}' to '{name}'."], record_of(wanted, validation, host, None)
            return DomainAct(dry_run=True, would_do=would_do, domain=wanted, dns_record=record, routing_record=routing)
        envelope = {"properties": {"validationMethod": METHODS[validation]}}
        with while_trying_to(f"add the domain '{wanted}' to '{name}'"):
            # The result is not polled: with TXT it depends on DNS, and takes up to days or never comes.
            self._app.operations.begin_create_or_update_static_site_custom_domain(
                self._app.group, name, wanted, envelope, polling=False
            )
        token = self._token(wanted) if validation == "txt" else None
        done = f"Added the domain '{wanted}' to '{name}'. Create the DNS record. Azure then validates it automatically."
        if validation == "txt":
            done = (
                f"Added the domain '{wanted}' to '{name}'. Create both DNS records. Azure validates the TXT record "
                f"automatically. The {routing.type} record leads visitors to the app."
            )
            if routing.type == "ALIAS":
                done += f" {without_alias(resource)}"
            if token is None:
                done += " Azure has not created the token yet: ListStaticWebAppDomains shows it later."
        return DomainAct(
            dry_run=False,
            done=[done],
            domain=wanted,
            dns_record=record_of(wanted, validation, host, token),
            routing_record=routing,
        )

    def remove(self, domain: str, *, dry_run: bool) -> DomainAct:
        """Remove a custom domain.

        Raises:
            NotFoundError: The static web app does not have the domain.
        """
        wanted, name = host_name(domain), self._app.name
        if not any(found.name == wanted for found in self.domains()):
            raise NotFoundError(
                f"'{name}' does not have the domain {quoted(wanted)}.",
                advice="ListStaticWebAppDomains lists its domains.",
            )
        if dry_run:
            would_do = [f"Remove the domain '{wanted}' from '{name}'."]
            return DomainAct(dry_run=True, would_do=would_do, domain=wanted)
        with while_trying_to(f"remove the domain '{wanted}' from '{name}'"):
            self._app.operations.begin_delete_static_site_custom_domain(self._app.group, name, wanted, polling=False)
        done = [f"Azure is removing the domain '{wanted}' from '{name}'. This takes a while."]
        return DomainAct(dry_run=False, done=done, domain=wanted)

    def _token(self, domain: str) -> str | None:
        """Return the token for a TXT record after a short wait, None if it takes longer. The domain is added anyway."""
        deadline = Deadline.after(TOKEN_SECONDS)

        def token() -> str | None:
            try:
                with while_trying_to(f"read the token of the domain '{domain}'"):
                    found = fetched(
                        self._app.operations.get_static_site_custom_domain,
                        self._app.group,
                        self._app.name,
                        domain,
                        retry_total=0,
                        read_timeout=max(deadline.left, 0.1),
                    )
            except BackendError:
                return None
            return text_or_none(properties_of(found).get("validationToken"))

        return poll(token, every=TOKEN_POLL_SECONDS, deadline=deadline)


def host_name(text: str) -> str:
    """Return a host name in lower case, after a check by RFC 1123 with at least two labels. Pure.

    Raises:
        InvalidInputError: The text is not a host name. It must not have a scheme, a path or a port.
    """
    wanted = text.strip().lower().removesuffix(".")
    if (
        is_like_a_secret(text)
        or len(wanted) > LONGEST_NAME
        or not re.fullmatch(rf"({LABEL}\.)+(?!\d+$){LABEL}", wanted)
    ):
        raise InvalidInputError(
            "Domain must be a host name without a scheme, port or path. It needs at least two labels of 1 to 63 "
            "letters a-z, digits and hyphens. A label must not start or end with a hyphen, and the last one must not "
            "be a number.",
            field="Domain",
        )
    return wanted


def record_of(domain: str, validation: Validation, host: str | None, token: str | None) -> DnsRecord:
    """Return the DNS record by Azure's documentation of custom domains. A zone's apex can't have a CNAME. Pure."""
    if validation == "txt":
        return DnsRecord(type="TXT", host=domain if is_apex(domain) else f"{TXT_PREFIX}{domain}", value=token)
    return DnsRecord(type="ALIAS" if is_apex(domain) else "CNAME", host=domain, value=host)


def without_alias(app: Mapping[str, Any]) -> str:
    """Return what to do if the DNS provider does not support ALIAS records. Pure."""
    address = text_or_none(properties_of(app).get("stableInboundIP"))
    by_address = f", or an A record with {address} (slower, because one region serves all visitors)" if address else ""
    return f"If the DNS provider does not support ALIAS records, use ANAME or CNAME flattening{by_address}."


_BY_TXT: Final = 'Repeat with Validation: "txt".'


class Reason(NamedTuple):
    """Why Azure does not add a domain, completing "Couldn't add it: ", and what to do."""

    text: str
    advice: str = ""


def never_added(domain: str, validation: Validation, host: str, *, has_edge: bool) -> Reason | None:
    """Return why Azure never adds a domain, None if Azure may add it. Pure.

    Sources: learn.microsoft.com, "Custom domains with Azure Static Web Apps", and Azure's own refusal "Apex Domains
    must use dns-txt-token as the ValidationMethod" (github.com/Azure/static-web-apps/issues/329).
    """
    of_azure = {OF_AZURE, ".".join(host.lower().split(".")[-2:])}
    if any(domain == name or domain.endswith(f".{name}") for name in of_azure):
        return Reason(f"it belongs to Azure, under {OF_AZURE}.", "Send a domain that you registered.")
    if any(label.startswith(PUNYCODE) for label in domain.split(".")):
        return Reason(
            "Azure Static Web Apps does not support internationalized names (xn--).", "Use a name with letters a-z."
        )
    if is_suffix(domain):
        return Reason("it is a public suffix, which you can't own.", "Send the domain that you registered.")
    return _never_by_txt(domain, host) if validation == "txt" else _never_by_cname(domain, has_edge=has_edge)


def _never_by_txt(domain: str, host: str) -> Reason | None:
    if len(record_of(domain, "txt", host, None).host) <= LONGEST_NAME:
        return None
    return Reason(f"the name of its TXT record, {TXT_PREFIX}<domain>, would have more than {LONGEST_NAME} characters.")


def _never_by_cname(domain: str, *, has_edge: bool) -> Reason | None:
    if is_apex(domain):
        return Reason(
            "it is the apex of a zone, which can't have a CNAME record, and Azure validates it only by TXT.", _BY_TXT
        )
    return Reason("the enterprise-grade edge of this app allows validation by TXT only.", _BY_TXT) if has_edge else None


def too_many(domains: Sequence[Domain], app: Mapping[str, Any]) -> Reason | None:
    """Return why a plan does not allow another domain, None if it does or if its limit is unknown. Pure."""
    plan = text_of(object_of(app.get("sku")).get("name"))
    most, count = MOST_BY_PLAN.get(plan.lower()), sum(found.state != "Deleting" for found in domains)
    if most is None or count < most:
        return None
    upgrade = " or upgrade it to Standard" if plan.lower() == "free" else ""
    return Reason(
        f"it has {count} custom domains, and the plan {plan} allows {most} by Microsoft's documentation.",
        f"Remove one with ExecStaticWebAppDomainRemove{upgrade}. If the limit has risen, repeat with Force: true.",
    )


def _has_edge(app: Mapping[str, Any]) -> bool:
    return text_of(properties_of(app).get("enterpriseGradeCdnStatus")).lower() in WITH_EDGE


def _domain(found: Mapping[str, Any], host: str | None) -> Domain | None:
    """Return a domain, None if Azure does not show its name."""
    properties = properties_of(found)
    state = text_or_none(properties.get("status")) or "Unknown"
    token = text_or_none(properties.get("validationToken"))
    name = (text_or_none(properties.get("domainName")) or text_of(found.get("name"))).lower()
    if not name:
        return None
    validation: Validation = "txt" if token or state.lower() == BY_TOKEN.lower() or is_apex(name) else "cname"
    return Domain(
        name=name,
        state=state,
        validation_token=token,
        error=text_or_none(properties.get("errorMessage")),
        since=moment_of(properties.get("createdOn")),
        dns_record=None if state.lower() in NEEDS_NONE else record_of(name, validation, host, token),
        routing_record=None if state.lower() == "deleting" else routing_record(name, host),
    )


def routing_record(domain: str, host: str | None) -> DnsRecord:
    """Return the DNS record that leads a domain's visitors to the app, for any validation. Pure."""
    return record_of(domain, "cname", host, None)
