"""CIPP's static web app: what it is, its domains. A CIPP in a container has none, which is a fact and no error."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from backend.act import Act
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import ConflictError, InvalidInputError, NotFoundError, while_trying_to
from backend.portal import Portal
from backend.values import Value

TOKEN_SECONDS: Final = 6.0  # how long a new domain's token is waited for
LABEL: Final = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
NONE: Final = "This CIPP has no static web app: none is linked to its main app (it may run in a container)."


class StaticWebAppState(Value, frozen=True):
    """The static web app as ARM shows it. `exists` is false where this CIPP has none; `reason` says so."""

    exists: bool
    reason: str | None = None
    name: str | None = None
    host_name: str | None = None
    plan: str | None = None
    linked_backends: list[str] = []  # noqa: RUF012 - msgspec copies the default
    repository: str | None = None
    branch: str | None = None
    last_build: datetime | None = None
    last_build_status: str | None = None
    link: str | None = None


class DnsRecord(Value, frozen=True):
    """The record that is still to be made; `host` is relative to the domain's zone where it begins with no dot."""

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


class StaticWebApp:
    """The service of the static web app. Needs Reader; writes need Microsoft.Web/staticSites/* on it."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def where(self) -> tuple[str, str, str]:
        """Answer subscription, group and name.

        Raises:
            NotFoundError: This CIPP has none.
        """
        resource_id = self._discovery.static_web_app_id()
        if not resource_id:
            raise NotFoundError(NONE)
        parts = resource_id.strip("/").split("/")
        return parts[1], parts[3], parts[-1]

    def client(self, subscription: str) -> Any:  # noqa: ANN401 - the SDK is not imported for a type
        """Answer the SDK's operations on static web apps."""
        return self._clients.web(subscription).static_sites

    def state(self) -> StaticWebAppState:
        """Show the static web app; none is an answer, too."""
        try:
            subscription, group, name = self.where()
        except NotFoundError as error:
            return StaticWebAppState(exists=False, reason=str(error))
        sites = self.client(subscription)
        with while_trying_to(f"look at static web app '{name}'"):
            site = sites.get_static_site(group, name).as_dict()
            builds: list[dict[str, Any]] = [
                build.as_dict()["properties"] for build in sites.get_static_site_builds(group, name)
            ]
        properties = site["properties"]
        last: Mapping[str, Any] = max(builds, key=_last_update, default={})
        return StaticWebAppState(
            exists=True,
            name=site["name"],
            host_name=properties.get("defaultHostname"),
            plan=(site.get("sku") or {}).get("name"),
            linked_backends=sorted(_backends(properties)),
            repository=properties.get("repositoryUrl"),
            branch=properties.get("branch"),
            last_build=moment_of(last.get("lastUpdatedOn")),
            last_build_status=last.get("status"),
            link=Portal(self._discovery.deployment()).link(site["id"], "staticsite"),
        )

    def default_host_name(self) -> str:
        """Answer the host name that Azure gave it."""
        subscription, group, name = self.where()
        with while_trying_to(f"look at static web app '{name}'"):
            site = self.client(subscription).get_static_site(group, name).as_dict()
        return str(site["properties"]["defaultHostname"])

    def domains(self) -> list[Domain]:
        """List the custom domains; empty where this CIPP has no static web app."""
        try:
            subscription, group, name = self.where()
        except NotFoundError:
            return []
        host = self.default_host_name()
        with while_trying_to(f"list the domains of static web app '{name}'"):
            listed = self.client(subscription).list_static_site_custom_domains(group, name)
            return [_domain(found.as_dict(), host) for found in listed]

    def add_domain(self, domain: str, validation: Literal["cname", "txt"], *, dry_run: bool) -> DomainAct:
        """Add a custom domain, and answer at once with the record to make: Azure waits for DNS, we do not.

        Raises:
            ConflictError: It is there already.
        """
        wanted = host_name(domain)
        subscription, group, name = self.where()
        sites = self.client(subscription)
        if any(found.name == wanted for found in self.domains()):
            raise ConflictError(f"'{wanted}' is a domain of '{name}' already; ListStaticWebAppDomains shows its state.")
        host = self.default_host_name()
        if dry_run:
            record = _record(wanted, validation, host, None)
            return DomainAct(
                dry_run=True, would_do=[f"Add the domain '{wanted}' to '{name}'."], domain=wanted, dns_record=record
            )
        method = "cname-delegation" if validation == "cname" else "dns-txt-token"
        with while_trying_to(f"add the domain '{wanted}' to '{name}'"):
            # Its result is not asked for: by TXT it would come when DNS is right, days from now or never.
            sites.begin_create_or_update_static_site_custom_domain(
                group, name, wanted, {"properties": {"validationMethod": method}}, polling=False
            )
        token = self._token(sites, group, name, wanted) if validation == "txt" else None
        return DomainAct(
            dry_run=False,
            done=[f"Added the domain '{wanted}' to '{name}'; it works when its DNS record is there."],
            domain=wanted,
            dns_record=_record(wanted, validation, host, token),
        )

    def remove_domain(self, domain: str, *, dry_run: bool) -> DomainAct:
        """Remove a custom domain.

        Raises:
            NotFoundError: It is none of this static web app's.
        """
        wanted = host_name(domain)
        subscription, group, name = self.where()
        if not any(found.name == wanted for found in self.domains()):
            raise NotFoundError(f"'{wanted}' is no domain of '{name}'.")
        if dry_run:
            would_do = [f"Remove the domain '{wanted}' from '{name}'."]
            return DomainAct(dry_run=True, would_do=would_do, domain=wanted)
        with while_trying_to(f"remove the domain '{wanted}' from '{name}'"):
            self.client(subscription).begin_delete_static_site_custom_domain(group, name, wanted, polling=False)
        return DomainAct(dry_run=False, done=[f"Removed the domain '{wanted}' from '{name}'."], domain=wanted)

    def _token(self, sites: Any, group: str, name: str, domain: str) -> str | None:  # noqa: ANN401 - no SDK for a type
        """Wait a moment for the token that Azure makes for a TXT record; None where it takes longer."""
        give_up_at = time.monotonic() + TOKEN_SECONDS
        while True:
            with while_trying_to(f"read the token of the domain '{domain}'"):
                found = sites.get_static_site_custom_domain(group, name, domain).as_dict()["properties"]
            if found.get("validationToken") or time.monotonic() > give_up_at:
                token: str | None = found.get("validationToken")
                return token
            time.sleep(self._clients.limits.restart_poll_seconds)


def _last_update(build: Mapping[str, Any]) -> str:
    return str(build.get("lastUpdatedOn") or "")


def host_name(text: str) -> str:
    """Check a host name by RFC 1123, at least two labels; answer it in lower case.

    Raises:
        InvalidInputError: It is none; a scheme, a path or a port is no part of one.
    """
    wanted = text.strip().rstrip(".").lower()
    if len(wanted) > 253 or not re.fullmatch(rf"{LABEL}(\.{LABEL})+", wanted):  # noqa: PLR2004 - RFC 1035
        raise InvalidInputError(
            f"'{text}' is no host name: at least two labels of letters, digits and dashes, no scheme, no path.",
            field="Domain",
        )
    return wanted


def _backends(properties: Mapping[str, Any]) -> set[str]:
    linked = [backend.get("backendResourceId") for backend in properties.get("linkedBackends") or ()]
    provided = [
        app.get("functionAppResourceId") or (app.get("properties") or {}).get("functionAppResourceId")
        for app in properties.get("userProvidedFunctionApps") or ()
    ]
    return {str(found).rpartition("/")[2] for found in [*linked, *provided] if found}


def _domain(found: Mapping[str, Any], host: str) -> Domain:
    properties = found["properties"]
    state, token = str(properties.get("status")), properties.get("validationToken")
    name = str(properties.get("domainName") or found["name"]).lower()
    return Domain(
        name=name,
        state=state,
        validation_token=token,
        error=properties.get("errorMessage") or None,
        since=moment_of(properties.get("createdOn")),
        dns_record=None if state == "Ready" else _record(name, "txt" if token else "cname", host, token),
    )


def _record(domain: str, validation: Literal["cname", "txt"], host: str, token: str | None) -> DnsRecord:
    """Tell the record by Azure's documentation of custom domains; an apex cannot have a CNAME."""
    is_apex = domain.count(".") == 1
    if validation == "txt":
        return DnsRecord(type="TXT", host=domain if is_apex else f"_dnsauth.{domain}", value=token)
    return DnsRecord(type="ALIAS" if is_apex else "CNAME", host=domain, value=host)


def moment_of(text: object) -> datetime | None:
    """Read Azure's time; this service leaves the zone away, and means UTC."""
    if not text:
        return None
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0)
