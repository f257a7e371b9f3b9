"""The custom domains of CIPP, in any shape."""

from typing import Final

from backend.configuration.mode import Option
from backend.hosting.results.domains import CippDomainAct, CippDomainList, SignInDomainsAct
from backend.hosting.results.static_web_app import Validation
from settings.access.caller import Permission
from settings.http.body import Body
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
DOMAIN: Final = "cipp.contosomsp.com"
NAMED: Final = Parameter("Domain", "Also check this host name, which CIPP need not have yet.", DOMAIN)


class DomainToAdd(Body, frozen=True):
    """A domain to add. Only function apps use `validation`: by default, it is what fits the domain."""

    domain: str
    validation: Validation | None = None
    dry_run: bool = False
    force: bool = False


class DomainToSecure(Body, frozen=True):
    """A domain that gets a certificate."""

    domain: str
    dry_run: bool = False
    force: bool = False


class DomainToRemove(Body, frozen=True):
    """A domain to remove."""

    domain: str
    dry_run: bool = False
    force: bool = False


class DomainToRepair(Body, frozen=True):
    """A domain whose callback is to be added, by default those of all host names."""

    domain: str = ""
    dry_run: bool = False
    force: bool = False


@routes.get("ListBackendDomains", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(NAMED,)))
def domains(call: Call) -> CippDomainList:
    """List CIPP's custom domains with a verdict, the exact DNS records, the certificate and the callback."""
    return call.services.hosting.cipp_domains.domains(call.query.get("domain", ""))


@routes.post(
    "ExecBackendDomainAdd",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Domain": "new.contosomsp.com", "DryRun": True}),
)
def add(call: Call, body: DomainToAdd) -> CippDomainAct:
    """Add a custom domain, or show the DNS records that it needs first. Force ignores what Azure sees of DNS."""
    return call.services.hosting.cipp_domains.add(
        body.domain, dry_run=body.dry_run, force=body.force, validation=body.validation
    )


@routes.post(
    "ExecBackendDomainSecure",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Domain": DOMAIN, "DryRun": True}),
)
def secure(call: Call, body: DomainToSecure) -> CippDomainAct:
    """Request the certificate of a domain, or use the one that Azure has issued. Repeat it until the domain works."""
    return call.services.hosting.cipp_domains.secure(body.domain, dry_run=body.dry_run, force=body.force)


@routes.post(
    "ExecBackendDomainRepairSignIn",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"DryRun": True}),
)
def repair_sign_in(call: Call, body: DomainToRepair) -> SignInDomainsAct:
    """Add the missing callbacks of CIPP's host names to its sign-in app. It never removes one."""
    return call.services.hosting.cipp_domains.repair_sign_in(body.domain, dry_run=body.dry_run)


@routes.post(
    "ExecBackendDomainRemove",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.CONTROLS,
    shown=Shown(example={"Domain": DOMAIN, "Force": True, "DryRun": True}),
)
def remove(call: Call, body: DomainToRemove) -> CippDomainAct:
    """Remove a custom domain and its certificate. CIPP's own address, or its only one, needs Force."""
    return call.services.hosting.cipp_domains.remove(
        body.domain, dry_run=body.dry_run, force=body.force, via=call.origin
    )
