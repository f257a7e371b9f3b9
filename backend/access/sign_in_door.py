"""The check whether App Service lets requests reach this app without a sign-in, according to Azure.

`WEBSITE_AUTH_ENABLED` is only a variable and can be set by hand while App Service authentication is off. Then any
caller could send the headers of a principal. So this app also calls Resource Manager. Only a definite result closes the
app. If Resource Manager refuses, times out or can't find this app, the variable decides, and ListBackend reports the
problem. After a definite result, only another definite result counts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.access.platform_sign_in import auth_settings, closed_paths
from backend.access.roles import Denial
from backend.azure.clients import Clients
from backend.concurrency.cached import MARGIN_SECONDS, Cached
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import (
    AzureUnreachableError,
    BackendError,
    IdentityRefusedError,
    NotConfiguredError,
    NotFoundError,
)
from backend.installation.installation import Deployment
from backend.readings import object_of

logger = logging.getLogger("cipp.access")
WAIT_SECONDS: Final = 2.5  # from the start of a check, so a request that joins it later waits less
OPEN_SECONDS: Final = 300.0  # then the next check runs in the background
CLOSED_SECONDS: Final = 15.0  # so turning on authentication takes effect soon
RETRY_SECONDS: Final = 15.0  # after a failed check
FORBIDDEN: Final = 403  # for any cause, a right or a policy: it does not change within seconds
_DOCS: Final = "docs/deploy.md#turn-on-app-service-authentication"
OFF: Final = Denial(
    "Couldn't verify who you are: App Service authentication is off for this app.",
    f"As the administrator of this app, turn it on ({_DOCS}).",
)
ANONYMOUS: Final = Denial(
    "Couldn't verify who you are: App Service allows anonymous requests to this app.",
    f"As the administrator of this app, require authentication on every path but those in {_DOCS}.",
)


@dataclass(frozen=True)
class Verdict:
    """The result of a check, which is valid for `seconds`.

    `denial` is why no caller is trusted, None if the environment decides. If `is_patient`, requests wait for the next
    check.
    """

    denial: Denial | None
    seconds: float
    is_patient: bool


NO_VERDICT: Final = Verdict(None, seconds=0.0, is_patient=True)


class SignInDoor:
    """The service for that check. Requires Microsoft.Web/sites/config/read on this app (Reader).

    It was never run against real Azure. What Resource Manager shows for an app with the old `authsettings` is unknown.
    """

    def __init__(self, environ: Mapping[str, str], clients: Clients) -> None:
        self._environ = environ
        self._clients = clients
        self._verdict = Cached(
            self._look,
            action="read the authentication settings of this app",
            lifetime=lambda verdict: verdict.seconds,
            wait_seconds=WAIT_SECONDS,
            abandoned_seconds=clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
            may_be_stale=lambda verdict: not verdict.is_patient,
            survives_writes="this app does not change its own authentication settings",
        )

    def denial(self, seat: Seat = NOT_NEEDED) -> Denial | None:
        """Return why no caller is trusted, None if the environment decides.

        The first request waits up to 2.5 s for Azure, and so do requests that would be denied. While Azure times out,
        other requests don't wait.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        try:
            return self._verdict.get(seat=seat).denial
        except AzureUnreachableError:
            logger.info("Timed out reading the authentication settings of this app. Using the last result.")
            return self._last.denial

    @property
    def _last(self) -> Verdict:
        return self._verdict.peek() or NO_VERDICT

    def _look(self) -> Verdict:
        """Run one check. It always returns a verdict, so that the next check runs later."""
        try:
            denial = denial_in(self.settings() or {})
        except BackendError as error:
            logger.warning("The authentication of this app is unknown: %s", error)
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - an internal error must not deny every caller
            # Without the error's text, which can contain a value.
            logger.warning("The authentication of this app is unknown (%s).", type(error).__name__)
            return self._failed(None)
        if denial:
            logger.warning("No caller is trusted. %s", denial.detail)
        return Verdict(denial, CLOSED_SECONDS if denial else OPEN_SECONDS, is_patient=denial is not None)

    def _failed(self, error: BackendError | None) -> Verdict:
        """Return the verdict after a failed check: the last definite result. A refusal is cached for longer."""
        last = self._last
        is_denied = getattr(error, "status", 0) == FORBIDDEN and not isinstance(error, IdentityRefusedError)
        is_final = isinstance(error, NotConfiguredError | NotFoundError) or is_denied
        seconds = OPEN_SECONDS if is_final and not last.denial else RETRY_SECONDS
        return Verdict(last.denial, seconds, is_patient=last.is_patient and not is_final)

    def settings(self) -> Mapping[str, Any] | None:
        """Return this app's authsettingsV2, or None if this app has no name, or is a deployment slot.

        Raises:
            BackendError: The resource group of this app is unknown, or Azure refused or timed out.
        """
        if self._environ.get("WEBSITE_SLOT_NAME", "").strip().lower() not in ("", "production"):
            return None  # a slot has its own settings
        deployment = Deployment.of_this_app(self._environ, self._clients.identity_claims)
        if not deployment.answering_app:
            return None
        return auth_settings(self._clients, *deployment.group(), deployment.answering_app)


def denial_in(settings: Mapping[str, Any]) -> Denial | None:
    """Return why authsettingsV2 don't verify callers, or None if that is not certain. Pure."""
    platform, validation = object_of(settings.get("platform")), object_of(settings.get("globalValidation"))
    if platform.get("enabled") is False:
        return OFF
    if platform.get("configFilePath"):
        return None  # a file in the app overrides the other settings
    allows_anonymous = (
        validation.get("requireAuthentication") is False
        or str(validation.get("unauthenticatedClientAction")).lower() == "allowanonymous"
        or bool(closed_paths(validation))
    )
    return ANONYMOUS if allows_anonymous else None
