"""The callbacks of CIPP's sign-in app, read and changed as CIPP's SAM app or as this app.

In this order: CIPP's own SAM app, this app's identity (`--allow-repair` of the deployment), and a person. So it also
works while CIPP's credential is revoked or expired. Azure caches a token of an identity for up to a day, and so a
permission that it was just granted may count only then. Requires Microsoft.Web/sites/config/read on the site. Never run
against real Azure.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from backend.access.graph_lookups import SamGraph
from backend.access.platform_sign_in import auth_settings
from backend.azure.clients import Clients
from backend.errors import AzureRefusedError, AzureUnreachableError, BackendError, ConflictError, NotFoundError
from backend.formats import is_guid
from backend.installation.discovery import Discovery
from backend.installation.states.container import client_id_of
from backend.sam_app.redirect_uris import AddedUris, RedirectUris, add_callbacks, callback_of, read_redirect_uris

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

T = TypeVar("T")
SAM_APP: Final = "CIPP's SAM app"
IDENTITY: Final = "this app's identity"
_NO_APP: Final = (
    "CIPP's sign-in has no app: App Service authentication of CIPP names no client ID. Nothing can get a callback."
)


@dataclass(frozen=True)
class CallbackRepair:
    """The result of a repair. `by` is who added the callbacks, "" if no one could.

    `missing` are the hosts without a callback before. `script` is what an admin runs instead if `by` is "", and
    `reasons` state why neither could do it.
    """

    missing: tuple[str, ...]
    by: str = ""
    confirmed: bool = False
    script: str = ""
    reasons: tuple[str, ...] = ()


class Callbacks:
    """The service of the callbacks. It only adds redirect URIs, and never removes one."""

    def __init__(self, clients: Clients, discovery: Discovery, graph: SamGraph) -> None:
        self._clients = clients
        self._discovery = discovery
        self._graph = graph

    def client_id(self) -> str:
        """Return the client ID of the app that signs users in to CIPP.

        Raises:
            ConflictError: CIPP's sign-in is not set up.
            AzureError: Azure refused or timed out.
        """
        deployment = self._discovery.deployment()
        settings = auth_settings(self._clients, *deployment.group(), deployment.main_app or "")
        client_id = client_id_of(settings)
        if not is_guid(client_id):
            raise ConflictError(_NO_APP, advice="Set up CIPP's sign-in first.")
        return client_id.lower()

    def read(self) -> RedirectUris:
        """Return the redirect URIs of CIPP's sign-in app.

        Raises:
            BackendError: CIPP's sign-in is not set up, or no credential may read the app.
        """
        client_id = self.client_id()
        found, _ = self._first(lambda graph: read_redirect_uris(graph, client_id))
        return found

    def add(self, hosts: Collection[str], *, dry_run: bool, client_id: str = "") -> CallbackRepair:
        """Add the missing callbacks of these hosts, or return what an admin runs as themselves.

        The hosts must be those that Azure shows for the site, because each can receive users' sign-ins. `client_id` is
        the app that gets them, by default the one that signs users in.

        Raises:
            ConflictError: CIPP's sign-in is not set up, or its app can't have more redirect URIs.
            NotFoundError: The tenant does not have the app.
            AzureUnreachableError: Graph timed out. The callbacks might have been added.
        """
        client_id = client_id.lower() or self.client_id()
        wanted = sorted({host.lower() for host in hosts if host and "*" not in host})
        try:
            known, _ = self._first(lambda graph: read_redirect_uris(graph, client_id))
        except (AzureUnreachableError, NotFoundError):
            raise
        except BackendError as error:
            return self._by_hand(client_id, wanted, error)
        missing = known.missing(wanted)
        if dry_run or not missing:
            return CallbackRepair(tuple(missing), confirmed=not missing)
        try:
            added, by = self._first(lambda graph: add_callbacks(graph, client_id, wanted))
        except (AzureUnreachableError, NotFoundError, ConflictError):
            raise
        except BackendError as error:
            return self._by_hand(client_id, missing, error)
        return _repaired(added, missing, by)

    def _by_hand(self, client_id: str, hosts: Sequence[str], error: BackendError) -> CallbackRepair:
        tenant = self._discovery.deployment().tenant_id or ""
        script = by_hand(client_id, tenant, self._clients.cloud.graph, hosts)
        return CallbackRepair(tuple(hosts), script=script, reasons=(str(error),))

    def _first(self, work: "Callable[[Graph], T]") -> tuple[T, str]:
        """Return the result of the first credential that may do the work, and whose it is.

        Raises:
            BackendError: Of this app's identity with what the SAM app got, or of the SAM app if it is not about a
                credential or a permission.
        """
        try:
            return self._graph.call(work), SAM_APP
        except (AzureUnreachableError, ConflictError):
            raise
        except BackendError as error:
            if not _may_help(error):
                raise
            refusal = error
        try:
            return self._by_identity(work), IDENTITY
        except (AzureUnreachableError, ConflictError):
            raise
        except BackendError as error:
            error.add_context(before=f"{refusal.detail} By {IDENTITY}:")
            raise

    def _by_identity(self, work: "Callable[[Graph], T]") -> T:
        from backend.sam_app.graph import Graph  # noqa: PLC0415 - only a repair needs it

        token = self._clients.graph_token()
        return work(Graph(self._clients.cloud, self._clients.limits, lambda: token))


def _may_help(error: BackendError) -> bool:
    """Return whether another credential might succeed. A missing app, or a request that is not valid, stays so."""
    return not isinstance(error, AzureRefusedError) or error.status in (400, 401, 403)


def _repaired(added: AddedUris, missing: Sequence[str], by: str) -> CallbackRepair:
    return CallbackRepair(tuple(missing), by=by, confirmed=added.confirmed)


def by_hand(client_id: str, tenant: str, graph: str, hosts: Sequence[str]) -> str:
    """Return the PowerShell that adds callbacks as the admin who runs it. Pure. It was never run."""
    address = f"{graph}/v1.0/applications(appId='{client_id}')"
    uris = ", ".join(f"'{callback_of(host)}'" for host in hosts)
    where = f" -Tenant '{tenant}'" if is_guid(tenant) else ""
    return "\n".join(
        (
            f"Connect-AzAccount{where}",
            f'$app = "{address}"',
            "$web = ((Invoke-AzRestMethod -Uri ($app + '?$select=id,web')).Content | ConvertFrom-Json).web",
            f"$uris = @($web.redirectUris) + @({uris}) | Select-Object -Unique",
            "$body = @{ web = @{ redirectUris = @($uris) } } | ConvertTo-Json -Depth 4",
            "Invoke-AzRestMethod -Method PATCH -Uri $app -Payload $body",
        )
    )
