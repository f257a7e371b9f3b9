"""The vault: what it holds, and how a secret is read and stored. Values stay in `SecretText`."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from backend import correlation
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureRefusedError, AzureUnreachableError, ConflictError, NotFoundError, while_trying_to
from backend.quoting import WITHHELD, by_lower_case, spelled
from backend.refusals import refusal_of_azure_core
from backend.values import SecretText
from backend.vault_secret import ENABLED_FOR_RESTORE, Secret, Stored, Version, secret_of, stored_of, version_of

if TYPE_CHECKING:
    from azure.keyvault.secrets import KeyVaultSecret, SecretClient

CONFLICT = 409
RECOVERY_SECONDS = 15.0
RECOVERY_POLL_SECONDS = 1.0
FORBIDDEN = 403
_ONCE: Mapping[str, Any] = MappingProxyType({"retry_read": 0})
MOST_TAGS = 15  # Key Vault's own limit
READERS = 8  # calls at once; the vault allows 4,000 in 10 s


class DisabledError(AzureRefusedError):
    """The version that was asked for is disabled."""


class DeletedError(ConflictError):
    """Someone deleted the secret, and it is not to be recovered."""


class StaleListError(ConflictError):
    """The vault serves a version that its list does not have yet, and a read does not show it."""


class KeyVault:
    """The service of CIPP's vault. Needs secret permissions get list set recover, or Key Vault Secrets Officer."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._lock = threading.Lock()
        self._clock: tuple[datetime, float] | None = None
        self._confirmed: Mapping[str, str] = MappingProxyType({})

    @property
    def name(self) -> str:
        """The vault's name, or "" where it is unknown."""
        return self._discovery.deployment().vault_name or ""

    def spelled(self, name: str) -> str:
        """Return a secret's name as a message shows it: as it is if it reads like one, else as the list spells it."""
        return spelled(name, self._confirmed)

    def quoted(self, name: str) -> str:
        """Return the same in quotes."""
        return f"'{self.spelled(name)}'"

    def _trying_to(self, verb: str, name: str, place: str = "") -> AbstractContextManager[None]:
        """Return `while_trying_to` do something to a secret. A name that is not shown is cut out of Azure's words."""
        hidden = (name,) if self.spelled(name) == WITHHELD else ()
        return while_trying_to(f"{verb} secret {self.quoted(name)}{place}", withhold=hidden)

    def now(self) -> datetime:
        """The vault's own time, from the `Date` of its last answer; this machine's before the first."""
        with self._lock:
            if self._clock is None:
                return datetime.now(UTC)
            date, at = self._clock
        return date + timedelta(seconds=time.monotonic() - at)

    def secrets(self) -> list[Secret]:
        """List the secrets with their current versions, by name. Needs list."""
        names = self.names()
        readers = ThreadPoolExecutor(READERS)
        try:
            versions = list(readers.map(correlation.inherited(self.versions), names))
        finally:
            readers.shutdown(wait=False, cancel_futures=True)  # after a failure the others are not waited for
        return [secret_of(name, found[0]) for name, found in zip(names, versions, strict=True) if found]

    def names(self) -> list[str]:
        """Return the names of the vault's secrets, sorted, in the case in which they were first stored. Needs list."""
        return sorted(self.served(), key=str.lower)

    def served(self) -> dict[str, Version]:
        """Return the version that each secret serves, by name as first stored. Needs list.

        The `id` of these versions means nothing: the vault's list of secrets names no version.
        """
        with while_trying_to(f"list the secrets of key vault '{self.name}'"):
            listed = list(self._client().list_properties_of_secrets(raw_response_hook=self._note_time))
        served = {str(secret.name): version_of(secret) for secret in listed}
        self._confirmed = by_lower_case(served)
        return served

    def versions(self, name: str) -> list[Version]:
        """List the versions of a secret, the served one first, then the newest; empty if it is gone. Needs list.

        The vault's list may be older than its secrets. `current_versions` is not.
        """
        versions = self._listed_versions(name)
        if len(versions) > 1 and versions[0].created == versions[1].created:
            # The list has no order and times have whole seconds: of those made in one second the vault tells.
            served = self._served_among(name, [v for v in versions if v.created == versions[0].created])
            versions.sort(key=lambda found: found.id != served)
        return versions

    def current_versions(self, name: str) -> list[Version]:
        """Return the versions of a secret, first the one that a read shows to be served; empty if it is gone.

        A list that is older than the secret may lack versions or show old dates, tags and states. The first version is
        as it is now. Of the others the list is what is known. Requires get and list.

        Raises:
            StaleListError: The served version is disabled, and the list does not have it yet.
        """
        listed = self._listed_versions(name)  # before the read, so that nothing in it is newer than the served one
        try:
            served = self._served_version(name)
        except NotFoundError:
            return []
        except DisabledError:
            served = self._disabled_among(name, listed)
        return [served, *(version for version in listed if version.id != served.id)]

    def has(self, name: str) -> bool:
        """Return whether the vault has a secret now, whatever its list shows. One that may not be read counts as there.

        Requires get.
        """
        try:
            self.read(name)
        except NotFoundError:
            return False
        except AzureRefusedError as error:
            if error.status != FORBIDDEN:
                raise
        return True

    def _listed_versions(self, name: str) -> list[Version]:
        """Return what the vault's list has of a secret, the newest first. Versions of one second have no order."""
        with self._trying_to("list the versions of", name):
            listed = list(self._client().list_properties_of_secret_versions(name, raw_response_hook=self._note_time))
        return sorted((version_of(found) for found in listed), key=lambda found: found.created, reverse=True)

    def _disabled_among(self, name: str, listed: Sequence[Version]) -> Version:
        """Return the served version, which is disabled: a read refuses it without its id."""
        for version in listed:
            if version.created != listed[0].created:
                break
            if not version.enabled:
                return version
            try:
                self.read(name, version.id)
            except DisabledError:  # since the list was made
                return replace(version, enabled=False)
        raise StaleListError(
            f"The vault serves a disabled version of {self.quoted(name)} that its list of versions does not have yet. "
            "Try again in a minute."
        )

    def _served_among(self, name: str, latest: Sequence[Version]) -> str:
        """Tell which of the latest versions the vault serves; a disabled one it names only by refusing it."""
        try:
            return self.read(name).version
        except DisabledError:
            return next((version.id for version in latest if not version.enabled), latest[0].id)

    def read(self, name: str, version: str | None = None) -> Stored:
        """Read a secret's value; the current one if no version is named. Needs get.

        Raises:
            NotFoundError: There is no such secret.
            DisabledError: It is disabled (403 SecretDisabled).
            AzureRefusedError: We may not.
        """
        return stored_of(self._secret(name, version))

    def _served_version(self, name: str) -> Version:
        return version_of(self._secret(name).properties)

    def _secret(self, name: str, version: str | None = None) -> "KeyVaultSecret":
        try:
            with self._trying_to("read", name, f" of key vault '{self.name}'"):
                return self._client().get_secret(name, version, raw_response_hook=self._note_time)
        except AzureRefusedError as error:
            if error.code.endswith("SecretDisabled"):
                raise DisabledError(str(error), status=error.status, code=error.code) from error
            raise

    def store(  # noqa: PLR0913 - all that a version is
        self,
        name: str,
        value: SecretText,
        *,
        tags: Mapping[str, str],
        content_type: str,
        expires: datetime | None,
        recovers: bool = True,
    ) -> Stored:
        """Store a new version. With `recovers` a deleted name is recovered first. Needs set, and recover for that.

        It is sent once: a store that was cut may have worked, and a repeat would make a second version.

        Raises:
            DeletedError: The name is deleted, and `recovers` is off. Nothing was stored.
            AzureRefusedError: 429 where the vault is too busy.
            AzureUnreachableError: It was cut off; it may be stored, so read it back.
        """
        with self._trying_to("store", name, f" in key vault '{self.name}'"):

            def put() -> Any:  # noqa: ANN401 - the SDK is not imported for a type
                return self._client().set_secret(
                    name,
                    value.reveal(),
                    tags=dict(tags),
                    content_type=content_type,
                    expires_on=expires,
                    retry_total=0,
                    raw_response_hook=self._note_time,
                )

            try:
                return stored_of(put())
            except Exception as error:
                if getattr(error, "status_code", None) != CONFLICT:
                    raise
                if not refusal_of_azure_core(error).code.endswith("ObjectIsDeletedButRecoverable"):
                    raise
                if not recovers:
                    raise DeletedError(f"Someone deleted {self.quoted(name)} meanwhile; it stays deleted.") from error
            self._client().begin_recover_deleted_secret(name)
            self._comes_back(name, RECOVERY_SECONDS)
            return stored_of(put())

    def disable(self, name: str, version: str) -> None:
        """Disable one version. Requires set."""
        with self._trying_to(f"disable version {version} of", name):
            self._client().update_secret_properties(name, version, enabled=False, raw_response_hook=self._note_time)

    def enable_for_restore(self, name: str, version: Version) -> None:
        """Enable an old version and, in the same call, mark it as one to disable again. Requires set.

        A time-out is not retried. A version that has all the tags that Key Vault allows stays without the mark. That a
        PATCH replaces the tags as a whole was seen in the sandbox only.
        """
        marked = {**version.tags, ENABLED_FOR_RESTORE: f"{self.now():%Y-%m-%dT%H:%M:%SZ}"}
        tags = marked if len(marked) <= MOST_TAGS else None
        with self._trying_to(f"enable version {version.id} of", name):
            self._client().update_secret_properties(
                name, version.id, enabled=True, tags=tags, raw_response_hook=self._note_time, **_ONCE
            )

    def disable_again(self, name: str, version: Version, *, once: bool = False) -> None:
        """Disable a version and remove the mark of a restore. With `once` a time-out is not retried. Requires set."""
        tags = {tag: text for tag, text in version.tags.items() if tag != ENABLED_FOR_RESTORE}
        with self._trying_to(f"disable version {version.id} of", name):
            self._client().update_secret_properties(
                name,
                version.id,
                enabled=False,
                tags=tags,
                raw_response_hook=self._note_time,
                **(_ONCE if once else {}),
            )

    def must_be_deleted(self, name: str) -> str:
        """Return the name of a deleted secret as the vault spells it. Requires get.

        Raises:
            NotFoundError: There is none.
        """
        with self._trying_to("look at the deleted", name):
            return str(self._client().get_deleted_secret(name, raw_response_hook=self._note_time).name)

    def recover(self, name: str) -> str:
        """Recover a deleted secret with all its versions, wait for it, and return its name as the vault spells it.

        Requires recover.

        Raises:
            NotFoundError: No deleted secret has that name.
            AzureUnreachableError: It is being recovered, and takes longer than usual.
        """
        seconds = min(RECOVERY_SECONDS, self._clients.limits.azure_deadline_seconds)
        with self._trying_to("recover the deleted", name):
            recovering = str(self._client().begin_recover_deleted_secret(name).result().name)  # without a wait
        if not self._comes_back(name, seconds):
            raise AzureUnreachableError(
                f"The vault took the recovery of {self.quoted(name)}, but it was not there after {seconds:g} s. "
                "Look again later."
            )
        return recovering

    def _comes_back(self, name: str, seconds: float) -> bool:
        """Wait for a secret that is being recovered. The SDK's own wait would leave a thread that asks for ever."""
        give_up_at = time.monotonic() + seconds
        while True:
            if self.has(name):
                return True
            if time.monotonic() + RECOVERY_POLL_SECONDS > give_up_at:
                return False
            time.sleep(RECOVERY_POLL_SECONDS)

    def _client(self) -> "SecretClient":
        return self._clients.secrets(self._discovery.deployment().vault_url)

    def _note_time(self, response: Any) -> None:  # noqa: ANN401 - azure-core is not imported for a type
        date = response.http_response.headers.get("Date")
        if date:
            with self._lock:
                self._clock = (parsedate_to_datetime(date), time.monotonic())


def is_guid(text: str) -> bool:
    """Tell whether a text is a GUID in its usual form, such as a tenant's id."""
    parts = [len(part) for part in text.split("-")]
    return parts == [8, 4, 4, 4, 12] and all(digit in "0123456789abcdefABCDEF-" for digit in text)
