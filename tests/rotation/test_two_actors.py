"""Someone else acts while a run of ours is at work: between any two of its calls, theirs wins."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.api import Api
from tests.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene, key_of
from tests.rotation.theirs import orphans, touched
from tests.sandbox.certificate import Certificate

JOBS_SECRET = "UpdateTokens"
THEIR_CERTIFICATE, OLD_CERTIFICATE = Certificate(), Certificate(days=29)
IMPATIENT = {"KEY_ROTATION_PROOF_COUNT": "1", "KEY_ROTATION_PROOF_GAP_SECONDS": "0.01"}


@dataclass(frozen=True)
class Act:
    """What someone else does while a run rotates `key`; answers by name what the vault must serve at the end."""

    key: str
    does: Callable[[Scene], dict[str, str]]
    before: Callable[[Scene], object] = lambda _: None


def store_a_token(scene: Scene) -> dict[str, str]:
    """An admin signs in anew."""
    token = scene.others.token(
        grant_type="refresh_token", refresh_token=scene.value(TOKEN), client_secret=scene.value(SECRET)
    ).json()["refresh_token"]
    scene.others.store(TOKEN, token)
    return {TOKEN: token}


def store_a_secret(scene: Scene) -> dict[str, str]:
    """CIPP's own job adds a client secret, stores it, and removes what has ended, whoever made it."""
    made = scene.others.add_secret(JOBS_SECRET)
    scene.others.store(SECRET, made["secretText"])
    for old in scene.secrets_on_app():
        if old["endDateTime"] < scene.azure.state()["now"]:
            scene.others.remove_secret(old["keyId"])
    return {SECRET: made["secretText"]}


def add_an_ended_secret(scene: Scene) -> None:
    now = scene.now()
    began, ended = (f"{now - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (2, 1))
    scene.others.add_secret("ended", startDateTime=began, endDateTime=ended)


def set_another_app_up(scene: Scene) -> dict[str, str]:
    """An admin sets CIPP up with another app registration: its id, its secret, its token."""
    (app_id,) = scene.azure.state()["applications"].keys() - {names.SAM_APP_ID}
    app = scene.azure.state()["applications"][app_id]
    stored = {
        "ApplicationID": app_id,
        SECRET: app["passwordCredentials"][0]["secretText"],
        TOKEN: app["refreshToken"],
    }
    for name, value in stored.items():
        scene.others.store(name, value)
    return stored


def store_a_certificate(scene: Scene) -> dict[str, str]:
    """CIPP's own job writes the app's whole list of certificates, and stores its own."""
    scene.others.give_certificate(THEIR_CERTIFICATE)
    return {CERTIFICATE: scene.value(CERTIFICATE)}


ACTS = {
    "an admin stores a new token": Act(TOKEN, store_a_token),
    "CIPP's job renews the client secret": Act(SECRET, store_a_secret, add_an_ended_secret),
    "another app is set up while the token is rotated": Act(TOKEN, set_another_app_up),
    "another app is set up while the client secret is rotated": Act(SECRET, set_another_app_up),
    "CIPP's job makes the first certificate": Act(CERTIFICATE, store_a_certificate),
    "CIPP's job renews a certificate": Act(
        CERTIFICATE, store_a_certificate, lambda scene: scene.others.give_certificate(OLD_CERTIFICATE)
    ),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_at_every_point_of_a_run_theirs_wins(scene: Scene, nowhere: pytest.MonkeyPatch, act: Act) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    api, wrong = Api(), []
    api.post("ExecKeyRotation", {"DryRun": True})  # what the app asks once is asked now
    for nth in range(1, 200):
        found = acted_at(scene, api, act, nth)
        if found is None:
            break
        wrong += [f"at call {nth}: {one}" for one in found]
    assert wrong == [], "\n".join(wrong)
    assert nth > 10, "a run has more calls than that"


def acted_at(scene: Scene, api: Api, act: Act, nth: int) -> list[str] | None:
    """Act at the nth call of a run; answer what is wrong at its end, None where the keys have no such call."""
    scene.azure.reset(propagation_seconds=0, direct_tenants=0, spare_apps=1)
    act.before(scene)
    scene.azure.advance(2)  # what was there before is not of the second in which they act: the vault tells whole ones
    scene.azure.faults([{"mode": "hold", "nth": nth}])
    with ThreadPoolExecutor(1) as worker:
        answer = worker.submit(api.post, "ExecKeyRotation", {"Names": [act.key]})
        if not scene.azure.wait_until_held(or_else=answer.done):
            return None
        call = next(call for call in scene.azure.calls() if not call["status"])
        if call["host"] == "management.azure.com":  # the keys are done, it looks at CIPP's apps
            scene.azure.faults([])
            return None
        wanted = act.does(scene)
        after = scene.azure.state()
        scene.azure.faults([])
        report = key_of(answer.result().results["Keys"], act.key)
    found = list(what_is_wrong(scene, act, after, wanted, report))
    return [f"{call['method']} {call['path']}: {one}" for one in found]


def what_is_wrong(
    scene: Scene, act: Act, after: dict[str, Any], wanted: dict[str, str], report: dict[str, Any]
) -> Iterator[str]:
    """Theirs is served and signs in, ours is reported, nothing of theirs is touched, nothing of ours is left over."""
    for name, value in wanted.items():
        if scene.value(name) != value:
            yield f"the vault does not serve their {name}: {report}"
    yield from does_not_sign_in(scene, act)
    now = scene.azure.state()
    yield from (f"touched: {name}" for name in touched(after, now))
    yield from orphans(now)
    told, values = report["Reason"], [version["value"] for version in scene.versions(act.key)]
    if act.key in wanted and values[:-1].count(wanted[act.key]) and "Someone" not in told:
        yield f"ours was stored over theirs, and that is not told: {report}"
    if report["Outcome"] == "failed" and "Someone" not in told:
        yield f"it failed: {report}"


def does_not_sign_in(scene: Scene, act: Act) -> Iterator[str]:
    app = {"client_id": scene.value("ApplicationID"), "client_secret": scene.value(SECRET)}
    if not scene.others.token(grant_type="client_credentials", **app).ok:
        yield "the client secret does not sign in"
    if not scene.others.token(grant_type="refresh_token", refresh_token=scene.value(TOKEN), **app).ok:
        yield "the token does not sign in"
    if act.key == CERTIFICATE and not scene.certificate_signs_in():
        yield "the certificate does not sign in"


def test_what_was_stored_after_ours_is_told(scene: Scene) -> None:
    again = {"path": f"/secrets/{TOKEN}/versions", "nth": 2, "mode": "hold"}
    scene.azure.faults([again])
    with ThreadPoolExecutor(1) as worker:
        answer = worker.submit(Api().post, "ExecKeyRotation", {"Names": [TOKEN]})
        scene.azure.wait_until_held()
        token = store_a_token(scene)[TOKEN]
        scene.azure.faults([])
        report = key_of(answer.result().results["Keys"], TOKEN)
    assert scene.value(TOKEN) == token
    assert report["Outcome"] == "rotated"
    assert "Someone else has stored it after this run did; theirs is served." in report["Reason"]
