"""The rotation that the clock starts, every week and every hour. Nobody reads an answer, so the log tells all."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

from backend.clients import Clients
from backend.errors import BackendError, ConflictError
from backend.function_timeout import function_seconds
from backend.key_vault import KeyVault
from backend.rotation.keys import Key, keys_in
from backend.rotation.restarts import RestartRight
from backend.rotation.service import HTTP_SECONDS, WEEKLY, KeyRotation, Order
from backend.rotation.turns import is_its_turn, is_pulse_due
from backend.stack import stack_of
from backend.vault_secret import Version

logger = logging.getLogger("cipp.rotation")
CATCH_UP: Final = "the hourly catch-up"
TIMER_MARGIN_SECONDS: Final = 60.0  # before the host ends the function: Python and the SDKs are loaded in it, too


class RotationByClock:
    """What the timers start, each within the time that the host gives a function."""

    def __init__(self, rotation: KeyRotation, clients: Clients, vault: KeyVault, environ: Mapping[str, str]) -> None:
        self._rotation = rotation
        self._clients = clients
        self._vault = vault
        self._environ = environ
        self._journal = rotation.journal

    def weekly(self) -> None:
        """Do the week's run as the timer does: nobody reads an answer, so the log tells each key."""
        self._by_timer(WEEKLY, keys_in, self._vault.served)

    def catch_up(self) -> None:
        """Finish what the week's run left, and prove each key once in `KEY_ROTATION_PULSE_HOURS`.

        Failing keys are tried again with growing waits. A key whose proof calls it dead is worked through at once. The
        vault is listed once an hour, which is 400 calls for 10,000 tenants.
        """
        began = time.monotonic()
        listing = cache(self._vault.served)
        self._by_timer(CATCH_UP, self._keys_whose_turn_it_is, listing)
        hours = self._clients.limits.key_rotation_pulse_hours
        left = began + function_seconds(self._environ) - TIMER_MARGIN_SECONDS - time.monotonic()
        if left <= 0:
            logger.info("The catch-up took its time: the keys of this hour are proven in the next one")
            return
        try:
            dead = self._dead_of_this_hour(listing(), hours, min(left, HTTP_SECONDS)) if hours else []
        except ConflictError:
            logger.info("Another key check is running: the keys of this hour are proven in the next one")
            return
        except BackendError as error:
            _log(f"The sign-in check of the keys failed: {error}", error)
            return
        if dead:
            self._by_timer(CATCH_UP, lambda _: dead, dict, doubt=True, spent=time.monotonic() - began)

    def _dead_of_this_hour(self, listing: Mapping[str, Version], hours: int, most_seconds: float) -> list[Key]:
        """Sign in with the keys whose hour it is, and return those that Entra refused for good."""
        keys = keys_in(listing)
        memories, now = self._journal.keys(), self._vault.now()
        turn = [key for key in keys if is_pulse_due(key.name, memories.get(key.name.lower()), now, hours)]
        proofs = self._rotation.prove_by_timer(turn, most_seconds) if turn else {}
        for proof in proofs.values():
            if proof.outcome == "dead":
                logger.error("The key %s is dead: %s %s", proof.name, proof.reason, proof.advice)
        return [key for key in turn if proofs[key.name.lower()].outcome == "dead"]

    def _by_timer(
        self,
        by: str,
        keys: Callable[[Mapping[str, Version]], Sequence[Key]],
        listing: Callable[[], Mapping[str, Version]],
        *,
        doubt: bool = False,
        spent: float = 0,
    ) -> None:
        killed_after = function_seconds(self._environ)
        most_seconds = max(killed_after - TIMER_MARGIN_SECONDS, killed_after / 2) - spent
        try:
            rotation = self._rotation.run(
                Order(
                    by=by,
                    keys=keys,
                    listing=listing,
                    most_seconds=most_seconds,
                    doubt=doubt,
                    quiet=by == CATCH_UP,
                    restart=RestartRight.NOT_FOR_WAITING if by == CATCH_UP else RestartRight.NOW,
                )
            )
        except ConflictError as error:
            logger.warning("Rotation by %s did not run: %s", by, error)
        except BackendError as error:
            _log(f"Rotation by {by} failed before it touched a key: {error}", error)
            self._rotation.tell_of_untouched(by, error)
        else:
            for warning in rotation.warnings:
                # The catch-up would say the same every hour.
                logger.log(
                    logging.INFO if by == CATCH_UP else logging.WARNING, "Rotation %s: %s", rotation.run_id, warning
                )
            for key in rotation.keys:
                level = logging.ERROR if key.outcome == "failed" else logging.INFO
                logger.log(level, "Rotation %s: %s %s. %s", rotation.run_id, key.name, key.outcome, key.reason)

    def _keys_whose_turn_it_is(self, listing: Mapping[str, Version]) -> Sequence[Key]:
        memories, now = self._journal.keys(), self._vault.now()
        return [key for key in keys_in(listing) if is_its_turn(memories.get(key.name.lower()), now)]


def _log(event: str, error: BackendError) -> None:
    """Log a failure and where it comes from, without a traceback: that shows the texts of the libraries' errors."""
    logger.error("%s", event, extra={"stack": stack_of(error)})
