"""`WorksUntil` uses all that the request has seen: a key that is missing or refused ends the promise now."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from backend.rotation.reporting.journal import KEYS
from sandbox import names
from tests.rotation.test_laws_of_stores import refused_new_secret
from tests.rotation.test_laws_of_young_credentials import WITH_SECRET
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.scene import CERTIFICATE, ENTRA, SECRET, TOKEN, Scene, key_of, moment, refused
from tests.support.sandbox.certificate import Certificate

CIPPS = Certificate()
IN_2099 = int(datetime.fromisoformat("2099-01-01T00:00:00+00:00").timestamp())
LIFETIME = timedelta(days=90)


def revoke_the_secret(scene: Scene) -> None:
    """Remove the served client secret from the app; the certificate signs in."""
    scene.others.give_certificate(CIPPS)
    served = next(one for one in scene.secrets_on_app() if one["secretText"] == scene.value(SECRET))
    scene.others.add_secret("By an admin")
    scene.others.remove_secret(served["keyId"])
    scene.go(minutes=10)


def let_nobody_sign_in(scene: Scene) -> None:
    scene.go(minutes=10)
    unknown = {"host": ENTRA, "body": "client_credentials", "mode": "refuse", "status": 401}
    scene.azure.faults([{**unknown, "aadsts": 7000215, "times": 0}])


def fail_to_rotate_the_token(scene: Scene) -> None:
    """Only a run sees it: neither a sign-in check by hand nor the pulse of the hour."""
    scene.azure.faults([refused(50173)])
    assert scene.report(TOKEN)["Outcome"] == "failed"
    scene.azure.faults([])


def revoke_the_certificate(scene: Scene) -> None:
    scene.others.give_certificate(CIPPS, on_app=False)
    scene.go(minutes=10)


BREAKS: dict[str, tuple[Callable[[Scene], object], str]] = {
    "the partner's token is missing": (lambda scene: scene.others.delete(TOKEN), TOKEN),
    "the client secret is missing": (lambda scene: scene.others.delete(SECRET), SECRET),
    "ApplicationID is missing": (lambda scene: scene.others.delete("ApplicationID"), "ApplicationID"),
    "TenantID is missing": (lambda scene: scene.others.delete("TenantID"), "TenantID"),
    "the client secret is disabled": (
        lambda scene: scene.others.disable(SECRET, scene.served(SECRET)["version"]),
        SECRET,
    ),
    "the token is disabled": (lambda scene: scene.others.disable(TOKEN, scene.served(TOKEN)["version"]), TOKEN),
    "the client secret is revoked and the certificate signs in": (revoke_the_secret, SECRET),
    "no credential signs in": (let_nobody_sign_in, SECRET),
    "a run has seen that the token is revoked": (fail_to_rotate_the_token, TOKEN),
    "the certificate is revoked": (revoke_the_certificate, CERTIFICATE),
}


@pytest.mark.every_case("each break has a rule of its own")
@pytest.mark.parametrize("name", BREAKS)
def test_promise_ends_now_when_a_key_is_missing_or_refused(scene: Scene, name: str) -> None:
    assert f"CIPP {phrases.CIPP_WORKS_UNTIL}" in scene.overview()["Sentence"]
    breaks, key = BREAKS[name]
    breaks(scene)
    overview = scene.overview()
    assert phrases.CIPP_WORKS not in overview["Sentence"], overview["Sentence"]
    assert phrases.CIPP_FAILS in overview["Sentence"]
    assert key in overview["Sentence"]
    assert moment(overview["WorksUntil"]) <= scene.now()
    if any(one["Name"] == key for one in overview["Keys"]):
        assert key_of(overview["Keys"], key)["Problems"]


def test_promise_stays_when_entra_refuses_here(scene: Scene) -> None:
    """A refusal by place is this app's, not CIPP's."""
    here = {"host": ENTRA, "body": WITH_SECRET, "mode": "refuse", "status": 400, "aadsts": 53003, "times": 0}
    scene.azure.faults([here])
    overview = scene.overview()
    assert f"CIPP {phrases.CIPP_WORKS_UNTIL}" in overview["Sentence"]
    assert any("AADSTS53003" in problem for problem in key_of(overview["Keys"], SECRET)["Problems"])


def test_promise_stays_when_a_new_secret_is_refused(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    """It was never stored, so its refusal shows nothing of the one that the vault serves."""
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    scene.azure.faults([refused_new_secret(scene)])
    report = scene.report(SECRET)
    assert (report["Outcome"], "AADSTS7000215" in report["Reason"]) == ("failed", True), report
    scene.azure.faults([])
    assert f"CIPP {phrases.CIPP_WORKS_UNTIL}" in scene.overview()["Sentence"]


def test_secret_alone_is_revoked_when_a_run_signs_in_with_nothing(scene: Scene) -> None:
    let_nobody_sign_in(scene)
    assert {key["Outcome"] for key in scene.rotate()["Keys"]} == {"failed"}
    assert [row["RowKey"] for row in scene.others.rows(KEYS) if "dead_since" in row] == [SECRET.lower()]


def test_promise_holds_again_when_a_run_finds_that_the_key_signs_in(scene: Scene) -> None:
    """It is not due, so nothing is renewed; what a run has seen replaces what a check had seen."""
    scene.midweek()
    assert scene.report(TOKEN)["Outcome"] == "rotated"
    scene.go(hours=1)
    scene.azure.faults([refused(50173)])
    assert key_of(scene.prove(TOKEN), TOKEN)["Outcome"] == "dead"
    assert f"{phrases.CIPP_FAILS_WITH} RefreshToken" in scene.overview()["Sentence"]
    scene.azure.faults([])
    assert scene.report(TOKEN)["Outcome"] == "unchanged"
    overview = scene.overview()
    assert f"CIPP {phrases.CIPP_WORKS_UNTIL}" in overview["Sentence"]
    assert key_of(overview["Keys"], TOKEN)["Problems"] == []


@pytest.mark.parametrize("key", [TOKEN, ""])
def test_tokens_expiry_is_90_days_at_most_when_the_vault_shows_more(scene: Scene, key: str) -> None:
    """If the expiry was set by hand, a run, a dry run and the overview report the same."""
    scene.midweek()
    name = key or scene.tenants()[0]
    scene.others.store(name, scene.value(name), attributes={"exp": IN_2099})
    ends = moment(scene.served(name)["created"]) + LIFETIME
    assert moment(scene.report(name)["Expires"]) == ends
    assert moment(scene.report(name, dry=True)["Expires"]) == ends
    assert moment(key_of(scene.overview()["Keys"], name)["Ends"]) == ends


def test_tokens_expiry_is_the_vaults_when_that_is_sooner(scene: Scene) -> None:
    scene.midweek()
    soon = int((scene.now() + timedelta(days=5)).timestamp())
    scene.others.store(TOKEN, scene.value(TOKEN), attributes={"exp": soon})
    assert moment(scene.report(TOKEN)["Expires"]).timestamp() == soon
    overview = scene.overview()
    assert moment(overview["WorksUntil"]).timestamp() == soon
    assert f"{phrases.FIRST_TO_EXPIRE} {TOKEN}" in overview["Sentence"]


def test_restored_token_expires_90_days_after_it_was_stored_again(scene: Scene) -> None:
    scene.midweek()
    scene.others.store(TOKEN, scene.value(TOKEN), attributes={"exp": IN_2099})
    body = {"Name": TOKEN, "Version": scene.versions(TOKEN)[0]["version"]}
    assert Api().post("ExecKeyVaultSecretRestore", body).status == 200
    ends = moment(scene.served(TOKEN)["created"]) + LIFETIME
    assert moment(key_of(scene.overview()["Keys"], TOKEN)["Ends"]) == ends


def test_promise_ends_with_the_secret_that_cipp_still_runs_with(scene: Scene) -> None:
    (seeded,) = scene.secrets_on_app()
    assert scene.report(SECRET)["Outcome"] == "rotated"
    overview = scene.overview()
    assert overview["WorksUntil"] == seeded["endDateTime"]
    assert f"'{names.MAIN_SITE}'" in overview["Sentence"]
    scene.go_to(moment(seeded["endDateTime"]) + timedelta(days=1))
    assert phrases.CIPP_FAILS in scene.overview()["Sentence"]
    for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
        scene.others.restart(site)
    assert phrases.CIPP_WORKS in scene.overview()["Sentence"]


@pytest.mark.parametrize("aadsts", [7000112, 70001, 700016, 700011, 90002])
def test_overview_reports_failure_when_no_sign_in_as_the_app_is_possible(scene: Scene, aadsts: int) -> None:
    scene.go(minutes=10)
    scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 400, "aadsts": aadsts, "times": 0}])
    assert phrases.CIPP_FAILS in scene.overview()["Sentence"]


def test_promise_ends_now_when_applicationid_is_disabled(scene: Scene) -> None:
    scene.others.disable("ApplicationID", scene.served("ApplicationID")["version"])
    sentence = scene.overview()["Sentence"]
    assert phrases.CIPP_FAILS in sentence
    assert "ApplicationID" in sentence
