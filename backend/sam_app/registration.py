"""The SAM app's registration in Graph: its client secrets and certificates."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from backend.errors import AzureRefusedError, AzureUnreachableError, ConflictError, NotFoundError
from backend.readings import time_or_none
from backend.sam_app.client_secret import UNKNOWN_END, UNKNOWN_START, ClientSecret, client_secret_of, is_key_id
from backend.sam_app.graph import Graph, Json
from backend.values import SecretText

if TYPE_CHECKING:
    from msgraph.generated.models.key_credential import KeyCredential
    from msgraph.generated.models.password_credential import PasswordCredential
    from msgraph.graph_service_client import GraphServiceClient

_FIELDS: Final = (
    "id,appId,displayName,createdDateTime,passwordCredentials,keyCredentials,servicePrincipalLockConfiguration"
)
_SHA1_DIGITS: Final = 40
_DER: Final = b"\x30\x82"  # a certificate is a sequence of more than 255 bytes
# Graph's messages with 400 Request_BadRequest, its code for any invalid request, so the message decides. The first is
# the one that github.com/hashicorp/vault-plugin-secrets-azure treats as success, too. Never run against real Azure.
_GONE: Final = ("No password credential found with keyId", "No credentials found to be removed")


@dataclass(frozen=True)
class AppCertificate:
    """A certificate as Graph shows it. `thumbprint` is in upper-case hex. `raw` is what a PATCH must send back.

    `thumbprint` and `key_id` are "" if Graph does not show them.
    """

    key_id: str
    display_name: str
    thumbprint: str
    starts: datetime
    ends: datetime
    raw: Json
    dates_known: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether Graph shows everything that a removal depends on. One that is not complete must stay."""
        return self.dates_known and self.thumbprint != "" and is_key_id(self.key_id)


@dataclass(frozen=True)
class Registration:
    """The app registration as Graph shows it now. Client secrets without an ID are left out: nothing can name them.

    `certificates_known` is False if Graph shows no list of certificates, or one with an unreadable entry. Then the
    list must not be written, because that would remove the missing certificates.
    """

    object_id: str
    created: datetime | None
    client_secrets: tuple[ClientSecret, ...]
    certificates: tuple[AppCertificate, ...]
    is_locked: bool
    certificates_known: bool = True


@dataclass(frozen=True)
class NewClientSecret:
    """The client secret that addPassword returned. Graph shows its text only this time."""

    key_id: str
    text: SecretText
    ends: datetime


class AppRegistration:
    """The service of one app's registration. Requires the Graph permission Application.ReadWrite.All (SAM app).

    `noun` is what messages call the app.
    """

    def __init__(self, graph: Graph, app_id: str, noun: str = "the SAM app") -> None:
        self.graph: Final = graph
        self.app_id: Final = app_id
        self._noun: Final = noun

    def read(self) -> Registration:
        """Return the registration. A value that Graph omits, or shows as null or in another form, is unknown.

        Raises:
            NotFoundError: The tenant has no such app.
            AzureRefusedError: Graph refused.
            AzureUnreachableError: Graph timed out, or returned something else.
        """
        action = f"read the app registration {self.app_id}"
        found = self.graph.read(action, f"applications(appId='{self.app_id}')?$select={_FIELDS}")
        object_id = _text(found.get("id"))
        if not object_id:
            raise AzureUnreachableError(
                f"Couldn't {action}: Microsoft Graph did not return an app registration.", advice="Try again."
            )
        secrets, keys = _entries(found.get("passwordCredentials")), found.get("keyCredentials")
        lock = found.get("servicePrincipalLockConfiguration")
        return Registration(
            object_id=object_id,
            created=time_or_none(found.get("createdDateTime")),
            client_secrets=tuple(client_secret_of(entry) for entry in secrets if _text(entry.get("keyId"))),
            certificates=tuple(_certificate(entry) for entry in _entries(keys)),
            is_locked=isinstance(lock, dict) and lock.get("isEnabled") is True,
            certificates_known=isinstance(keys, list) and len(_entries(keys)) == len(keys),
        )

    def add_password(self, object_id: str, *, display_name: str, ends: datetime) -> NewClientSecret:
        """Create a client secret. The request is not retried: that could create a second one.

        Raises:
            AzureUnreachableError: The request was interrupted. A secret with that display name may exist.
        """

        async def send(client: "GraphServiceClient") -> "PasswordCredential | None":
            from msgraph.generated.applications.item.add_password import (  # noqa: PLC0415 - only a rotation needs it
                add_password_post_request_body as body,
            )
            from msgraph.generated.models.password_credential import PasswordCredential  # noqa: PLC0415 - the same

            wanted = PasswordCredential(display_name=display_name, end_date_time=ends)
            return await client.applications.by_application_id(object_id).add_password.post(
                body.AddPasswordPostRequestBody(password_credential=wanted)
            )

        action = f"create a client secret for {self._noun}"
        made = self.graph.call(action, send)
        if not (made and made.key_id and made.secret_text):
            raise AzureRefusedError(f"Couldn't {action}: Microsoft Graph did not return its text.", status=200)
        return NewClientSecret(str(made.key_id), SecretText(made.secret_text), made.end_date_time or ends)

    def remove_password(self, object_id: str, key_id: str) -> None:
        """Remove a client secret, so that it can't sign in any more. It is not an error if the secret is gone.

        Shortly after its creation, a replica of Graph that does not have the secret yet may report it as gone.

        Raises:
            ConflictError: It has no ID by which Graph could find it.
            AzureRefusedError: Graph refused.
            AzureUnreachableError: Graph timed out. The secret might have been removed.
        """
        wanted = _guid(key_id, f"client secret of {self._noun}")

        async def send(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_password import (  # noqa: PLC0415 - as above
                remove_password_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_password.post(
                body.RemovePasswordPostRequestBody(key_id=wanted)
            )

        with _gone_is_done():
            self.graph.call(f"remove the client secret {key_id} of {self._noun}", send)

    def add_key(self, object_id: str, *, public_der: bytes, display_name: str, proof: str) -> None:
        """Add a certificate, and keep all others (atomic). A certificate that is on the app signs the request."""

        async def send(client: "GraphServiceClient") -> "KeyCredential | None":
            from msgraph.generated.applications.item.add_key import (  # noqa: PLC0415 - as above
                add_key_post_request_body as body,
            )
            from msgraph.generated.models.key_credential import KeyCredential  # noqa: PLC0415 - as above

            wanted = KeyCredential(type="AsymmetricX509Cert", usage="Verify", key=public_der, display_name=display_name)
            return await client.applications.by_application_id(object_id).add_key.post(
                body.AddKeyPostRequestBody(key_credential=wanted, proof=proof)
            )

        self.graph.call("add a certificate to the SAM app", send)

    def remove_key(self, object_id: str, *, key_id: str, proof: str) -> None:
        """Remove a certificate. It is not an error if it is gone. A certificate that is on the app signs the request.

        Raises:
            ConflictError: It has no ID by which Graph could find it.
            AzureRefusedError: Graph refused, for example because no certificate on the app signed the request.
            AzureUnreachableError: Graph timed out. The certificate might have been removed.
        """
        wanted = _guid(key_id, f"certificate of {self._noun}")

        async def send(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_key import (  # noqa: PLC0415 - as above
                remove_key_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_key.post(
                body.RemoveKeyPostRequestBody(key_id=wanted, proof=proof)
            )

        with _gone_is_done():
            self.graph.call(f"remove the certificate {key_id} of the SAM app", send)

    def replace_keys(self, object_id: str, keys: Sequence[Json]) -> None:
        """Replace all certificates (public parts). Not atomic: the caller reads them back and restores lost ones."""
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
    """Return the keyCredential that a PATCH takes for a new certificate."""
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(public_der).decode(),
        "displayName": display_name,
    }


@contextmanager
def _gone_is_done() -> Iterator[None]:
    """Ignore Graph's refusal to remove a credential that is gone."""
    try:
        yield
    except NotFoundError:
        return
    except AzureRefusedError as error:
        if error.status != 400 or not any(words in str(error) for words in _GONE):  # noqa: PLR2004 - bad request
            raise


def _certificate(entry: Json) -> AppCertificate:
    starts, ends = time_or_none(entry.get("startDateTime")), time_or_none(entry.get("endDateTime"))
    return AppCertificate(
        key_id=_text(entry.get("keyId")),
        display_name=_text(entry.get("displayName")),
        thumbprint=_thumbprint(_text(entry.get("customKeyIdentifier")), _text(entry.get("key"))),
        starts=starts or UNKNOWN_START,
        ends=ends or UNKNOWN_END,
        raw=entry,
        dates_known=None not in (starts, ends),
    )


def _thumbprint(identifier: str, key: str) -> str:
    """Return a certificate's SHA-1 thumbprint, from its identifier, else its public part, else the identifier itself.

    Graph shows the identifier in hex, or the thumbprint's bytes in base64. It can be any text that the creator chose.
    Graph shows the public part only for a `$select` of a single app (learn.microsoft.com, keyCredential).
    """
    text = identifier if _is_sha1(identifier) else _hex(identifier) or identifier
    return (text if _is_sha1(text) else _thumbprint_of(key) or text).upper()


def _is_sha1(text: str) -> bool:
    return len(text) == _SHA1_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _hex(text: str) -> str:
    """Return the bytes of a base64 text in hex, "" if it is not base64."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except ValueError:
        return ""


def _thumbprint_of(key: str) -> str:
    """Return the thumbprint of a certificate (DER in base64), "" if the text is not a certificate."""
    der = bytes.fromhex(_hex(key))
    return hashlib.sha1(der, usedforsecurity=False).hexdigest() if der.startswith(_DER) else ""


def _entries(value: object) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _guid(key_id: str, what: str) -> UUID:
    if not is_key_id(key_id):
        raise ConflictError(
            f"Couldn't remove a {what}: Microsoft Graph does not show its ID.",
            advice="Remove it in the portal.",
        )
    return UUID(key_id)
