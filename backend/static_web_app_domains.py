"""The static web app's own host names, and the DNS record that each still needs."""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from backend.act import Act
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError, while_trying_to
from backend.quoting import is_like_a_key, quoted
from backend.static_web_app import NoStaticWebAppError, StaticWebApp, moment_of
from backend.values import Value

Validation = Literal["cname", "txt"]
METHODS: Final = {"cname": "cname-delegation", "txt": "dns-txt-token"}
TOKEN_SECONDS: Final = 6.0  # how long a new domain's token is waited for; Azure takes a few seconds
TOKEN_POLL_SECONDS: Final = 1.0
LONGEST_NAME: Final = 253  # RFC 1035
LABEL: Final = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
BY_TOKEN: Final = "RetrievingValidationToken"  # noqa: S105 - a state of Azure's
NEEDS_NONE: Final = ("Ready", "Deleting")
# Under a country's code these are no one's own names: contoso.co.uk is the apex of a zone, not a part of co.uk.
PUBLIC_SECOND_LEVELS: Final = frozenset({"ac", "co", "com", "edu", "gen", "gob", "gov", "govt", "ltd", "me", "mil"}) | {
    "net",
    "ne",
    "nom",
    "or",
    "org",
    "plc",
    "sch",
}


class DnsRecord(Value, frozen=True):
    """The record that is still to be made. `value` is None while Azure has not made the token yet."""

    type: Literal["CNAME", "TXT", "ALIAS"]
    host: str
    value: str | None


class Domain(Value, frozen=True):
    """One custom domain. `state` is Azure's word: Ready, Validating, Failed ...; `dns_record` None: none needed."""

    name: str
    state: str
    validation_token: str | None
    error: str | None
    since: datetime | None
    dns_record: DnsRecord | None


class DomainAct(Act, frozen=True, kw_only=True):
    """A domain added or removed; `dns_record` is what is to be made in DNS now."""

    domain: str
    dns_record: DnsRecord | None = None


class StaticWebAppDomains:
    """The service of the domains. Writes need Microsoft.Web/staticSites/customDomains/write and delete."""

    def __init__(self, app: StaticWebApp) -> None:
        self._app = app

    def domains(self) -> list[Domain]:
        """List the custom domains; empty where this CIPP has no static web app."""
        try:
            name, host = self._app.name, self._app.host_name
        except NoStaticWebAppError:
            return []
        with while_trying_to(f"list the domains of static web app '{name}'"):
            listed = self._app.operations.list_static_site_custom_domains(self._app.group, name)
            return [_domain(found.as_dict(), host) for found in listed]

    def add(self, domain: str, validation: Validation, *, dry_run: bool) -> DomainAct:
        """Add a custom domain, and answer at once with the record to make: Azure waits for DNS, we do not.

        Raises:
            ConflictError: It is there already.
        """
        wanted = host_name(domain)
        name, host = self._app.name, self._app.host_name
        if any(found.name == wanted for found in self.domains()):
            raise ConflictError(f"'{wanted}' is a domain of '{name}' already; ListStaticWebAppDomains shows its state.")
        if dry_run:
            would_do, record = [f"Add the domain '{wanted}' to '{name}'."], record_of(wanted, validation, host, None)
            return DomainAct(dry_run=True, would_do=would_do, domain=wanted, dns_record=record)
        envelope = {"properties": {"validationMethod": METHODS[validation]}}
        with while_trying_to(f"add the domain '{wanted}' to '{name}'"):
            # Its result is not asked for: by TXT it would come when DNS is right, days from now or never.
            self._app.operations.begin_create_or_update_static_site_custom_domain(
                self._app.group, name, wanted, envelope, polling=False
            )
        token = self._token(wanted) if validation == "txt" else None
        done = f"Added the domain '{wanted}' to '{name}': make the DNS record, and Azure sees it by itself."
        if validation == "txt" and token is None:
            done += " Azure has not made its token yet: ListStaticWebAppDomains shows it."
        return DomainAct(
            dry_run=False, done=[done], domain=wanted, dns_record=record_of(wanted, validation, host, token)
        )

    def remove(self, domain: str, *, dry_run: bool) -> DomainAct:
        """Remove a custom domain.

        Raises:
            NotFoundError: It is none of this static web app's.
        """
        wanted, name = host_name(domain), self._app.name
        if not any(found.name == wanted for found in self.domains()):
            raise NotFoundError(f"'{name}' has no domain {quoted(wanted)}. ListStaticWebAppDomains lists those it has.")
        if dry_run:
            would_do = [f"Remove the domain '{wanted}' from '{name}'."]
            return DomainAct(dry_run=True, would_do=would_do, domain=wanted)
        with while_trying_to(f"remove the domain '{wanted}' from '{name}'"):
            self._app.operations.begin_delete_static_site_custom_domain(self._app.group, name, wanted, polling=False)
        done = [f"Azure removes the domain '{wanted}' from '{name}', which takes it a while."]
        return DomainAct(dry_run=False, done=done, domain=wanted)

    def _token(self, domain: str) -> str | None:
        """Wait a moment for the token of a TXT record; None where it takes longer: the domain is added all the same."""
        give_up_at = time.monotonic() + TOKEN_SECONDS
        while (left := give_up_at - time.monotonic()) > 0:
            try:
                with while_trying_to(f"read the token of the domain '{domain}'"):
                    found = self._app.operations.get_static_site_custom_domain(
                        self._app.group, self._app.name, domain, retry_total=0, read_timeout=max(left, 0.1)
                    )
                if token := found.as_dict()["properties"].get("validationToken"):
                    return str(token)
            except BackendError:
                pass
            time.sleep(min(TOKEN_POLL_SECONDS, max(0.0, give_up_at - time.monotonic())))
        return None


def host_name(text: str) -> str:
    """Check a host name by RFC 1123, at least two labels; answer it in lower case. Pure.

    Raises:
        InvalidInputError: It is none; a scheme, a path or a port is no part of one.
    """
    wanted = text.strip().lower().removesuffix(".")
    if is_like_a_key(text) or len(wanted) > LONGEST_NAME or not re.fullmatch(rf"({LABEL}\.)+(?!\d+$){LABEL}", wanted):
        raise InvalidInputError(
            "Domain must be a host name: at least two labels of 1 to 63 letters a-z, digits and dashes, no dash first "
            "or last, the last not a number, no scheme, no port, no path. What you sent is not one.",
            field="Domain",
        )
    return wanted


def record_of(domain: str, validation: Validation, host: str, token: str | None) -> DnsRecord:
    """Tell the record by Azure's documentation of custom domains; the apex of a zone can have no CNAME. Pure."""
    if validation == "txt":
        return DnsRecord(type="TXT", host=domain if is_apex(domain) else f"_dnsauth.{domain}", value=token)
    return DnsRecord(type="ALIAS" if is_apex(domain) else "CNAME", host=domain, value=host)


def is_apex(domain: str) -> bool:
    """Tell whether a domain is the top of a zone that one registers, such as contoso.com or contoso.co.uk. Pure."""
    *_, second, last = domain.split(".")
    is_public = len(last) == 2 and second in PUBLIC_SECOND_LEVELS  # noqa: PLR2004 - a country's code
    return domain.count(".") == (2 if is_public else 1)


def _domain(found: Mapping[str, Any], host: str) -> Domain:
    properties = found["properties"]
    state, token = str(properties.get("status")), properties.get("validationToken")
    name = str(properties.get("domainName") or found["name"]).lower()
    validation: Validation = "txt" if token or state == BY_TOKEN else "cname"
    return Domain(
        name=name,
        state=state,
        validation_token=token,
        error=properties.get("errorMessage") or None,
        since=moment_of(properties.get("createdOn")),
        dns_record=None if state in NEEDS_NONE else record_of(name, validation, host, token),
    )
