"""The lines of the log on which the alerts outside CIPP depend. The hourly timer writes them.

The alert rules of deploy/azuredeploy.json look for the fields `event`, `daysLeft`, `daysAtMost` and `state`. What is
unknown has a line, too, so that an alert never ends because something can't be read.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.installation_states import Look
from backend.internal_errors import contained, stack_of
from backend.key_vault.secrets import Version
from backend.rotation.results import KeyOverview, KeyState
from backend.rotation.service import KeyRotation

logger = logging.getLogger("cipp.watch")
WORKS_UNTIL: Final = "WorksUntil"
SIGN_IN_WORKS_UNTIL: Final = "SignInWorksUntil"  # only of a CIPP whose users sign in with a secret of its own
SEVERE_STATE: Final = "SevereState"
UNKNOWN: Final = "unknown"  # in the place of a state's code
END_SECONDS: Final = 20.0  # before the host stops the function
STATES_WAIT_SECONDS: Final = 30.0
KEYS_WAIT_SECONDS: Final = 200.0  # the vault may have to be listed, which takes 400 calls for 10,000 tenants
SECONDS_OF_A_DAY: Final = 86_400


class Watch:
    """The service that logs the state of the installation for alerts."""

    def __init__(
        self, rotation: KeyRotation, look: Callable[[Deadline], Look], note_condition: Callable[[Deadline], None]
    ) -> None:
        """Create it. `look` returns the states of the installation from new calls to Azure, by a deadline.

        `note_condition` stores whether CIPP is up, by a deadline.
        """
        self._rotation = rotation
        self._look = look
        self._note_condition = note_condition

    def log_state(self, listed: Mapping[str, Version] | None, host_stops: Deadline) -> None:
        """Log each severe state, and until when CIPP and its sign-in work. What is unknown is a line of its own.

        `listed` are the versions that the vault serves, if the caller has just listed them. `host_stops` is when the
        host stops the function. The work ends before.
        """
        deadline = host_stops.plus(-END_SECONDS)
        self._contained("Whether sign-in of CIPP is on", SEVERE_STATE, lambda: self._log_states(deadline), deadline)
        self._contained(
            "The time until which CIPP keeps working",
            WORKS_UNTIL,
            lambda: self._log_works_until(listed, deadline),
            deadline,
        )
        if not deadline.expired:
            self._note_condition(min(deadline, Deadline.after(STATES_WAIT_SECONDS)))

    def _log_states(self, deadline: Deadline) -> None:
        look = self._look(min(deadline, Deadline.after(STATES_WAIT_SECONDS)))
        for state in look.states:
            if state.is_severe:
                logger.error("State %s: %s", state.code, state.text, extra={"event": SEVERE_STATE, "state": state.code})
        if look.sign_in_problem:
            raise look.sign_in_problem

    def _log_works_until(self, listed: Mapping[str, Version] | None, deadline: Deadline) -> None:
        by = min(deadline, Deadline.after(KEYS_WAIT_SECONDS))
        reading = background.start(lambda: self._rotation.overview(listed=listed), name="read the keys for alerts")
        overview = background.by(by, reading, what="read the state of the keys")
        self._log_sign_in(overview)
        until, fields = overview.works_until, {"event": WORKS_UNTIL}
        if until is None:
            logger.warning("CIPP's keys: %s", overview.sentence, extra=fields)
            return
        days = self._days_to(until)
        is_certain = not unknown_keys(overview.keys)
        logger.log(
            logging.INFO if is_certain else logging.WARNING,
            "CIPP's keys: %s",
            overview.sentence,
            extra={**fields, "worksUntil": until.isoformat(), "daysLeft" if is_certain else "daysAtMost": days},
        )

    def _log_sign_in(self, overview: KeyOverview) -> None:
        """Log until when users can sign in to CIPP. A CIPP of another shape has no such line."""
        if overview.sign_in_sentence is None:
            return
        until, fields = overview.sign_in_works_until, {"event": SIGN_IN_WORKS_UNTIL}
        if until is None:
            logger.warning("CIPP's sign-in: %s", overview.sign_in_sentence, extra=fields)
            return
        days = {"worksUntil": until.isoformat(), "daysLeft": self._days_to(until)}
        logger.info("CIPP's sign-in: %s", overview.sign_in_sentence, extra={**fields, **days})

    def _days_to(self, until: datetime) -> float:
        return round((until - self._rotation.services.vault.now()).total_seconds() / SECONDS_OF_A_DAY, 2)

    def _contained(self, what: str, event: str, work: Callable[[], None], deadline: Deadline) -> None:
        try:
            _must_have_time(deadline)
            with contained(what):
                work()
        except BackendError as error:
            state = {"state": UNKNOWN} if event == SEVERE_STATE else {}
            logger.warning("%s is unknown: %s", what, error, extra={"event": event, **state, "stack": stack_of(error)})


def _must_have_time(deadline: Deadline) -> None:
    if deadline.expired:
        raise BackendError("This run of the timer has no time left.", advice="The next one is in an hour.")


def unknown_keys(keys: Sequence[KeyState]) -> list[str]:
    """Return the names of the keys without which CIPP does not work and whose expiry is unknown. Pure.

    The token of a tenant is not one of them: without it, CIPP works for the other tenants.
    """
    return [key.name for key in keys if key.counts and key.ends is None and key.kind != "TenantRefreshToken"]
