"""The SAM app's registration in Graph: its client secrets and certificates."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from backend.errors import AzureRefusedError
from backend.graph import Graph, Json
from backend.values import SecretText

if TYPE_CHECKING:
    from msgraph.generated.models.key_credential import KeyCredential
    from msgraph.generated.models.password_credential import PasswordCredential
    from msgraph.graph_service_client import GraphServiceClient

_FIELDS: Final = (
    "id,appId,displayName,createdDateTime,passwordCredentials,keyCredentials,servicePrincipalLockConfiguration"
)


@dataclass(frozen=True)
class ClientSecret:
    """A client secret as Graph shows it; `hint` is its first three characters. Never its text."""

    key_id: str
    display_name: str
    hint: str | None
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class AppCertificate:
    """A certificate as Graph shows it; `thumbprint` in upper-case hex. `raw` is what a PATCH must send back."""

    key_id: str
    display_name: str
    thumbprint: str
    starts: datetime
    ends: datetime
    raw: Json


@dataclass(frozen=True)
class Registration:
    """The app registration as Graph shows it now."""

    object_id: str
    created: datetime | None
    client_secrets: tuple[ClientSecret, ...]
    certificates: tuple[AppCertificate, ...]
    is_locked: bool


@dataclass(frozen=True)
class NewClientSecret:
    """What addPassword gave; Graph shows the text this once."""

    key_id: str
    text: SecretText
    ends: datetime


class AppRegistration:
    """The service of one app's registration. Needs the Graph permission Application.ReadWrite.All (SAM app)."""

    def __init__(self, graph: Graph, app_id: str) -> None:
        self.graph: Final = graph
        self.app_id: Final = app_id

    def read(self) -> Registration:
        """Read the registration."""
        found = self.graph.read(
            f"read the app registration {self.app_id}", f"applications(appId='{self.app_id}')?$select={_FIELDS}"
        )
        lock = found.get("servicePrincipalLockConfiguration") or {}
        return Registration(
            object_id=found["id"],
            created=_time(found["createdDateTime"]) if found.get("createdDateTime") else None,
            client_secrets=tuple(_client_secret(entry) for entry in found["passwordCredentials"]),
            certificates=tuple(_certificate(entry) for entry in found["keyCredentials"]),
            is_locked=lock.get("isEnabled") is True,
        )

    def add_password(self, object_id: str, *, display_name: str, ends: datetime) -> NewClientSecret:
        """Make a client secret. It is sent once: a repeat would make a second one.

        Raises:
            AzureUnreachableError: It was cut off; a secret of that display name may be there.
        """

        async def ask(client: "GraphServiceClient") -> "PasswordCredential | None":
            from msgraph.generated.applications.item.add_password import (  # noqa: PLC0415 - only a rotation needs it
                add_password_post_request_body as body,
            )
            from msgraph.generated.models.password_credential import PasswordCredential  # noqa: PLC0415 - the same

            wanted = PasswordCredential(display_name=display_name, end_date_time=ends)
            return await client.applications.by_application_id(object_id).add_password.post(
                body.AddPasswordPostRequestBody(password_credential=wanted)
            )

        made = self.graph.call("make a new client secret for the SAM app", ask)
        if not (made and made.key_id and made.secret_text):
            raise AzureRefusedError("Tried to make a new client secret, but Graph gave no text for it.", status=200)
        return NewClientSecret(str(made.key_id), SecretText(made.secret_text), made.end_date_time or ends)

    def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a client secret; whoever still uses it is refused from then on."""

        async def ask(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_password import (  # noqa: PLC0415 - as above
                remove_password_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_password.post(
                body.RemovePasswordPostRequestBody(key_id=UUID(key_id))
            )

        self.graph.call(f"remove the client secret {key_id} of the SAM app", ask)

    def add_key(self, object_id: str, *, public_der: bytes, display_name: str, proof: str) -> None:
        """Add a certificate; `proof` is signed by one that is on the app. Atomic: nobody else's is touched."""

        async def ask(client: "GraphServiceClient") -> "KeyCredential | None":
            from msgraph.generated.applications.item.add_key import (  # noqa: PLC0415 - as above
                add_key_post_request_body as body,
            )
            from msgraph.generated.models.key_credential import KeyCredential  # noqa: PLC0415 - as above

            wanted = KeyCredential(type="AsymmetricX509Cert", usage="Verify", key=public_der, display_name=display_name)
            return await client.applications.by_application_id(object_id).add_key.post(
                body.AddKeyPostRequestBody(key_credential=wanted, proof=proof)
            )

        self.graph.call("add a certificate to the SAM app", ask)

    def remove_key(self, object_id: str, *, key_id: str, proof: str) -> None:
        """Remove a certificate; `proof` is signed by another one that is on the app."""

        async def ask(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_key import (  # noqa: PLC0415 - as above
                remove_key_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_key.post(
                body.RemoveKeyPostRequestBody(key_id=UUID(key_id), proof=proof)
            )

        self.graph.call(f"remove the certificate {key_id} of the SAM app", ask)

    def replace_keys(self, object_id: str, keys: Sequence[Json]) -> None:
        """Replace all certificates (public parts) at once. Not atomic: read back, and put back what vanished."""
        self.graph.write(
            "write the certificates of the SAM app",
            "PATCH",
            f"applications/{object_id}",
            {"keyCredentials": list(keys)},
        )

    def lock(self, object_id: str) -> None:
        """Lock the service principals of the app against credentials that others add in other tenants."""
        lock = {"isEnabled": True, "allProperties": True}
        self.graph.write(
            "lock the SAM app's service principals",
            "PATCH",
            f"applications/{object_id}",
            {"servicePrincipalLockConfiguration": lock},
        )


def public_key(public_der: bytes, display_name: str) -> Json:
    """Answer the keyCredential that a PATCH takes for a new certificate."""
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(public_der).decode(),
        "displayName": display_name,
    }


def _client_secret(entry: dict[str, Any]) -> ClientSecret:
    return ClientSecret(
        key_id=str(entry["keyId"]),
        display_name=entry.get("displayName") or "",
        hint=entry.get("hint"),
        starts=_time(entry["startDateTime"]),
        ends=_time(entry["endDateTime"]),
    )


def _certificate(entry: dict[str, Any]) -> AppCertificate:
    return AppCertificate(
        key_id=str(entry["keyId"]),
        display_name=entry.get("displayName") or "",
        thumbprint=_thumbprint(entry.get("customKeyIdentifier") or ""),
        starts=_time(entry["startDateTime"]),
        ends=_time(entry["endDateTime"]),
        raw=entry,
    )


def _thumbprint(identifier: str) -> str:
    """Read a certificate's identifier, which Graph shows in hex, or in base64 of the thumbprint's bytes."""
    if len(identifier) == 40 and all(digit in "0123456789abcdefABCDEF" for digit in identifier):  # noqa: PLR2004 - SHA-1
        return identifier.upper()
    try:
        return base64.b64decode(identifier, validate=True).hex().upper()
    except ValueError:
        return identifier.upper()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
