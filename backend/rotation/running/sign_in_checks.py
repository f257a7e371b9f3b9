"""Check keys by signing in, without changing anything. `key_checks` runs one check at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from backend.azure.errors.entra_errors import Verdict
from backend.concurrency import background
from backend.concurrency.rate_limiter import NoTimeLeftError
from backend.credentials.kinds import TOKENS, Key
from backend.errors import BackendError, NotFoundError, joined
from backend.internal_errors import contained
from backend.key_vault.secrets import Stored
from backend.rotation.planning.certificate_mode import SecretUse
from backend.rotation.results import KeyProof, ProofOutcome
from backend.rotation.running.context import RunContext
from backend.rotation.running.session import advice_on, reason_to_leave
from backend.rotation.running.sign_in_secret import sign_in_app
from backend.sam_app.certificate import read_certificate
from backend.sam_app.sign_in import SignInRefusedError

TIME_OVER: Final = "The check reached its time limit before this key."
CHECK_AGAIN: Final = "The hourly catch-up checks the key in the next hour. To check it now, call ExecKeyProof."


@dataclass(frozen=True)
class CheckedKey:
    """The result of one check. If the key was not reached, no sign-in was tried, and its state is unknown."""

    proof: KeyProof
    is_reached: bool = True


def check_keys(run: RunContext, keys: Sequence[Key]) -> list[CheckedKey]:
    """Sign in with each key and change nothing. After the run's time limit no further sign-in begins."""
    return background.each(partial(_checked, run), keys, threads=background.KEYS, name="check")


def _checked(run: RunContext, key: Key) -> CheckedKey:
    if run.is_signed_in and run.time_is_over:
        return _left_out(key, TIME_OVER)
    try:
        proof = _proof(run, key)
    except NoTimeLeftError as error:
        return _left_out(key, error.detail, error.advice)
    return CheckedKey(proof, is_reached=run.is_signed_in or _is_independent(key, run))


def _proof(run: RunContext, key: Key) -> KeyProof:
    """Return whether a key can sign in.

    Raises:
        NoTimeLeftError: The run reached its time limit first.
    """
    try:
        with contained(f"The sign-in check of {key.name}"):
            if early := reason_to_leave(key, run):
                return KeyProof(name=key.name, kind=key.kind, outcome="skipped", reason=early.reason)
            if key.kind == "ClientSecret" and run.mode.use is SecretUse.ABSENT:
                return KeyProof(name=key.name, kind=key.kind, outcome="skipped", reason=run.mode.reason)
            if key.kind != "SignInSecret":
                run.must_be_signed_in()
            sign_in_with(key, run.vault.read(key.name), run)
    except NoTimeLeftError:
        raise
    except NotFoundError as error:
        is_optional = key.kind == "Certificate" and run.is_signed_in and not run.mode.is_on
        outcome: ProofOutcome = "skipped" if is_optional else "unproven"
        return KeyProof(name=key.name, kind=key.kind, outcome=outcome, reason=error.detail, advice=error.advice or None)
    except SignInRefusedError as error:
        # If no sign-in was possible, the refusal concerns the vital key and not the others.
        is_its_own = run.is_signed_in or _is_independent(key, run)
        outcome = "dead" if error.verdict is Verdict.DEAD and is_its_own else "unproven"
        advice = advice_on(error, run)
        return KeyProof(name=key.name, kind=key.kind, outcome=outcome, reason=error.detail, advice=advice)
    except BackendError as error:
        return KeyProof(
            name=key.name, kind=key.kind, outcome="unproven", reason=error.detail, advice=error.advice or None
        )
    return KeyProof(name=key.name, kind=key.kind, outcome="proven", reason="It can sign in.")


def _is_independent(key: Key, run: RunContext) -> bool:
    """Return whether the check of a key shows its state even if no sign-in as CIPP's app is possible.

    Then the vital key is the reason, and the state of the others is unknown. The sign-in of users is that of another
    app.
    """
    return key.kind in (run.mode.vital, "SignInSecret")


def _left_out(key: Key, reason: str, advice: str = "") -> CheckedKey:
    advice = joined(advice, CHECK_AGAIN)
    proof = KeyProof(name=key.name, kind=key.kind, outcome="unproven", reason=reason, advice=advice)
    return CheckedKey(proof, is_reached=False)


def sign_in_with(key: Key, stored: Stored, run: RunContext) -> None:
    """Sign in with a key. A new token in the response is discarded, and the old one stays valid.

    Raises:
        NotVerifiedError: Entra refused a client secret or certificate that may not have reached all its servers yet.
        SignInRefusedError: Entra refused.
    """
    if key.kind in TOKENS:
        run.entra.redeem(run.app, key.tenant or run.app.tenant, stored.value)
        return
    if key.kind == "SignInSecret":
        app = sign_in_app(run, stored.value)
        run.check.sign_in(app, age=run.age_of(stored.created), patience_seconds=0)
        return
    credential = read_certificate(stored.value) if key.kind == "Certificate" else stored.value
    run.check.sign_in(run.as_app(credential), age=run.age_of(stored.created), patience_seconds=0)
