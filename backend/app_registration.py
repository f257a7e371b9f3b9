"""The SAM app's registration in Graph: its client secrets and certificates."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from backend.errors import AzureRefusedError, AzureUnreachableError, ConflictError, NotFoundError
from backend.graph import Graph, Json
from backend.values import SecretText

if TYPE_CHECKING:
    from msgraph.generated.models.key_credential import KeyCredential
    from msgraph.generated.models.password_credential import PasswordCredential
    from msgraph.graph_service_client import GraphServiceClient

_FIELDS: Final = (
    "id,appId,displayName,createdDateTime,passwordCredentials,keyCredentials,servicePrincipalLockConfiguration"
)
# What stands in the place of a date that Graph does not show. It is fit for lists only: see `is_complete`.
UNKNOWN_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_END: Final = datetime(9999, 12, 1, tzinfo=UTC)  # a month early, so that any time zone can show it
_SHA1_DIGITS: Final = 40
_DER: Final = b"\x30\x82"  # the sequence of more than 255 bytes that a certificate is
# Graph's words with 400 Request_BadRequest, its code for any mistake, so the words decide. The first are those that
# github.com/hashicorp/vault-plugin-secrets-azure takes as done, too. Never run against real Azure.
_GONE: Final = ("No password credential found with keyId", "No credentials found to be removed")


@dataclass(frozen=True)
class ClientSecret:
    """A client secret as Graph shows it; `hint` is its first three characters. Never its text."""

    key_id: str
    display_name: str
    hint: str | None
    starts: datetime
    ends: datetime
    dates_known: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether Graph shows all by which a removal is decided. One that is not complete must stay."""
        return self.dates_known and _is_guid(self.key_id)


@dataclass(frozen=True)
class AppCertificate:
    """A certificate as Graph shows it; `thumbprint` in upper-case hex. `raw` is what a PATCH must send back.

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
        """Whether Graph shows all by which a removal is decided. One that is not complete must stay."""
        return self.dates_known and self.thumbprint != "" and _is_guid(self.key_id)


@dataclass(frozen=True)
class Registration:
    """The app registration as Graph shows it now. Client secrets without an id are left out: nothing can name them.

    `certificates_known` is False if Graph shows no list of certificates, or one with an entry that is none. Then the
    list must not be written, since what it lacks would be removed.
    """

    object_id: str
    created: datetime | None
    client_secrets: tuple[ClientSecret, ...]
    certificates: tuple[AppCertificate, ...]
    is_locked: bool
    certificates_known: bool = True


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
        """Return the registration. What Graph leaves out, shows as null or in another form is unknown.

        Raises:
            NotFoundError: The tenant has no such app.
            AzureRefusedError: Graph refused.
            AzureUnreachableError: Graph timed out, or returned something else.
        """
        action = f"read the app registration {self.app_id}"
        found = self.graph.read(action, f"applications(appId='{self.app_id}')?$select={_FIELDS}")
        object_id = _text(found.get("id"))
        if not object_id:
            raise AzureUnreachableError(f"Couldn't {action}: Microsoft Graph returned no app registration. Try again.")
        secrets, keys = _entries(found.get("passwordCredentials")), found.get("keyCredentials")
        lock = found.get("servicePrincipalLockConfiguration")
        return Registration(
            object_id=object_id,
            created=_time(found.get("createdDateTime")),
            client_secrets=tuple(_client_secret(entry) for entry in secrets if _text(entry.get("keyId"))),
            certificates=tuple(_certificate(entry) for entry in _entries(keys)),
            is_locked=isinstance(lock, dict) and lock.get("isEnabled") is True,
            certificates_known=isinstance(keys, list) and len(_entries(keys)) == len(keys),
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
        """Remove a client secret, so that it does not sign in any more. One that is gone already is done.

        Right after it was made, a replica of Graph may call it gone that does not know it yet.

        Raises:
            ConflictError: It has no id by which Graph could find it.
            AzureRefusedError: Graph refused.
            AzureUnreachableError: Graph timed out. It may or may not be removed.
        """
        wanted = _guid(key_id, "client secret")

        async def ask(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_password import (  # noqa: PLC0415 - as above
                remove_password_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_password.post(
                body.RemovePasswordPostRequestBody(key_id=wanted)
            )

        with _gone_is_done():
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
        """Remove a certificate. One that is gone already is done. `proof` is signed by one that is on the app.

        Raises:
            ConflictError: It has no id by which Graph could find it.
            AzureRefusedError: Graph refused, for example a proof that no certificate on the app has signed.
            AzureUnreachableError: Graph timed out. It may or may not be removed.
        """
        wanted = _guid(key_id, "certificate")

        async def ask(client: "GraphServiceClient") -> None:
            from msgraph.generated.applications.item.remove_key import (  # noqa: PLC0415 - as above
                remove_key_post_request_body as body,
            )

            await client.applications.by_application_id(object_id).remove_key.post(
                body.RemoveKeyPostRequestBody(key_id=wanted, proof=proof)
            )

        with _gone_is_done():
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
    """Return the keyCredential that a PATCH takes for a new certificate."""
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(public_der).decode(),
        "displayName": display_name,
    }


@contextmanager
def _gone_is_done() -> Iterator[None]:
    """Pass over Graph's refusal to remove what is gone."""
    try:
        yield
    except NotFoundError:
        return
    except AzureRefusedError as error:
        if error.status != 400 or not any(words in str(error) for words in _GONE):  # noqa: PLR2004 - bad request
            raise


def _client_secret(entry: Json) -> ClientSecret:
    starts, ends = _time(entry.get("startDateTime")), _time(entry.get("endDateTime"))
    return ClientSecret(
        key_id=_text(entry.get("keyId")),
        display_name=_text(entry.get("displayName")),
        hint=_text(entry.get("hint")) or None,
        starts=starts or UNKNOWN_START,
        ends=ends or UNKNOWN_END,
        dates_known=None not in (starts, ends),
    )


def _certificate(entry: Json) -> AppCertificate:
    starts, ends = _time(entry.get("startDateTime")), _time(entry.get("endDateTime"))
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
    """Return a certificate's SHA-1 thumbprint: by its identifier, else by its public part, else the identifier.

    Graph shows the identifier in hex, or in base64 of the thumbprint's bytes. It is whatever the one who added the
    certificate gave. The public part is shown to a `$select` of a single app (learn.microsoft.com, keyCredential).
    """
    text = identifier if _is_sha1(identifier) else _hex(identifier) or identifier
    return (text if _is_sha1(text) else _thumbprint_of(key) or text).upper()


def _is_sha1(text: str) -> bool:
    return len(text) == _SHA1_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _hex(text: str) -> str:
    """Return the bytes of a base64 text in hex, "" if it is no base64."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except ValueError:
        return ""


def _thumbprint_of(key: str) -> str:
    """Return the thumbprint of a certificate in base64 of its DER, "" if it is none."""
    der = bytes.fromhex(_hex(key))
    return hashlib.sha1(der, usedforsecurity=False).hexdigest() if der.startswith(_DER) else ""


def _entries(value: object) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    """Return a time of Graph's, in UTC, or None if it shows none that can be read."""
    try:
        time = datetime.fromisoformat(_text(value))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _guid(key_id: str, what: str) -> UUID:
    if not _is_guid(key_id):
        raise ConflictError(
            f"Couldn't remove a {what} of the SAM app: Microsoft Graph shows no id for it. Remove it in the portal."
        )
    return UUID(key_id)
