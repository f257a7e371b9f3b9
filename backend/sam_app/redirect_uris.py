"""The redirect URIs of an app registration in Microsoft Graph: read, and added. None is ever removed.

Requires the Graph permission Application.Read.All to read, and Application.ReadWrite.All to add (or
Application.ReadWrite.OwnedBy as an owner of the registration). Never run against real Graph.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from backend.errors import AzureUnreachableError, ConflictError
from backend.readings import object_of, text_of
from backend.sam_app.graph import Graph, Json

CALLBACK: Final = "/.auth/login/aad/callback"  # of App Service authentication with Microsoft Entra ID
# learn.microsoft.com, "Redirect URI restrictions and limitations", for an app of work and school accounts alone.
MOST: Final = 256
_FIELDS: Final = "id,appId,web"


@dataclass(frozen=True)
class RedirectUris:
    """The web redirect URIs of one app registration, as Graph shows them now."""

    object_id: str
    app_id: str
    uris: tuple[str, ...]

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, in lower case, at which App Service can complete a sign-in."""
        parts = [urlsplit(uri) for uri in self.uris if uri.isprintable()]
        return frozenset(
            uri.netloc.lower() for uri in parts if uri.scheme.lower() == "https" and uri.path.lower() == CALLBACK
        )

    def missing(self, hosts: Collection[str]) -> list[str]:
        """Return those hosts that have no callback, sorted. No registration accepts a wildcard for a callback."""
        return sorted({host.lower() for host in hosts if host and "*" not in host} - self.hosts)


@dataclass(frozen=True)
class AddedUris:
    """The result of an addition: the hosts that got a callback, and whether Graph already shows all of them."""

    hosts: tuple[str, ...]
    confirmed: bool


def callback_of(host: str) -> str:
    """Return the redirect URI of App Service authentication on a host."""
    return f"https://{host.lower()}{CALLBACK}"


def read_redirect_uris(graph: Graph, app_id: str) -> RedirectUris:
    """Return the redirect URIs of an app registration.

    Raises:
        NotFoundError: The tenant has no such app.
        AzureError: Graph refused, timed out, or returned something else. A list in another form is not empty.
    """
    action = "read the app of CIPP's sign-in"
    found = graph.read(action, f"applications(appId='{app_id}')?$select={_FIELDS}")
    object_id, uris = text_of(found.get("id")), object_of(found.get("web")).get("redirectUris")
    if not object_id or not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        raise AzureUnreachableError(
            f"Couldn't {action}: Microsoft Graph did not show its redirect URIs.", advice="Try again."
        )
    return RedirectUris(object_id, app_id, tuple(uris))


def add_callbacks(graph: Graph, app_id: str, hosts: Sequence[str]) -> AddedUris:
    """Add the missing callbacks of these hosts, and keep every other redirect URI. It can be repeated.

    Graph has no condition for a write. So the list is read immediately before, and read back afterwards.

    Raises:
        ConflictError: The registration can't have that many redirect URIs.
        AzureError: Graph refused or timed out. After a timeout the callbacks might have been added.
    """
    before = read_redirect_uris(graph, app_id)
    missing = before.missing(hosts)
    if not missing:
        return AddedUris((), confirmed=True)
    wanted = [*before.uris, *map(callback_of, missing)]
    if len(wanted) > MOST:
        raise ConflictError(
            f"Couldn't add the callbacks: the registration would have {len(wanted)} redirect URIs, and Microsoft "
            f"Entra ID allows {MOST}.",
            advice="Remove those that are not in use: Entra admin center, App registrations, Authentication.",
        )
    body: Json = {"web": {"redirectUris": wanted}}
    graph.write("add the callbacks to the app of CIPP's sign-in", "PATCH", f"applications/{before.object_id}", body)
    after = read_redirect_uris(graph, app_id)
    return AddedUris(tuple(missing), confirmed=set(wanted) <= set(after.uris))
