"""The check whether a client secret or certificate can sign in, with the same retries for all callers.

Entra's replicas receive a new credential one by one. This took 4 to 18 s in observations, and up to two minutes in
reports. So if Entra refuses a credential that is younger than `YOUNG`, it counts as not verified yet.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from backend.azure.errors.entra_errors import Verdict
from backend.concurrency.deadline import Deadline
from backend.concurrency.rate_limiter import NoTimeLeftError
from backend.configuration.timeouts import Limits
from backend.credentials.kinds import Validity
from backend.errors import AzureError
from backend.sam_app.sign_in import Entra, SamApp, SignedIn, SignInRefusedError

YOUNG: Final = timedelta(minutes=5)  # more than twice the longest reported time
NEW: Final = timedelta()  # the age of a credential that was created just now
_NOT_VERIFIED: Final = (
    "It may be younger than {minutes} minutes, which Microsoft Entra ID can need to replicate it. It is not verified "
    "yet, and is not changed until then."
)


class NotVerifiedError(SignInRefusedError):
    """Entra refused a credential that is so new that not every replica may have it."""


@dataclass(frozen=True)
class Judgement:
    """Whether a credential can sign in, and Entra's refusal if it can't."""

    validity: Validity
    refusal: str = ""


@dataclass(frozen=True)
class SignInCheck:
    """The check. It does not retry after the deadline."""

    entra: Entra
    limits: Limits
    deadline: Deadline

    def sign_in(
        self, app: SamApp, *, age: timedelta | None, times: int = 1, patience_seconds: float | None = None
    ) -> SignedIn:
        """Sign in `times` times in a row, each on a new connection, and return Entra's last result.

        `age` is the time since the credential was stored, None if unknown, which counts as young. If Entra refuses a
        young one, it is retried for `patience_seconds`, by default KEY_ROTATION_PROOF_TIMEOUT_SECONDS. An older one is
        not retried.

        Raises:
            NotVerifiedError: Entra refused a young one until the end of the retries.
            SignInRefusedError: Entra refused.
            AzureUnreachableError: Entra timed out.
        """
        gap = self.limits.key_rotation_proof_gap_seconds
        is_young = age is None or age < YOUNG
        if patience_seconds is None:
            patience_seconds = max(self.limits.key_rotation_proof_timeout_seconds, gap * (times - 1))
        patience = min(Deadline.after(patience_seconds), self.deadline)
        in_a_row = 0
        while True:
            try:
                signed_in = self.entra.sign_in(app)
                in_a_row += 1
            except AzureError as error:
                in_a_row = 0
                if not is_young:
                    raise
                if not patience.allows(gap):
                    raise _young(error) from None
            if in_a_row >= times:
                return signed_in
            if in_a_row and not self.deadline.allows(gap):
                raise _out_of_time(in_a_row, times)
            time.sleep(gap)

    def judge(self, app: SamApp, *, age: timedelta | None) -> Judgement:
        """Return whether a credential can sign in, by one sign-in.

        Raises:
            SignInRefusedError: Entra refused for a reason unrelated to the credential.
            AzureUnreachableError: Entra timed out.
        """
        try:
            self.sign_in(app, age=age, patience_seconds=0)
        except NotVerifiedError as refusal:
            return Judgement(Validity.NOT_VERIFIED, refusal.detail)
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            return Judgement(Validity.REVOKED, refusal.detail)
        return Judgement(Validity.VALID)

    def verify_new(self, app: SamApp) -> None:
        """Sign in with a credential that was just created, KEY_ROTATION_PROOF_COUNT times in a row.

        Raises:
            NotVerifiedError: Entra refused it until the end of the retries.
            AzureError: Entra timed out, or refused for another reason.
        """
        self.sign_in(app, age=NEW, times=self.limits.key_rotation_proof_count)


def _young(error: AzureError) -> AzureError:
    """Return the error for a young credential. Unlike an older one, it does not count as revoked."""
    if not isinstance(error, SignInRefusedError) or error.verdict is not Verdict.DEAD:
        return error
    return NotVerifiedError(
        f"{error.detail} {_NOT_VERIFIED.format(minutes=YOUNG // timedelta(minutes=1))}",
        status=error.status,
        code=error.code,
        verdict=Verdict.UNPROVEN,
        advice=error.advice,
    )


def _out_of_time(in_a_row: int, times: int) -> NoTimeLeftError:
    return NoTimeLeftError(
        f"Reached the time limit after {in_a_row} of {times} sign-ins with the new credential. It was not stored."
    )
