"""Whether a client secret or certificate signs in: one check with one patience, for everything that wants to know.

Entra's replicas learn of a new credential one by one. 4 to 18 s were seen, and up to two minutes are reported. So a
refusal of a credential that is younger than `YOUNG` proves nothing: it is not verified yet.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from backend.aadsts import Verdict
from backend.entra import Entra, SamApp, SignedIn, SignInRefusedError
from backend.errors import AzureError
from backend.limits import Limits
from backend.pace import NoTimeLeftError
from backend.rotation.plan import Validity

YOUNG: Final = timedelta(minutes=5)  # more than twice the longest that is reported
NEW: Final = timedelta()  # the age of a credential that was created just now
_NOT_VERIFIED: Final = (
    "It may be younger than {minutes} minutes, and Entra can take that long to know it everywhere. It is not verified "
    "yet, and it is left alone until then."
)


class NotVerifiedError(SignInRefusedError):
    """Entra refused a credential that is so young that not every replica may know it."""


@dataclass(frozen=True)
class Judgement:
    """Whether a credential signs in, and Entra's refusal if it does not."""

    validity: Validity
    refusal: str = ""


@dataclass(frozen=True)
class SignInCheck:
    """The check. `ends_at` is the time, by the monotonic clock, after which no sign-in is tried again."""

    entra: Entra
    limits: Limits
    ends_at: float

    def sign_in(
        self, app: SamApp, *, age: timedelta | None, times: int = 1, patience_seconds: float | None = None
    ) -> SignedIn:
        """Sign in so many times in a row, each on a new connection, and return what Entra gave last.

        `age` is how long ago the credential was stored, None if that is unknown, which counts as young. A young one
        that is refused is tried again for `patience_seconds`, by default KEY_ROTATION_PROOF_TIMEOUT_SECONDS. An older
        one is tried once.

        Raises:
            NotVerifiedError: Entra refused a young one until the end.
            SignInRefusedError: Entra refused.
            AzureUnreachableError: Entra timed out.
        """
        gap = self.limits.key_rotation_proof_gap_seconds
        is_young = age is None or age < YOUNG
        if patience_seconds is None:
            patience_seconds = max(self.limits.key_rotation_proof_timeout_seconds, gap * (times - 1))
        give_up_at = min(time.monotonic() + patience_seconds, self.ends_at) if is_young else 0.0
        in_a_row = 0
        while True:
            try:
                signed_in = self.entra.sign_in(app)
                in_a_row += 1
            except AzureError as error:
                in_a_row = 0
                if time.monotonic() + gap > give_up_at:
                    raise _young(error) if is_young else error from None
            if in_a_row >= times:
                return signed_in
            if in_a_row and time.monotonic() + gap > self.ends_at:
                raise _out_of_time(in_a_row, times)
            time.sleep(gap)

    def judge(self, app: SamApp, *, age: timedelta | None) -> Judgement:
        """Return what one sign-in shows of a credential.

        Raises:
            SignInRefusedError: Entra refused for a reason that is not the credential's.
            AzureUnreachableError: Entra timed out.
        """
        try:
            self.sign_in(app, age=age, patience_seconds=0)
        except NotVerifiedError as refusal:
            return Judgement(Validity.NOT_VERIFIED, str(refusal))
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            return Judgement(Validity.REVOKED, str(refusal))
        return Judgement(Validity.VALID)

    def verify_new(self, app: SamApp) -> None:
        """Sign in with a credential that was just created, as often in a row as KEY_ROTATION_PROOF_COUNT.

        Raises:
            NotVerifiedError: It was refused until the time was over.
            AzureError: Entra timed out, or refused for another reason.
        """
        self.sign_in(app, age=NEW, times=self.limits.key_rotation_proof_count)


def _young(error: AzureError) -> AzureError:
    """Return the error for a young credential. A refusal that would revoke an older one revokes nothing here."""
    if not isinstance(error, SignInRefusedError) or error.verdict is not Verdict.DEAD:
        return error
    softened = NotVerifiedError(
        f"{error} {_NOT_VERIFIED.format(minutes=YOUNG // timedelta(minutes=1))}",
        status=error.status,
        code=error.code,
        verdict=Verdict.UNPROVEN,
    )
    softened.advice = error.advice
    return softened


def _out_of_time(in_a_row: int, times: int) -> NoTimeLeftError:
    return NoTimeLeftError(
        f"The time was over after {in_a_row} of {times} sign-ins with the new credential. It was not stored."
    )
