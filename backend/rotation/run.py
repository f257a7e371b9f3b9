"""One run: what it read at its start, and the one way in which it stores a new key."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from backend.clients import Clients
from backend.entra import Entra, SamApp
from backend.errors import AzureUnreachableError, ConflictError
from backend.key_vault import ROTATED_BY, KeyVault, Stored
from backend.rotation.lock import Held
from backend.rotation.plan import IDENTITY_NAMES
from backend.values import SecretText

OUR_NAME = "CIPP Backend"


@dataclass(frozen=True)
class Run:
    """One run of the rotation. `identity` is what ApplicationID and TenantID were when it began."""

    id: str
    clients: Clients
    vault: KeyVault
    entra: Entra
    held: Held
    app: SamApp
    identity: Mapping[str, str]
    ends_at: float

    @property
    def time_is_over(self) -> bool:
        """Tell whether no further key may be begun: the host kills a function that takes too long."""
        return time.monotonic() >= self.ends_at

    def store(
        self,
        served: Stored,
        value: SecretText,
        *,
        content_type: str,
        expires: datetime,
        tags: Mapping[str, str] | None = None,
    ) -> Stored:
        """Put a proven key on top of what the vault served, and read it back.

        Raises:
            ConflictError: Someone else changed the key or CIPP's app meanwhile: theirs stays. Or the lock is lost.
            AzureError: It is not stored, or what the vault serves now could not be read.
        """
        self._refuse_if_changed(served)
        self.held.must_hold()
        try:
            self.vault.store(
                served.name,
                value,
                tags={ROTATED_BY: OUR_NAME, "rotation-run": self.id, **(tags or {})},
                content_type=content_type,
                expires=expires,
            )
        except AzureUnreachableError:
            # Cut off: the vault itself tells whether it is stored.
            back = self.vault.read(served.name)
            if back.value != value:
                raise
            return back
        back = self.vault.read(served.name)
        if back.value != value:
            raise ConflictError(f"Someone else stored '{served.name}' right after this run did; theirs stays.")
        return back

    def _refuse_if_changed(self, served: Stored) -> None:
        current = self.vault.read(served.name)
        if current.version != served.version:
            raise ConflictError(f"Someone else stored '{served.name}' meanwhile; theirs stays, ours was not stored.")
        for name in IDENTITY_NAMES:
            if self.vault.read(name).value.reveal() != self.identity[name]:
                raise ConflictError(f"Someone changed '{name}' meanwhile, so '{served.name}' was left alone.")
