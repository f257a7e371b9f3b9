"""Whether Azure states that App Service lets callers through to this app without a sign-in.

`WEBSITE_AUTH_ENABLED` alone is one variable, and can be set by hand while App Service authentication is off: then any
caller could write the principal's headers. So Resource Manager is called, too. Only its definite word closes the app.
If it refuses, times out or doesn't know this app, the variable decides, and ListBackend reports the problem. After a
definite word only another one counts.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.clients import Clients
from backend.deployment import Deployment
from backend.errors import AzureUnreachableError, BackendError, NotConfiguredError, NotFoundError
from backend.platform_sign_in import auth_settings
from backend.seats import NOT_NEEDED, Seat
from backend.shared_call import MARGIN_SECONDS, SharedCall

logger = logging.getLogger("cipp.access")
WAIT_SECONDS: Final = 2.5  # from the beginning of a look: a request that joins it later waits less
OPEN_SECONDS: Final = 300.0  # then it is looked at again in the background
CLOSED_SECONDS: Final = 15.0  # turning authentication on helps soon
RETRY_SECONDS: Final = 15.0  # after a look that failed
FORBIDDEN: Final = 403
# Where CIPP is, which may be elsewhere than this app.
OF_CIPP: Final = ("CIPP_SUBSCRIPTION_ID", "CIPP_RESOURCE_GROUP")
_DO: Final = "as Deploy in the README shows."
OFF: Final = (
    f"Couldn't verify who you are: App Service authentication is off for this app. Its administrator must turn it on, "
    f"{_DO}"
)
ANONYMOUS: Final = (
    "Couldn't verify who you are: App Service lets anonymous requests through to this app. Its administrator must "
    f"require authentication on every path, {_DO}"
)


@dataclass(frozen=True)
class Verdict:
    """What the last look found, for use until a moment of `time.monotonic`.

    `reason` is why no caller is trusted, "" if the environment decides. If `is_patient`, requests wait for the next
    look.
    """

    reason: str
    until: float
    is_patient: bool


class SignInDoor:
    """The service of that question. Requires Microsoft.Web/sites/config/read on this app (Reader).

    It was never run against real Azure. What Resource Manager shows of an app that was set up by the older
    `authsettings` is not known.
    """

    def __init__(self, environ: Mapping[str, str], clients: Clients) -> None:
        self._environ = environ
        self._clients = clients
        self._lock = threading.Lock()
        self._verdict = Verdict("", until=0.0, is_patient=True)
        self._decided_by = 0.0  # when the look began that the verdict comes from
        self._looks = SharedCall(
            self._look,
            name="look at the sign-in",
            abandoned_seconds=clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
        )

    def reason(self, seat: Seat = NOT_NEEDED) -> str:
        """Return why no caller is trusted, "" if the environment decides.

        The first request waits up to 2.5 s for Azure, and so do requests that would be refused. While Azure times
        out, the others don't wait.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and none is free.
        """
        verdict = self._verdict
        if time.monotonic() < verdict.until:
            return verdict.reason
        with self._lock:
            verdict, now = self._verdict, time.monotonic()
            if now < verdict.until:
                return verdict.reason
            look = self._looks.attempt()
        if verdict.is_patient:
            if not look.done and now < look.began + WAIT_SECONDS:
                seat.take()
            try:
                look.result(look.began + WAIT_SECONDS, what="look at the authentication of this app")
            except AzureUnreachableError:
                logger.info("The authentication of this app is not known yet: Azure takes too long.")
        return self._verdict.reason

    def _look(self) -> None:
        """Look once. The result is a verdict in any case, so that the next look comes later."""
        began = time.monotonic()
        try:
            reason = reason_in(self.settings() or {})
        except BackendError as error:
            self._decide(began, self._failed(error))
            logger.warning("The authentication of this app is not known: %s", error)
        except Exception as error:  # noqa: BLE001 - an internal error must not refuse every caller
            self._decide(began, self._failed(None))
            # Without the error's text, which may hold a value.
            logger.warning("The authentication of this app is not known (%s).", type(error).__name__)
        else:
            seconds = CLOSED_SECONDS if reason else OPEN_SECONDS
            self._decide(began, Verdict(reason, time.monotonic() + seconds, is_patient=bool(reason)))
            if reason:
                logger.warning("No caller is trusted. %s", reason)

    def _decide(self, began: float, verdict: Verdict) -> None:
        """Set the verdict, unless a look that began later has: a look that was given up may end after it."""
        with self._lock:
            if began >= self._decided_by:
                self._decided_by, self._verdict = began, verdict

    def _failed(self, error: BackendError | None) -> Verdict:
        """Return the verdict after a look that failed: the last definite word stands. A refusal stays for longer."""
        last = self._verdict
        is_final = isinstance(error, NotConfiguredError | NotFoundError) or getattr(error, "status", 0) == FORBIDDEN
        seconds = OPEN_SECONDS if is_final and not last.reason else RETRY_SECONDS
        return Verdict(last.reason, time.monotonic() + seconds, is_patient=last.is_patient and not is_final)

    def settings(self) -> Mapping[str, Any] | None:
        """Return this app's authsettingsV2, or None if this app has no name, or is a deployment slot.

        Raises:
            BackendError: The place of this app is unknown, or Azure refused or timed out.
        """
        if self._environ.get("WEBSITE_SLOT_NAME", "").strip().lower() not in ("", "production"):
            return None  # a slot has settings of its own
        own = {name: value for name, value in self._environ.items() if name not in OF_CIPP}
        deployment = Deployment.of(own)
        if not (deployment.subscription_id and deployment.resource_group):
            deployment = Deployment.of(own, self._clients.identity_claims())
        if not deployment.answering_app:
            return None
        return auth_settings(self._clients, *deployment.group(), deployment.answering_app)


def reason_in(settings: Mapping[str, Any]) -> str:
    """Return why an app's authsettingsV2 leave every caller unverified, "" if they don't definitely do. Pure."""
    platform, validation = settings.get("platform") or {}, settings.get("globalValidation") or {}
    if platform.get("enabled") is False:
        return OFF
    if platform.get("configFilePath"):
        return ""  # a file in the app decides in place of the rest
    lets_anonymous_through = (
        validation.get("requireAuthentication") is False
        or str(validation.get("unauthenticatedClientAction")).lower() == "allowanonymous"
        or bool(validation.get("excludedPaths"))
    )
    return ANONYMOUS if lets_anonymous_through else ""
