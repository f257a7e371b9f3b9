"""An app's host names and publish profiles.

The wording of the refusals is from responses that people pasted (rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto#25,
fszlin/certes#155). Not verified on real Azure: their order, and the refusal of a host name that another app has.
"""

from typing import Any, Final
from xml.sax.saxutils import quoteattr

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import app_service_refused, bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.host_binding import HostBinding, has_stray_record, is_host_name, resolves
from sandbox.arm.resource import shape
from sandbox.arm.site import Site
from sandbox.arm.site_document import host_name, scm_host_name, verification_id
from sandbox.arm.sites import SITE, page

_BINDING: Final = f"{SITE}/hostNameBindings/{{host}}"
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
    if any(host in other.bindings for other in call.arm.sites.values()):
        message = f"Hostname '{host}' already exists. Please try a different hostname."
        raise app_service_refused(409, "Conflict", "54001", message)
    if record is None or has_stray_record(host):
        to = verification_id(site).lower()
        message = f"A TXT record pointing from asuid.{host.removeprefix('*.')} to {to} was not found."
        raise app_service_refused(400, "BadRequest", "04006", message)
    if not resolves(host) and record == "A":
        message = f"An A record pointing from {host} to {shape('site')['inboundIpAddress']} was not found."
        raise app_service_refused(400, "BadRequest", "04005", message)
    if not resolves(host):
        to = host_name(site, call.cloud)
        message = (
            f"A CNAME record pointing from {host} to {to} was not found. Alternative record awverify.{host} to "
            f"awverify.{to} was not found either."
        )
        raise app_service_refused(400, "BadRequest", "04005", message)


def _secured(call: Call, given: dict[str, Any]) -> tuple[str | None, str | None]:
    state, thumbprint = str(given.get("sslState", "")).lower(), str(given.get("thumbprint") or "").upper()
    if state not in _SSL_STATES:
        raise bad_request("The parameter sslState has an invalid value.")
    if _SSL_STATES[state] is None:
        return None, None
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
    Operation("POST", f"{SITE}/publishxml", _publish_profiles),
)
