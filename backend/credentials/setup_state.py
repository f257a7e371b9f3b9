"""Whether CIPP's setup is complete: the vault holds no placeholders of its template. Requires get on its secrets."""

from functools import partial
from typing import Final

from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.credentials.kinds import is_placeholder
from backend.errors import BackendError
from backend.key_vault.vault import KeyVault

# The client secret stays a placeholder in a CIPP that signs in with its certificate alone.
_NAMES: Final = ("ApplicationID", "RefreshToken")
WAIT_SECONDS: Final = 0.5  # `me` must not become slow with the vault
FAILURE_SECONDS: Final = 5.0


class SetupState:
    """The service of the setup's state. A complete setup stays complete, so it is not read again."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self._is_complete = False
        self._reading = Cached(
            self._read,
            action="check whether CIPP is set up",
            lifetime=0.0,  # an incomplete setup is read again by each request
            failure_seconds=FAILURE_SECONDS,
            wait_seconds=WAIT_SECONDS,
        )

    def is_complete(self) -> bool | None:
        """Return whether the setup is complete. False only if the vault was just read. None if that was not possible.

        It waits for at most `WAIT_SECONDS`.
        """
        if self._is_complete:
            return True
        try:
            self._is_complete = self._reading.get()
        except BackendError:
            return None
        return self._is_complete

    def _read(self) -> bool:
        reads = [background.start(partial(self._value, name), name=f"read {name}") for name in _NAMES]
        values = [read.result() for read in reads]
        return not any(map(is_placeholder, values))

    def _value(self, name: str) -> str:
        return self._vault.read(name).value.reveal()
