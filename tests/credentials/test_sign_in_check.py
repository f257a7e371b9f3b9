"""The meaning of a refusal, which depends on the credential's age to the second and on Entra's reason."""

import time
from datetime import timedelta

import pytest

from backend.azure.errors.entra_errors import Verdict
from backend.concurrency.deadline import Deadline
from backend.configuration.clouds import PUBLIC
from backend.configuration.timeouts import Limits
from backend.credentials.kinds import Validity
from backend.credentials.sign_in_check import NEW, YOUNG, NotVerifiedError, SignInCheck
from backend.sam_app.sign_in import Entra, SamApp, SignInRefusedError
from backend.values import SecretText
from sandbox import names
from tests.support.rotation.plan_cases import A_SECOND
from tests.support.rotation.scene import ENTRA, SECRET, Scene

WRONG = SamApp(names.SAM_APP_ID, names.TENANT_ID, SecretText("wrong"))
OLD = YOUNG
GAP_SECONDS = 0.05


def check(*, run_seconds: float = 60, times: int = 1) -> SignInCheck:
    """Return the check of a run with so many seconds left. A new credential must sign in `times` in a row."""
    limits = Limits(key_rotation_proof_gap_seconds=GAP_SECONDS, key_rotation_proof_count=times)
    deadline = Deadline.after(run_seconds)
    return SignInCheck(Entra(PUBLIC, limits, deadline), limits, deadline)


def refused(**fault: object) -> dict[str, object]:
    """Set a fault: Entra refuses a sign-in."""
    return {"host": ENTRA, "body": "client_credentials", "mode": "refuse", "status": 401, "aadsts": 7000215, **fault}


def served(scene: Scene) -> SamApp:
    return SamApp(names.SAM_APP_ID, names.TENANT_ID, SecretText(scene.value(SECRET)))


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (NEW, Validity.NOT_VERIFIED),
        (YOUNG - A_SECOND, Validity.NOT_VERIFIED),
        (YOUNG, Validity.REVOKED),
        (YOUNG + A_SECOND, Validity.REVOKED),
    ],
)
@pytest.mark.usefixtures("scene")
def test_refused_credential_is_revoked_when_it_is_five_minutes_old(age: timedelta, expected: Validity) -> None:
    judgement = check().judge(WRONG, age=age)
    assert judgement.validity is expected
    assert "AADSTS7000215" in judgement.refusal


@pytest.mark.usefixtures("scene")
def test_refused_credential_of_unknown_age_is_not_verified() -> None:
    with pytest.raises(NotVerifiedError) as refusal:
        check().sign_in(WRONG, age=None, patience_seconds=0)
    assert refusal.value.verdict is Verdict.UNPROVEN
    assert refusal.value.advice


@pytest.mark.parametrize("age", [NEW, OLD])
def test_refusal_by_location_does_not_revoke_the_credential(scene: Scene, age: timedelta) -> None:
    """An admin must change a policy, so the refusal does not become "not verified"."""
    scene.azure.faults([refused(status=400, aadsts=53003, times=0)])
    with pytest.raises(SignInRefusedError, match="AADSTS53003") as refusal:
        check().judge(served(scene), age=age)
    assert not isinstance(refusal.value, NotVerifiedError)
    assert refusal.value.verdict is Verdict.REFUSED_HERE


def test_young_credential_is_tried_again_and_an_older_one_is_not(scene: Scene) -> None:
    scene.azure.faults([refused(times=2)])
    assert check().sign_in(served(scene), age=YOUNG - A_SECOND).token
    scene.azure.faults([refused(times=2)])
    with pytest.raises(SignInRefusedError):
        check().sign_in(served(scene), age=OLD)


@pytest.mark.compares_times
@pytest.mark.usefixtures("scene")
def test_credential_is_not_tried_after_the_end_of_the_run() -> None:
    began = time.monotonic()
    with pytest.raises(NotVerifiedError):
        check(run_seconds=0.5).sign_in(WRONG, age=NEW, patience_seconds=20)
    assert time.monotonic() - began < 10


def test_check_of_an_existing_credential_is_not_retried(scene: Scene) -> None:
    """A run does not wait for a young credential that it did not create."""
    scene.azure.faults([refused()])
    assert check().judge(served(scene), age=NEW).validity is Validity.NOT_VERIFIED
    assert check().judge(served(scene), age=NEW).validity is Validity.VALID


def test_new_credential_signs_in_as_often_as_configured(scene: Scene) -> None:
    before = len(scene.calls(ENTRA, "POST"))
    check(times=3).verify_new(served(scene))
    assert len(scene.calls(ENTRA, "POST")) - before == 3
