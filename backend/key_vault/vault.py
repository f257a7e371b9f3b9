"""The key vault: list, read, store and recover secrets. Values stay in `SecretText`."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed, sent
from backend.concurrency import background
from backend.concurrency.deadline import Deadline, poll
from backend.errors import (
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    ConflictError,
    NotFoundError,
    UnreadableResponseError,
)
from backend.installation.discovery import Discovery
from backend.key_vault.secrets import (
    ENABLED_FOR_RESTORE,
    Secret,
    Stored,
    Version,
    name_of,
    secret_of,
    stored_of,
    version_of,
)
from backend.readings import Json, http_time_or_none
from backend.text.quoting import WITHHELD, by_lower_case, spelled
from backend.values import SecretText

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

logger = logging.getLogger("cipp.vault")
RECOVERY_SECONDS = 20.0  # 2 to 20 s are reported, in rare cases minutes
RECOVERY_POLL_SECONDS = 1.0
T = TypeVar("T")
DELETED = "ObjectIsDeletedButRecoverable"
_ONCE: Mapping[str, Any] = MappingProxyType({"retry_read": 0})
MOST_TAGS = 15  # Key Vault's own limit
READERS = 8  # concurrent calls. The vault allows 4,000 in 10 s.


class DisabledError(AzureRefusedError):
    """The requested version is disabled."""


class MissingError(NotFoundError):
    """The vault has no secret with the name `secret`."""

    def __init__(self, detail: str, *, secret: str, advice: str) -> None:
        super().__init__(detail, advice=advice)
        self.secret = secret


class DeletedError(ConflictError):
    """The secret was deleted, and the caller did not allow its recovery."""


class UnreadableVersionsError(AzureUnreachableError):
    """The vault's list of a secret's versions does not have the documented form."""


class StaleListError(ConflictError):
    """The vault's list does not have the current version yet, and a read does not show it."""


class KeyVault:
    """The service of CIPP's vault. Requires secret permissions get list set recover, or Key Vault Secrets Officer."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery
        self._lock = threading.Lock()
        self._clock: tuple[datetime, float] | None = None
        self._confirmed: Mapping[str, str] = MappingProxyType({})

    @property
    def name(self) -> str:
        """The vault's name, or "" if unknown."""
        return self._discovery.deployment().vault_name or ""

    def spelled(self, name: str) -> str:
        """Return a secret's name for messages: unchanged if it looks like a name, else as in the vault's list."""
        return spelled(name, self._confirmed)

    def quoted(self, name: str) -> str:
        """Return the name for messages in quotes."""
        return f"'{self.spelled(name)}'"

    def _trying_to(self, verb: str, name: str, place: str = "") -> AbstractContextManager[None]:
        """Return `while_trying_to` for a secret. If its name is withheld, it is also removed from Azure's message."""
        hidden = (name,) if self.spelled(name) == WITHHELD else ()
        return while_trying_to(f"{verb} secret {self.quoted(name)}{place}", withhold=hidden)

    def now(self) -> datetime:
        """Return the vault's time, from the `Date` of its last response. Before the first it is this machine's."""
        with self._lock:
            if self._clock is None:
                return datetime.now(UTC)
            date, at = self._clock
        return date + timedelta(seconds=time.monotonic() - at)

    def secrets(self) -> list[Secret]:
        """Return the secrets with their current versions, by name. Requires list."""
        served = self.served()
        names = sorted(served, key=str.lower)
        secrets = background.each(
            partial(self._listed_secret, served),
            names,
            threads=READERS,
            name="read versions",
            waits_after_failure=False,
        )
        return [secret for secret in secrets if secret]

    def _listed_secret(self, served: Mapping[str, Version], name: str) -> Secret | None:
        """Return a secret for the list, None if it is gone. If its versions can't be read, it stays in the list."""
        try:
            versions = self.versions(name, waits=False)
        except (UnreadableVersionsError, AzureRefusedError) as error:
            if isinstance(error, AzureRefusedError) and error.is_missing_right:
                raise
            logger.warning("%s", error)
            return secret_of(name, served[name])
        return secret_of(name, versions[0], version=versions[0].id) if versions else None

    def names(self) -> list[str]:
        """Return the sorted names of the vault's secrets, in their original case. Requires list."""
        return sorted(self.served(), key=str.lower)

    def served(self) -> dict[str, Version]:
        """Return each secret's current version, by name as first stored. Requires list.

        The `id` of these versions is meaningless: the vault's list of secrets does not name versions.
        """
        with while_trying_to(f"list the secrets of key vault '{self.name}'"):
            secrets = listed(self._client().list_properties_of_secrets, hook=self._note_time)
        served = {name: version_of(secret) for secret in secrets if (name := name_of(secret))}
        if len(served) < len(secrets):
            logger.warning("Key Vault listed %d secrets without a name.", len(secrets) - len(served))
        self._confirmed = by_lower_case(served)
        return served

    def versions(self, name: str, *, waits: bool = True) -> list[Version]:
        """Return a secret's versions, the current one first, then the newest. Empty if it is gone. Requires list.

        The vault's list may lag behind. `current_versions` does not. For `waits`, see `read`.
        """
        versions = self._listed_versions(name, waits=waits)
        if not all(version.is_complete for version in versions):
            return self.current_versions(name)  # the order of the list is not certain
        if len(versions) > 1 and versions[0].created == versions[1].created:
            # The list has no order, and times have whole seconds. A read shows which version of that second is current.
            served = self._served_among(name, [v for v in versions if v.created == versions[0].created])
            versions.sort(key=lambda found: found.id != served)
        return versions

    def current_versions(self, name: str) -> list[Version]:
        """Return the versions of a secret, first the current one by a read. Empty if the secret is gone.

        The vault's list may lag behind: it may lack versions or show old dates, tags and states. The first version is
        up to date, the others are as listed. Requires get and list.

        Raises:
            StaleListError: The current version is disabled, and the list does not have it yet.
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
        """Return whether the vault has a secret now, regardless of its list. Requires get.

        If this app lacks the permission to read the secret, it counts as existing.

        Raises:
            AzureRefusedError: The vault refused for a reason unrelated to the secret, such as its firewall.
        """
        try:
            self.read(name)
        except NotFoundError:
            return False
        except DisabledError:
            return True
        except AzureRefusedError as error:
            if not error.is_missing_right:
                raise
        return True

    def _listed_versions(self, name: str, *, waits: bool = True) -> list[Version]:
        """Return a secret's versions in the vault's list, the newest first. Those of the same second have no order."""

        def once() -> list[Json]:
            with self._trying_to("list the versions of", name):
                try:
                    return listed(self._client().list_properties_of_secret_versions, name, hook=self._note_time)
                except UnreadableResponseError as error:
                    raise UnreadableVersionsError(
                        f"Couldn't list the versions of secret {self.quoted(name)}: {error}", advice=error.advice
                    ) from error

        found = self._settled(once, waits=waits)
        return sorted(map(version_of, found), key=lambda version: version.created, reverse=True)

    def _disabled_among(self, name: str, listed: Sequence[Version]) -> Version:
        """Return the current version if it is disabled. A read without its ID only shows that it is disabled."""
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
            f"Couldn't find the current version of {self.quoted(name)}: it is disabled, and Key Vault does not list it "
            "yet.",
            advice="Try again in a minute.",
        )

    def _served_among(self, name: str, latest: Sequence[Version]) -> str:
        """Return which of the latest versions is current. The vault does not return the ID of a disabled one."""
        try:
            return self.read(name).version
        except DisabledError:
            return next((version.id for version in latest if not version.enabled), latest[0].id)

    def read(self, name: str, version: str | None = None, *, waits: bool = True) -> Stored:
        """Return a secret with its value. The default `version` is the current one. Requires get.

        With `waits`, the read is retried for up to `RECOVERY_SECONDS` while the vault recovers or deletes the secret.

        Raises:
            MissingError: The vault does not have the secret.
            NotFoundError: The secret does not have the version.
            DisabledError: It is disabled (403 SecretDisabled).
            AzureRefusedError: This app lacks the permission.
        """
        return self._secret(name, version, waits=waits)[1]

    def _served_version(self, name: str) -> Version:
        return self._secret(name)[0]

    def _secret(self, name: str, version: str | None = None, *, waits: bool = True) -> tuple[Version, Stored]:
        def once() -> tuple[Version, Stored]:
            with self._trying_to("read", name, f" of key vault '{self.name}'"):
                found = fetched(self._client().get_secret, name, version, hook=self._note_time)
                return version_of(found), stored_of(found, self.now())

        try:
            return self._settled(once, waits=waits)
        except NotFoundError as error:
            if version:
                raise
            raise self._missing(name, f"If it was deleted, {self._recovery(name)}.") from error
        except AzureRefusedError as error:
            if error.has_code("SecretDisabled"):
                raise DisabledError(
                    error.detail, status=error.status, code=error.code, cause=error.cause, advice=error.advice
                ) from error
            raise

    def missing(self, name: str, otherwise: str) -> MissingError:
        """Return the error for a missing secret, which states whether it can be recovered. Requires get.

        `otherwise` is what to do if the vault has no deleted secret with that name either.
        """
        try:
            self.must_be_deleted(name, waits=False)
        except NotFoundError:
            return self._missing(name, f"It was not deleted either, so it can't be recovered. {otherwise}")
        except BackendError:  # whether it can be recovered is unknown
            return self._missing(name, f"If it was deleted, {self._recovery(name)}. Otherwise: {otherwise}")
        return self._missing(name, f"It was deleted. To recover it, {self._recovery(name)}. Or: {otherwise}")

    def _missing(self, name: str, advice: str) -> MissingError:
        detail = f"Key vault '{self.name}' has no secret {self.quoted(name)}."
        return MissingError(detail, secret=name, advice=advice)

    def _recovery(self, name: str) -> str:
        return f"call ExecKeyVaultSecretRecover with the Name {self.quoted(name)}, which restores all its versions"

    def store(  # noqa: PLR0913 - all that a version is
        self,
        name: str,
        value: SecretText,
        *,
        tags: Mapping[str, str],
        content_type: str,
        expires: datetime | None,
        recovers: bool = True,
        waits: bool = True,
    ) -> Stored:
        """Store a new version. With `recovers`, a deleted secret is recovered first. Requires set and recover.

        The request is not retried after an interruption: it may have worked, and a retry would store a second version.
        With `waits`, it is retried for up to `RECOVERY_SECONDS` while the vault recovers or deletes the secret. Without
        `waits`, the caller first checks what others stored.

        Raises:
            DeletedError: The secret is deleted, and `recovers` is off. Nothing was stored.
            AzureRefusedError: 429 if the vault is too busy. `is_settling` if it is still recovering or deleting the
                secret. Nothing was stored, and the message states which version is current now.
            AzureUnreachableError: The request was interrupted. The version may be stored, so read it back.
        """

        def once() -> Stored:
            with self._trying_to("store", name, f" in key vault '{self.name}'"):
                found = fetched(
                    self._client().set_secret,
                    name,
                    value.reveal(),
                    tags=dict(tags),
                    content_type=content_type,
                    expires_on=expires,
                    retry_total=0,
                    hook=self._note_time,
                )
                return stored_of({**found, "value": value.reveal()}, self.now())

        try:
            return self._settled(once, waits=waits)
        except AzureRefusedError as error:
            if error.is_settling and waits:
                error.add_context(after=f"Nothing was stored. {self.current_state(name)}")
            if not error.has_code(DELETED):
                raise
            if not recovers:
                raise DeletedError(f"{self.quoted(name)} was deleted in the meantime. It stays deleted.") from error
        self._begin_recovery(name)
        try:
            return self._settled(once, waits=waits, also=DELETED)
        except AzureRefusedError as error:
            done = f"Nothing was stored. {self.quoted(name)} was deleted, and its recovery was started."
            error.add_context(after=f"{done} {self.current_state(name)}")
            raise

    def current_state(self, name: str) -> str:
        """Return a sentence with the current version of a secret, without waiting for a recovery. Requires get."""
        try:
            served = self._secret(name, waits=False)[0]
        except NotFoundError:
            return f"Key Vault does not show {self.quoted(name)} now. Check again in a minute."
        except DisabledError:
            return f"A disabled version of {self.quoted(name)} is current now."
        except BackendError:
            return f"The current version of {self.quoted(name)} is unknown. Check again in a minute."
        stored = f", of {served.created:%Y-%m-%d %H:%M} UTC," if served.known_created else ""
        return f"Version {served.id} of {self.quoted(name)}{stored} is current now."

    def _settled(self, once: Callable[[], T], *, waits: bool = True, also: str = "") -> T:
        """Return the result of a call, retried while the vault is recovering or deleting the secret.

        It is retried only with `waits`. `also` is a code with the same meaning after the start of a recovery.
        """

        def is_settling(error: Exception) -> bool:
            return isinstance(error, AzureRefusedError) and (error.is_settling or bool(also and error.has_code(also)))

        deadline = Deadline.after(self._settling_seconds if waits else 0)
        return poll(
            once,
            every=RECOVERY_POLL_SECONDS,
            deadline=deadline,
            is_done=lambda _: True,
            may_pass=is_settling,
        )

    @property
    def _settling_seconds(self) -> float:
        return min(RECOVERY_SECONDS, self._clients.limits.azure_deadline_seconds)

    def disable(self, name: str, version: str) -> None:
        """Disable one version. Requires set."""
        self._update(f"disable version {version} of", name, version, enabled=False)

    def enable_for_restore(self, name: str, version: Version) -> None:
        """Enable an old version and, in the same call, mark it to be disabled again. Requires set.

        A timeout is not retried. A version that already has `MOST_TAGS` tags does not get the mark. That a PATCH
        replaces all tags was seen in the sandbox only.
        """
        marked = {**version.tags, ENABLED_FOR_RESTORE: f"{self.now():%Y-%m-%dT%H:%M:%SZ}"}
        tags = marked if len(marked) <= MOST_TAGS and version.is_complete else None
        self._update(f"enable version {version.id} of", name, version.id, enabled=True, tags=tags, **_ONCE)

    def disable_again(self, name: str, version: Version, *, once: bool = False) -> None:
        """Disable a version and remove the mark of a restore. With `once`, a timeout is not retried. Requires set."""
        tags = {tag: text for tag, text in version.tags.items() if tag != ENABLED_FOR_RESTORE}
        changed = {"tags": tags} if version.is_complete else {}  # a PATCH replaces all tags
        options = _ONCE if once else {}
        self._update(f"disable version {version.id} of", name, version.id, enabled=False, **changed, **options)

    def _update(self, verb: str, name: str, version: str, **changes: Any) -> None:  # noqa: ANN401 - the SDK's own arguments
        def once() -> None:
            with self._trying_to(verb, name):
                sent(self._client().update_secret_properties, name, version, hook=self._note_time, **changes)

        self._settled(once)

    def must_be_deleted(self, name: str, *, waits: bool = True) -> str:
        """Return the name of a deleted secret as the vault spells it. Requires get.

        Raises:
            NotFoundError: No deleted secret has that name.
        """

        def once() -> str:
            with self._trying_to("read the deleted", name):
                return name_of(fetched(self._client().get_deleted_secret, name, hook=self._note_time)) or name

        return self._settled(once, waits=waits)

    def recover(self, name: str) -> str:
        """Recover a deleted secret with all its versions, wait for it, and return its name as the vault spells it.

        Requires recover.

        Raises:
            NotFoundError: No deleted secret has that name.
            AzureUnreachableError: The recovery takes longer than usual.
        """
        recovering = self._begin_recovery(name)
        if not self._comes_back(name):
            raise AzureUnreachableError(
                f"Key Vault accepted the recovery of {self.quoted(name)}, but it did not finish within "
                f"{self._settling_seconds:g} s.",
                advice="Check again later.",
            )
        return recovering

    def _begin_recovery(self, name: str) -> str:
        """Start a recovery, and return the name as the vault spells it. It may already be in progress."""

        def once() -> str:
            with self._trying_to("recover the deleted", name):
                return name_of(fetched(self._client().begin_recover_deleted_secret, name)) or name  # without a wait

        try:
            return once()
        except AzureRefusedError as error:
            if error.has_code("ObjectIsBeingRecovered"):
                return name
            if not error.is_settling:
                raise
        return self._settled(once)  # it is still being deleted

    def _comes_back(self, name: str) -> bool:
        """Return whether a secret is recovered in time. The SDK's own wait would leave a thread that polls forever."""

        def is_back() -> bool:
            try:
                return self.has(name)
            except AzureRefusedError as error:
                if not error.is_settling:
                    raise
                return False

        deadline = Deadline.after(self._settling_seconds)
        return poll(is_back, every=RECOVERY_POLL_SECONDS, deadline=deadline, is_done=bool)

    def _client(self) -> "SecretClient":
        return self._clients.secrets(self._discovery.deployment().vault_url)

    def _note_time(self, response: Any) -> None:  # noqa: ANN401 - azure-core is not imported for a type
        if moment := http_time_or_none(response.http_response.headers.get("Date")):
            with self._lock:
                self._clock = (moment, time.monotonic())
