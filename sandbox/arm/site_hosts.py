"""An app's host names and publish profiles.

The wording of the refusals is from responses that people pasted (rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto#25,
fszlin/certes#155). Not verified on real Azure: their order, and the refusal of a host name that another app has.
"""

from typing import Any, Final
from xml.sax.saxutils import quoteattr

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.dns import Records, is_bound_by_others, records_of
from sandbox.arm.errors import app_service_refused, bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.host_binding import HostBinding, is_host_name
from sandbox.arm.resource import shape
from sandbox.arm.site import Site
from sandbox.arm.site_document import host_name, scm_host_name, verification_id
from sandbox.arm.sites import SITE, page

_BINDING: Final = f"{SITE}/hostNameBindings/{{host}}"
_ADDRESS: Final = shape("site")["inboundIpAddress"]
_RECORDS: Final = {"cname": "CName", "a": "A"}
_SSL_STATES: Final = {"disabled": None, "snienabled": "SniEnabled", "ipbasedenabled": "IpBasedEnabled"}


def _shown(site: Site, host: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{site.id}/hostNameBindings/{host}",
        "name": f"{site.name}/{host}",
        "type": "Microsoft.Web/sites/hostNameBindings",
        "location": site.location,
        "properties": properties,
    }


def _default(call: Call, site: Site) -> dict[str, Any]:
    properties = {"siteName": site.name, "domainId": None, "hostNameType": "Verified"}
    return _shown(site, host_name(site, call.cloud), properties)


def _bindings(call: Call) -> Response:
    site = call.site()
    custom = [_shown(site, one.name, one.properties(site.name)) for one in site.bindings.values()]
    return JSONResponse(page([_default(call, site), *custom]))


def _get(call: Call) -> Response:
    site, host = call.site(), call.params["host"].lower()
    if host == host_name(site, call.cloud):
        return JSONResponse(_default(call, site))
    return JSONResponse(_shown(site, host, _bound(site, host).properties(site.name)))


def _bound(site: Site, host: str) -> HostBinding:
    if host not in site.bindings:
        raise not_found(f"Cannot find hostname binding with name {host}.")
    return site.bindings[host]


def _put(call: Call) -> Response:
    """Bind a host name, or change the TLS of one that is bound."""
    site, host, given = call.site(), call.params["host"].lower(), call.properties
    known = site.bindings.get(host)
    record = _RECORDS.get(str(given.get("customHostNameDnsRecordType", "")).lower())
    if known is None:
        _check_host(call, site, host, record)
    ssl, thumbprint = (known.ssl_state, known.thumbprint) if known else (None, None)
    if "sslState" in given or "thumbprint" in given:
        ssl, thumbprint = _secured(call, given)
    site.bindings[host] = HostBinding(host, record or (known.record if known else "A"), ssl, thumbprint)
    site.modified = call.now
    shown = _shown(site, host, site.bindings[host].properties(site.name))
    return JSONResponse(shown, headers=etag(site.modified))


def _check_host(call: Call, site: Site, host: str, record: str | None) -> None:
    if not is_host_name(host) or host.endswith(f".{call.cloud.site_suffix}"):
        raise bad_request(f"The host name {host} is invalid.")
    _check_plan(call, site, "custom domains", ("free", "shared"))
    if is_bound_by_others(host) or any(host in other.bindings for other in call.arm.sites.values()):
        message = f"Hostname '{host}' already exists. Please try a different hostname."
        raise app_service_refused(409, "Conflict", "54001", message)
    records, own = _records(call, site, host), verification_id(site)
    if record is None or any(text.upper() != own for text in records.asuid):
        message = f"A TXT record pointing from asuid.{host.removeprefix('*.')} to {own.lower()} was not found."
        raise app_service_refused(400, "BadRequest", "04006", message)
    if not records.lead_to(host_name(site, call.cloud), _ADDRESS, record):
        raise app_service_refused(400, "BadRequest", "04005", _lacks(record, host, host_name(site, call.cloud)))


def _lacks(record: str, host: str, to: str) -> str:
    if record == "A":
        return f"An A record pointing from {host} to {_ADDRESS} was not found."
    return (
        f"A CNAME record pointing from {host} to {to} was not found. Alternative record awverify.{host} to "
        f"awverify.{to} was not found either."
    )


def _records(call: Call, site: Site, host: str) -> Records:
    return records_of(host, host_name(site, call.cloud), _ADDRESS)


def _check_plan(call: Call, site: Site, what: str, tiers: tuple[str, ...]) -> None:
    """Refuse what the tier of the plan lacks. The wording is not verified."""
    plan = next((plan for plan in call.arm.plans.values() if plan.id.lower() == site.plan_id.lower()), None)
    tier = str(plan.sku.get("tier", "")) if plan else ""
    if tier.lower() in tiers:
        raise app_service_refused(409, "Conflict", "04091", f"The plan of the tier {tier} does not support {what}.")


def _analysis(call: Call) -> Response:
    """Return Azure's own view of a host name's DNS, and whether another app has bound it."""
    site, host = call.site(), call.query.get("hostName", "").lower()
    if not host:
        raise bad_request("The parameter hostName has an invalid value.")
    records, own = _records(call, site, host), verification_id(site)
    other = next((one for one in call.arm.sites.values() if one is not site and host in one.bindings), None)
    leads = any(records.lead_to(host_name(site, call.cloud), _ADDRESS, record) for record in ("CName", "A"))
    passed = leads and all(text.upper() == own for text in records.asuid)
    shown: dict[str, Any] = {
        "isHostnameAlreadyVerified": host in site.bindings,
        "customDomainVerificationTest": "Passed" if passed else "Failed",
        "hasConflictOnScaleUnit": other is not None,
        "hasConflictAcrossSubscription": is_bound_by_others(host),
        "cNameRecords": list(records.cnames),
        "txtRecords": list(records.asuid),
        "aRecords": list(records.addresses),
        "alternateCNameRecords": [],
        "alternateTxtRecords": [],
    }
    if other is not None:
        shown["conflictingAppResourceId"] = other.id
    if not passed:
        message = _lacks("CName", host, host_name(site, call.cloud))
        shown["customDomainVerificationFailureInfo"] = {"code": "BadRequest", "message": message}
    return JSONResponse(
        {
            "id": f"{site.id}/analyzeCustomHostname",
            "name": site.name,
            "type": "Microsoft.Web/sites",
            "location": site.location,
            "properties": shown,
        }
    )


def _secured(call: Call, given: dict[str, Any]) -> tuple[str | None, str | None]:
    state, thumbprint = str(given.get("sslState", "")).lower(), str(given.get("thumbprint") or "").upper()
    if state not in _SSL_STATES:
        raise bad_request("The parameter sslState has an invalid value.")
    if _SSL_STATES[state] is None:
        return None, None
    _check_plan(call, call.site(), "TLS", ("free", "shared"))
    issued = {one.thumbprint for one in call.arm.certificates.values() if one.is_issued(call.now)}
    if thumbprint not in issued:
        raise not_found(f"Certificate with thumbprint {thumbprint} was not found.")
    return _SSL_STATES[state], thumbprint


def _delete(call: Call) -> Response:
    site, host = call.site(), call.params["host"].lower()
    if host == host_name(site, call.cloud):
        raise bad_request(f"The host name {host} can't be removed.")
    return Response(status_code=200 if site.bindings.pop(host, None) else 204)


def _publish_profiles(call: Call) -> Response:
    """Return the publish profiles. Passwords are redacted, as if basic authentication were off."""
    site = call.site()
    ftp = f"ftps://{shape('site')['homeStamp']}.ftp.azurewebsites.windows.net/site/wwwroot"
    profiles = (
        ("Zip Deploy", "ZipDeploy", f"{scm_host_name(site, call.cloud)}:443"),
        ("FTP", "FTP", ftp),
    )
    lines = [
        f"<publishProfile profileName={quoteattr(f'{site.name} - {name}')} publishMethod={quoteattr(method)} "
        f"publishUrl={quoteattr(url)} msdeploySite={quoteattr(site.name)} "
        f'userName="REDACTED" userPWD="REDACTED" '
        f"destinationAppUrl={quoteattr(f'https://{host_name(site, call.cloud)}')} "
        'SQLServerDBConnectionString="" mySQLDBConnectionString="" hostingProviderForumLink="" '
        'controlPanelLink="https://portal.azure.com" webSystem="WebSites"><databases /></publishProfile>'
        for name, method, url in profiles
    ]
    return Response(f"<publishData>{''.join(lines)}</publishData>", media_type="application/xml")


OPERATIONS: Final = (
    Operation("GET", f"{SITE}/hostNameBindings", _bindings),
    Operation("GET", _BINDING, _get),
    Operation("PUT", _BINDING, _put),
    Operation("DELETE", _BINDING, _delete),
    Operation("GET", f"{SITE}/analyzeCustomHostname", _analysis),
    Operation("POST", f"{SITE}/publishxml", _publish_profiles),
)
