"""The lines of the log on which the alerts outside CIPP depend. The hourly timer writes them.

The alert rules of deploy/azuredeploy.json look for the fields `event`, `daysLeft` and `state`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.installation.states.state import State
from backend.internal_errors import contained, stack_of
from backend.key_vault.secrets import Version
from backend.rotation.service import KeyRotation

logger = logging.getLogger("cipp.watch")
WORKS_UNTIL: Final = "WorksUntil"
SEVERE_STATE: Final = "SevereState"
STATES_WAIT_SECONDS: Final = 30.0
SECONDS_OF_A_DAY: Final = 86_400


class Watch:
    """The service that logs the state of the installation for alerts."""

    def __init__(self, rotation: KeyRotation, states: Callable[[Deadline], Sequence[State]]) -> None:
        self._rotation = rotation
        self._states = states

    def log_state(self, listed: Mapping[str, Version] | None) -> None:
        """Log until when CIPP keeps working, and each severe state. A failure is a line of its own.

        `listed` are the versions that the vault serves, if the caller has just listed them.
        """
        self._contained("The time until which CIPP keeps working", lambda: self._log_works_until(listed))
        self._contained("The state of the installation", self._log_states)

    def _log_works_until(self, listed: Mapping[str, Version] | None) -> None:
        overview = self._rotation.overview(listed=listed)
        until = overview.works_until
        if until is None:
            logger.warning("CIPP's keys: %s", overview.sentence, extra={"event": WORKS_UNTIL})
            return
        days = round((until - self._rotation.services.vault.now()).total_seconds() / SECONDS_OF_A_DAY, 2)
        fields = {"event": WORKS_UNTIL, "worksUntil": until.isoformat(), "daysLeft": days}
        logger.info("CIPP's keys: %s", overview.sentence, extra=fields)

    def _log_states(self) -> None:
        for state in self._states(Deadline.after(STATES_WAIT_SECONDS)):
            if state.is_severe:
                logger.error("State %s: %s", state.code, state.text, extra={"event": SEVERE_STATE, "state": state.code})

    def _contained(self, what: str, work: Callable[[], None]) -> None:
        try:
            with contained(what):
                work()
        except BackendError as error:
            logger.warning("%s is unknown: %s", what, error, extra={"stack": stack_of(error)})
