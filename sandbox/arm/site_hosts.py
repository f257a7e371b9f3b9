"""An app's host names and publish profiles."""

from typing import Final
from xml.sax.saxutils import quoteattr

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import shape
from sandbox.arm.site_document import host_name, scm_host_name
from sandbox.arm.sites import SITE, page


def _bindings(call: Call) -> Response:
    site = call.site()
    host = host_name(site, call.cloud)
    binding = {
        "id": f"{site.id}/hostNameBindings/{host}",
        "name": f"{site.name}/{host}",
        "type": "Microsoft.Web/sites/hostNameBindings",
        "location": site.location,
        "properties": {"siteName": site.name, "domainId": None, "hostNameType": "Verified"},
    }
    return JSONResponse(page([binding]))


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
    Operation("POST", f"{SITE}/publishxml", _publish_profiles),
)
