"""The sign-in of CIPP as a container: the setting that has its secret, the secret's end, and the callbacks.

Requires Microsoft.Web/sites/config/read on the site (Reader), and Application.Read.All of the SAM app in Graph. What
can't be read is unknown. Never run against real Azure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from backend.access.graph_lookups import SamGraph
from backend.access.platform_sign_in import auth_settings
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.concurrency import background
from backend.errors import BackendError, NotFoundError
from backend.formats import is_guid
from backend.installation.discovery import Discovery
from backend.installation.states.container import client_id_of
from backend.readings import Json, object_of, objects_of, properties_of, text_of, texts_of, time_or_none

if TYPE_CHECKING:
    from backend.sam_app.graph import Graph

SETTING: Final = "AUTH_SECRET"
CALLBACK: Final = "/.auth/login/aad/callback"
SOON: Final = timedelta(days=30)
_FIELDS: Final = "id,appId,web,passwordCredentials"
_HOST: Final = re.compile(r"[a-z0-9*.-]{1,253}")


@dataclass(frozen=True)
class SignInApp:
    """The app registration of CIPP's sign-in: the hosts of its callbacks, and the ends of its secrets."""

    callback_hosts: frozenset[str]
    secret_ends: tuple[datetime, ...]


class ContainerSignIn:
    """The service of the sign-in card."""

    def __init__(self, clients: Clients, discovery: Discovery, graph: SamGraph) -> None:
        self._clients = clients
        self._discovery = discovery
        self._graph = graph

    def problems(self) -> tuple[list[str], list[str]]:
        """Return the problems of the sign-in, and notes on it.

        Raises:
            BackendError: authsettingsV2 can't be read.
        """
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        name = deployment.main_app or ""
        reference = background.start(lambda: self._reference(subscription, group, name), name="read AUTH_SECRET")
        settings = auth_settings(self._clients, subscription, group, name)
        client_id = client_id_of(settings)
        problems, notes = reference.result()
        if not is_guid(client_id):
            return problems, notes
        site = self._discovery.main_app.seen().site
        try:
            app = self._graph.call(lambda graph: _read(graph, client_id))
        except BackendError as error:
            notes.append(f"The end of the sign-in's secret and its callbacks are unknown. {error}")
            return problems, notes
        if app is None:
            problems.append(
                f"Microsoft Entra ID does not have the app {client_id} of CIPP's sign-in any more, so no user can sign "
                "in. Restore it within 30 days of its deletion: Entra admin center, App registrations, Deleted "
                "applications."
            )
            return problems, notes
        found = app_problems(app, [text_of(host) for host in texts_of(properties_of(site).get("hostNames"))], _now())
        return [*problems, *found[0]], [*notes, *found[1]]

    def _reference(self, subscription: str, group: str, name: str) -> tuple[list[str], list[str]]:
        sites = self._clients.web(subscription).web_apps
        try:
            with while_trying_to(f"read the state of the setting {SETTING}"):
                shown = fetched(sites.get_app_setting_key_vault_reference, group, name, SETTING)
        except NotFoundError:
            return [], [f"The setting {SETTING} is not a Key Vault reference. CIPP then signs in without a secret."]
        except BackendError as error:
            return [], [f"The state of the setting {SETTING} is unknown. {error}"]
        return reference_problems(properties_of(shown)), []


def reference_problems(reference: Mapping[str, Any]) -> list[str]:
    """Return the problem of a Key Vault reference that is not resolved. Pure."""
    status = text_of(reference.get("status"))
    if status.lower() in ("resolved", "initialized", ""):
        return []
    return [
        (
            f"The setting {SETTING} is a Key Vault reference in state {status}, so no user can sign in to CIPP. Check "
            "that the app's identity may get secrets of the vault, that the vault's name is right, and that "
            "SSOAppSecret is enabled."
        )
    ]


def app_problems(app: SignInApp, hosts: Sequence[str], now: datetime) -> tuple[list[str], list[str]]:
    """Return the problems and notes of the sign-in app, for a site with these hosts. Pure."""
    problems, notes = [], []
    if app.secret_ends:
        last = max(app.secret_ends)
        if last <= now:
            problems.append(
                f"The last secret of CIPP's sign-in expired on {last:%Y-%m-%d}, so no user can sign in. Renew it on "
                "CIPP's page of SSO, or with its setup."
            )
        elif last - now <= SOON:
            problems.append(
                f"The secret of CIPP's sign-in expires on {last:%Y-%m-%d}, and nothing renews it. Renew it on CIPP's "
                "page of SSO before that day."
            )
        else:
            notes.append(f"The secret of CIPP's sign-in expires on {last:%Y-%m-%d}. Nothing renews it by itself.")
    missing = sorted({host.lower() for host in hosts if host} - app.callback_hosts)
    if missing:
        problems.append(
            f"Sign-in does not work at {', '.join(missing)} (AADSTS50011), because the app registration lacks the "
            f"redirect URI https://<host>{CALLBACK}. Restart CIPP, which adds it, or add it in the Entra admin center."
        )
    return problems, notes


def _read(graph: "Graph", client_id: str) -> SignInApp | None:
    """Return the app registration, None if the tenant does not have it."""
    try:
        found = graph.read("read the app of CIPP's sign-in", f"applications(appId='{client_id}')?$select={_FIELDS}")
    except NotFoundError:
        return None
    return sign_in_app(found)


def sign_in_app(found: Json) -> SignInApp:
    """Return the app registration of a response of Graph. Pure."""
    addresses = [urlsplit(uri) for uri in texts_of(object_of(found.get("web")).get("redirectUris"))]
    hosts = [uri.netloc.lower() for uri in addresses if uri.scheme == "https" and uri.path.lower() == CALLBACK]
    ends = [time_or_none(secret.get("endDateTime")) for secret in objects_of(found.get("passwordCredentials"))]
    return SignInApp(frozenset(filter(_HOST.fullmatch, hosts)), tuple(end for end in ends if end))


def _now() -> datetime:
    return datetime.now(UTC)
