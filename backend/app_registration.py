"""The SAM app's registration in Graph: its client secrets. The only importer of msgraph-sdk.

msgraph-sdk is async and its clients die with their loop, so each call runs in a loop and a client of its own.
Its typed Application would load 1,220 modules, so what is read is read as JSON.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from backend.clouds import Cloud
from backend.errors import AzureRefusedError, while_trying_to
from backend.limits import Limits
from backend.values import SecretText

if TYPE_CHECKING:
    import httpx
    from msgraph.generated.models.password_credential import PasswordCredential
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient

T = TypeVar("T")


@dataclass(frozen=True)
class ClientSecret:
    """A client secret as Graph shows it; `hint` is its first three characters. Never its text."""

    key_id: str
    display_name: str | None
    hint: str | None
    starts: datetime | None
    ends: datetime | None


@dataclass(frozen=True)
class Registration:
    """The app registration: its object id, and its client secrets."""

    object_id: str
    client_secrets: tuple[ClientSecret, ...]


@dataclass(frozen=True)
class NewClientSecret:
    """What addPassword gave; Graph shows the text this once."""

    key_id: str
    text: SecretText
    ends: datetime


class AppRegistration:
    """The service of one app's registration. Needs the Graph permission Application.ReadWrite.All (SAM app)."""

    def __init__(self, cloud: Cloud, limits: Limits, app_id: str, token: Callable[[], SecretText]) -> None:
        self._cloud: Final = cloud
        self._limits: Final = limits
        self._app_id: Final = app_id
        self._token: Final = token

    def read(self) -> Registration:
        """Read the registration."""

        async def ask(client: "GraphServiceClient") -> bytes | None:
            request = client.applications.to_get_request_information()
            request.url = (
                f"{self._cloud.graph}/v1.0/applications(appId='{self._app_id}')?$select=id,appId,passwordCredentials"
            )
            return await client.request_adapter.send_primitive_async(request, "bytes", _errors())

        found = json.loads(self._call(f"read the app registration {self._app_id}", ask, retries=3) or b"{}")
        return Registration(found["id"], tuple(_client_secret(entry) for entry in found["passwordCredentials"]))

    def add_password(self, object_id: str, *, display_name: str, ends: datetime) -> NewClientSecret:
        """Make a client secret. It is sent once: a repeat would make a second one.

        Raises:
            AzureUnreachableError: It was cut off; a secret of that display name may be there.
        """

        async def ask(client: "GraphServiceClient") -> "PasswordCredential | None":
            from msgraph.generated.applications.item.add_password import (  # noqa: PLC0415 - see the module
                add_password_post_request_body as body,
            )
            from msgraph.generated.models.password_credential import PasswordCredential  # noqa: PLC0415 - the same

            wanted = PasswordCredential(display_name=display_name, end_date_time=ends)
            return await client.applications.by_application_id(object_id).add_password.post(
                body.AddPasswordPostRequestBody(password_credential=wanted)
            )

        made = self._call("make a new client secret for the SAM app", ask)
        if not (made and made.key_id and made.secret_text):
            raise AzureRefusedError("Tried to make a new client secret, but Graph gave no text for it.", status=200)
        return NewClientSecret(str(made.key_id), SecretText(made.secret_text), made.end_date_time or ends)

    def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a client secret; whoever still uses it is refused from then on."""

        async def ask(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_password import (  # noqa: PLC0415 - see the module
                remove_password_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_password.post(
                body.RemovePasswordPostRequestBody(key_id=UUID(key_id))
            )

        self._call(f"remove the client secret {key_id} of the SAM app", ask)

    def _call(self, action: str, ask: Callable[["GraphServiceClient"], Awaitable[T]], *, retries: int = 0) -> T:
        """Run one request to its end. What is not a read is never repeated."""
        token = self._token()

        async def run() -> T:
            from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415 - see the module

            async with asyncio.timeout(self._limits.azure_deadline_seconds), self._http(retries) as http:
                return await ask(GraphServiceClient(request_adapter=self._adapter(http, token)))

        with while_trying_to(action):
            return asyncio.run(run())

    def _http(self, retries: int) -> "httpx.AsyncClient":
        import httpx  # noqa: PLC0415 - see the module
        from kiota_http.middleware.options import RetryHandlerOption  # noqa: PLC0415 - the same
        from msgraph_core import GraphClientFactory  # noqa: PLC0415 - the same

        limits = self._limits
        timeout = httpx.Timeout(limits.azure_read_timeout_seconds, connect=limits.azure_connect_timeout_seconds)
        retry = RetryHandlerOption(delay=0.5, max_retries=retries, should_retry=retries > 0)
        http = httpx.AsyncClient(timeout=timeout)
        GraphClientFactory.create_with_default_middleware(client=http, options={RetryHandlerOption.get_key(): retry})
        return http

    def _adapter(self, http: "httpx.AsyncClient", token: SecretText) -> "GraphRequestAdapter":
        from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider  # noqa: PLC0415 - the same
        from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415 - see the module

        from backend.graph_token import GraphToken  # noqa: PLC0415 - it imports kiota

        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(GraphToken(token, self._cloud)), http)
        adapter.base_url = f"{self._cloud.graph}/v1.0"
        return adapter


def _errors() -> dict[str, Any]:
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError  # noqa: PLC0415 - see the module

    return {"XXX": ODataError}


def _client_secret(entry: dict[str, Any]) -> ClientSecret:
    return ClientSecret(
        key_id=str(entry["keyId"]),
        display_name=entry.get("displayName"),
        hint=entry.get("hint"),
        starts=_time(entry.get("startDateTime")),
        ends=_time(entry.get("endDateTime")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
