"""The weekly and hourly runs. They have no caller, so the log shows all results."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.function_timeout import function_seconds
from backend.configuration.mode import Option
from backend.credentials.kinds import Key
from backend.errors import BackendError, ConflictError
from backend.internal_errors import contained, stack_of
from backend.key_vault.secrets import Version
from backend.key_vault.vault import KeyVault
from backend.rotation.planning.backoff import KeyChoice, is_pulse_due
from backend.rotation.results import Rotation
from backend.rotation.running.context import RestartRight
from backend.rotation.service import HTTP_SECONDS, WEEKLY, KeyRotation, RunResult

logger = logging.getLogger("cipp.rotation")
CATCH_UP: Final = "the hourly catch-up"
# Before the host stops the function. Loading Python and the SDKs counts, too. In 40 s of it, the state of the
# installation is logged for alerts (backend.health.watch).
TIMER_MARGIN_SECONDS: Final = 60.0


class RotationByClock:
    """The functions of the timers, each within the time limit of the host."""

    def __init__(self, rotation: KeyRotation, clients: Clients, vault: KeyVault, environ: Mapping[str, str]) -> None:
        self._rotation = rotation
        self._clients = clients
        self._vault = vault
        self._environ = environ
        self._journal = rotation.journal

    def weekly(self) -> None:
        """Do the weekly run, and log the result of each key."""
        if not self._rotates(WEEKLY):
            return
        host_stops = Deadline.after(function_seconds(self._environ))
        if not self._must_wait(WEEKLY):
            self._by_timer(WEEKLY, KeyChoice.ALL, host_stops)

    def catch_up(self, host_stops: Deadline | None = None) -> Mapping[str, Version] | None:
        """Finish the weekly run, and check each key by signing in once in `KEY_ROTATION_PULSE_HOURS`.

        Return the versions that the vault served when it was listed, None if it was not listed or was changed since. If
        this installation does not rotate keys, it only checks them. `host_stops` is when the host stops the function.
        By default, the function starts now.

        Failing keys are retried with exponential backoff. A key that the check finds revoked or expired is rotated
        immediately, also while the timers wait for CIPP's own jobs. The vault is listed once an hour, which takes 400
        calls for 10,000 tenants.
        """
        if host_stops is None:
            host_stops = Deadline.after(function_seconds(self._environ))
        deadline = host_stops.plus(-TIMER_MARGIN_SECONDS)
        waits = not self._rotates(CATCH_UP) or self._must_wait(CATCH_UP)
        result = None if waits else self._by_timer(CATCH_UP, KeyChoice.RETRY, host_stops)
        listed = result.listed if result else None
        unchanged = None if result and _changed_a_key(result) else listed
        hours = self._clients.limits.key_rotation_pulse_hours
        if deadline.expired:
            logger.info("Hourly catch-up reached its time limit. This hour's sign-in checks are deferred.")
            return unchanged
        if not hours:
            return unchanged
        try:
            with contained("The sign-in check of the keys"):
                if listed is None:
                    listed = unchanged = self._listed_by(deadline)
                revoked = self._revoked_of_this_hour(listed, hours, min(deadline.left, HTTP_SECONDS))
        except ConflictError:
            logger.info("Another key check is running. This hour's sign-in checks are deferred.")
            return unchanged
        except BackendError as error:
            _log(f"Sign-in check of the keys failed: {error}", error)
            return unchanged
        if revoked and self._rotation.mode.allows(Option.ROTATION):
            self._by_timer(CATCH_UP, revoked, host_stops, doubt=True)
            return None
        return unchanged

    def _listed_by(self, deadline: Deadline) -> Mapping[str, Version]:
        """Return the versions that the vault serves."""
        listing = background.start(self._vault.served, name="list the vault")
        by = min(deadline, Deadline.after(HTTP_SECONDS))  # the host may set no limit
        return background.by(by, listing, what="list the vault's secrets")

    def _rotates(self, by: str) -> bool:
        """Return whether this installation rotates keys. The log shows it if it does not."""
        rotates = self._rotation.mode.allows(Option.ROTATION)
        if not rotates:
            logger.info("Rotation by %s not started: ENABLE_ROTATION is off, so the keys are only checked.", by)
        return rotates

    def _must_wait(self, by: str) -> bool:
        """Return whether CIPP's own jobs may run now, so that the first run after them renews the keys."""
        try:
            with contained("The time of CIPP's own jobs"):
                until = self._rotation.paused_until()
        except BackendError as error:
            _log(f"The time of CIPP's own jobs is unknown, so {by} does not wait for them. {error}", error)
            return False
        if until:
            logger.info("Rotation by %s waits for CIPP's own jobs until %s.", by, until.isoformat(timespec="minutes"))
        return until is not None

    def _revoked_of_this_hour(self, listed: Mapping[str, Version], hours: int, most_seconds: float) -> list[Key]:
        """Sign in with the keys of this hour, and return those that Microsoft Entra ID refused for good."""
        keys = self._rotation.keys_in(listed)
        memories, now = self._journal.keys(), self._vault.now()
        turn = [key for key in keys if is_pulse_due(key.name, memories.get(key.name.lower()), now, hours)]
        proofs = self._rotation.prove_by_timer(turn, most_seconds) if turn else {}
        for proof in proofs.values():
            if proof.outcome == "dead":
                logger.error("Key %s revoked or expired: %s %s", proof.name, proof.reason, proof.advice)
        return [key for key in turn if proofs[key.name.lower()].outcome == "dead"]

    def _by_timer(
        self,
        by: str,
        keys: KeyChoice | Sequence[Key],
        host_stops: Deadline,
        *,
        doubt: bool = False,
    ) -> RunResult | None:
        """Do a run and log it. Return None if it failed."""
        margin = min(TIMER_MARGIN_SECONDS, function_seconds(self._environ) / 2)
        most_seconds = host_stops.at - margin - time.monotonic()
        try:
            with contained(f"The rotation by {by}"):
                result = self._rotation.run(
                    by=by,
                    keys=keys,
                    most_seconds=most_seconds,
                    doubt=doubt,
                    quiet=by == CATCH_UP,
                    restart=RestartRight.NOT_FOR_WAITING if by == CATCH_UP else RestartRight.NOW,
                )
        except ConflictError as error:
            logger.warning("Rotation by %s skipped: %s", by, error)
        except BackendError as error:
            _log(f"Rotation by {by} failed before it touched a key: {error}", error)
            self._rotation.report_untouched(by, error)
        else:
            _log_result(result.rotation, by)
            return result
        return None


def _changed_a_key(result: RunResult) -> bool:
    """Return whether the vault may serve something else since the start of a run. Pure."""
    return any(key.outcome in ("rotated", "failed") for key in result.rotation.keys)


def _log_result(rotation: Rotation, by: str) -> None:
    """Log the warnings of a run and what became of each key."""
    level = logging.INFO if by == CATCH_UP else logging.WARNING  # the catch-up repeats its warnings every hour
    for warning in rotation.warnings:
        logger.log(level, "Rotation %s: %s", rotation.run_id, warning)
    for key in rotation.keys:
        level = logging.ERROR if key.outcome == "failed" else logging.INFO
        logger.log(level, "Rotation %s: %s %s. %s", rotation.run_id, key.name, key.outcome, key.text)


def _log(event: str, error: BackendError) -> None:
    """Log a failure and its origin, without a traceback, which would show error texts of the libraries."""
    logger.error("%s", event, extra={"stack": stack_of(error)})
