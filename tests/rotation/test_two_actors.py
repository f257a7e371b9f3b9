"""Others change something between any two calls of a run, and their change wins."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.rotation.checks import refused_now
from tests.support.rotation.lag import NO_LAG, Lag, lag_of, shorten_lock
from tests.support.rotation.points import around_writes, points_of
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene, key_of
from tests.support.rotation.theirs import orphans, touched
from tests.support.sandbox.certificate import Certificate
from tests.support.tiers import FULL, chosen

JOBS_SECRET = "UpdateTokens"
THEIR_CERTIFICATE, OLD_CERTIFICATE = Certificate(), Certificate(days=29)
IMPATIENT = {"KEY_ROTATION_PROOF_COUNT": "1", "KEY_ROTATION_PROOF_GAP_SECONDS": "0.01"}


BY_OTHERS = re.compile(r"others had stored|Another version|was deleted|was changed")  # in the report
SOON_SECONDS = 0.3  # in which a change by hand is done, unless it waits for the run's lock
DAY = 86_400


@dataclass(frozen=True)
class Act:
    """A change by others while a run rotates `key`. It returns by name what the vault must serve afterwards."""

    key: str
    does: Callable[[Scene], dict[str, str]]
    before: Callable[[Scene], object] = lambda _: None
    tenants: int = 0
    deletes: bool = False  # the key, which stays deleted
    restores: bool = False  # an old client secret, through the API
    every: int = 1  # how many calls of the run lie between two times at which it is done
    first: int = 1  # the first such call
    to_the_end: bool = False  # also while the run looks at CIPP's apps

    def key_of(self, scene: Scene) -> str:
        return self.key or scene.tenants()[0]


def store_a_token(scene: Scene) -> dict[str, str]:
    """Sign in again as an admin, and return what is stored."""
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
    """Set CIPP up with another app registration, and return its ID, secret and token."""
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


def delete_a_token(scene: Scene) -> dict[str, str]:
    """Delete a tenant's token as an admin. Return no key, because nothing is stored."""
    scene.others.delete(scene.tenants()[0])
    return {}


def store_a_second_secret(scene: Scene) -> None:
    """An admin changes the client secret, a week before the run."""
    scene.others.store(SECRET, scene.others.add_secret("by hand")["secretText"])
    scene.azure.advance(8 * DAY)


def let_a_secret_be_retired(scene: Scene) -> None:
    """Bring about that a run removes a client secret: CIPP has restarted since it was replaced, the overlap is over."""
    for _ in range(2):
        assert scene.report(SECRET)["Outcome"] == "rotated"
        scene.azure.advance(DAY)
        for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
            scene.others.restart(site)
        scene.azure.advance(7 * DAY)
    scene.azure.advance(33 * DAY)


def old_secret(scene: Scene) -> dict[str, Any]:
    """Return the oldest version by the product; the oldest of all if it has made none."""
    versions = scene.versions(SECRET)
    return next((one for one in versions if not scene.others.made.is_version(one)), versions[0])


def restore_a_secret(scene: Scene) -> dict[str, str]:
    """CIPP or the portal stores an old version's value again, if that is on the app."""
    old = str(old_secret(scene)["value"])
    if old not in [one["secretText"] for one in scene.secrets_on_app()]:
        return {}
    scene.others.store(SECRET, old)
    return {SECRET: old}


ACTS = {
    "an admin stores a new token": Act(TOKEN, store_a_token),
    "CIPP's job renews the client secret": Act(SECRET, store_a_secret, add_an_ended_secret),
    "another app is set up while the token is rotated": Act(TOKEN, set_another_app_up),
    "another app is set up while the client secret is rotated": Act(SECRET, set_another_app_up),
    "CIPP's job makes the first certificate": Act(CERTIFICATE, store_a_certificate),
    "CIPP's job renews a certificate": Act(
        CERTIFICATE, store_a_certificate, lambda scene: scene.others.give_certificate(OLD_CERTIFICATE)
    ),
    "an admin deletes a tenant's token": Act("", delete_a_token, tenants=1, deletes=True),
    "an old client secret is stored again": Act(SECRET, restore_a_secret, store_a_second_secret),
    "an admin restores an old client secret": Act(SECRET, lambda _: {}, store_a_second_secret, restores=True, every=2),
    "a client secret is stored again that is about to be removed": Act(
        SECRET, restore_a_secret, let_a_secret_be_retired, first=15, to_the_end=True
    ),
    "an admin restores a client secret that is about to be removed": Act(
        SECRET, lambda _: {}, let_a_secret_be_retired, restores=True, first=15, to_the_end=True
    ),
}


@pytest.mark.timeout(600)
@pytest.mark.larger_in_full_tier
@pytest.mark.slow("a run for each call of a run")
@pytest.mark.parametrize("name", ACTS)
def test_change_by_others_wins_at_every_point_of_a_run(scene: Scene, nowhere: pytest.MonkeyPatch, name: str) -> None:
    for setting, value in IMPATIENT.items():
        nowhere.setenv(setting, value)
    act, wrong, acted = ACTS[name], [], 0
    for nth in calls_to_act_at(scene, act):
        found = acted_at(scene, act, nth, lag_of(f"{name} at call {nth}", nth // act.every))
        if found is None:
            break
        acted += 1
        wrong += [f"at call {nth}: {one}" for one in found]
    assert wrong == [], "\n".join(wrong)
    assert acted
    assert nth > chosen(reduced=1, full=10), "a run has more calls than that"


def calls_to_act_at(scene: Scene, act: Act) -> list[int]:
    """Return the numbers of the calls at which others change something: all in the full tier, or those by a write."""
    if FULL:
        return list(range(act.first, 300, act.every))
    api = begin(scene, act, NO_LAG)
    begun = len(scene.azure.calls())
    api.post("ExecKeyRotation", {"Names": [act.key_of(scene)]})
    points = points_of(scene.azure.calls()[begun:])
    return [number for number in around_writes(points) if number >= act.first]


def begin(scene: Scene, act: Act, lag: Lag) -> Api:
    """Start over, up to the run at which others change something."""
    scene.others.reset(direct_tenants=act.tenants, spare_apps=1, **lag.options)
    scene.others.share_the_app()
    scene.azure.advance(lag.settled_after_seconds)
    api = Api()
    scene.api()
    act.before(scene)
    # the earlier versions are from another second than the change, because the vault has whole seconds
    scene.azure.advance(max(2, lag.settled_after_seconds))
    api.post("ExecKeyRotation", {"DryRun": True})  # what the app reads once is read now
    return api


def acted_at(scene: Scene, act: Act, nth: int, lag: Lag) -> list[str] | None:
    """Make the change at the nth call of a run. Return the problems afterwards, or None without such a call."""
    with pytest.MonkeyPatch.context() as environ, ThreadPoolExecutor(2) as workers:
        for setting, value in {**IMPATIENT, **lag.settings}.items():
            environ.setenv(setting, value)
        shorten_lock(environ, lag.clock_rate)
        api = begin(scene, act, lag)
        key = act.key_of(scene)
        scene.azure.faults([{"mode": "hold", "nth": nth}])
        run = workers.submit(api.post, "ExecKeyRotation", {"Names": [key]})
        try:
            if not scene.azure.wait_until_held(or_else=run.done):
                return None
            call = next(call for call in reversed(scene.azure.calls()) if not call["status"])
            if call["host"] == "management.azure.com" and not act.to_the_end:
                return None  # the keys are done, it looks at CIPP's apps
            if act.does is restore_a_secret and call["path"].endswith("/removePassword"):
                return []  # on its way: no look could prevent it
            old = old_secret(scene)["value"]
            wanted = act.does(scene)
            restored = workers.submit(restore_by_api, scene, api) if act.restores else None
            wait([restored] if restored else [], SOON_SECONDS)
            after = scene.azure.state()
        finally:
            scene.azure.faults([])
        report = report_of(run.result(), act, key)
        if restored:
            wanted |= restored_by(scene, restored.result())
        found = list(what_is_wrong(scene, act, after, wanted, report))
        if (
            restored
            and restored.result().status == 200
            and old not in [c["secretText"] for c in scene.secrets_on_app()]
        ):
            found.append(f"the credential was removed that was restored: {report}")
    return [f"{call['method']} {call['host']}{call['path']}, {lag}: {one}" for one in found]


def restore_by_api(scene: Scene, api: Api) -> Answer:
    """Restore an old version, as an admin does with this app."""
    return api.post("ExecKeyVaultSecretRestore", {"Name": SECRET, "Version": old_secret(scene)["version"]})


def restored_by(scene: Scene, answer: Answer) -> dict[str, str]:
    """Return what the vault must serve since it was restored: nothing if that was refused.

    A run may renew what was restored, for that is as old as it was before. Then its tags show that it saw it.
    """
    assert answer.status in (200, 409), answer.text
    if answer.status != 200:  # the run has the lock, or has removed the credential
        return {}
    version = answer.results["Version"]
    scene.others.made.versions.add(version)
    versions = {one["version"]: one for one in scene.versions(SECRET)}
    seen: set[str] = set()
    trail = [scene.served(SECRET)["version"]]
    while trail:
        tags = versions[trail.pop()]["tags"]
        before = {tags[tag] for tag in ("follows", "restored-from") if tag in tags} - seen
        seen |= before
        trail += before
    return {} if version in seen else {SECRET: versions[version]["value"]}


def report_of(answer: Answer, act: Act, key: str) -> dict[str, Any]:
    """Return what a run reports of a key. It may find that a deleted key does not exist."""
    if act.deletes and answer.status != 200:
        return {"Reason": answer.text, "Outcome": "failed"}
    assert answer.status == 200, answer.text
    return key_of(answer.results["Keys"], key)


def what_is_wrong(
    scene: Scene, act: Act, after: dict[str, Any], wanted: dict[str, str], report: dict[str, Any]
) -> Iterator[str]:
    """Yield each broken rule: others' version is served and valid, the outcome is reported, nothing is left over."""
    made, now = scene.others.made, scene.azure.state()
    for name, value in wanted.items():
        if scene.value(name) != value:
            yield f"the vault does not serve their {name}: {report}"
    yield from refused_now(scene.others, now)
    yield from (f"touched: {name}" for name in touched(made, after, now))
    if list(orphans(made, now)) and act.key:  # a list that is old did not show what is to be removed
        scene.go(hours=2)
        scene.report(act.key)
        yield from orphans(made, scene.azure.state())
    if act.deletes:
        vault = now["vaults"][names.VAULT]
        if any(name.count("-") == 4 for name in vault["secrets"]):
            yield f"what was deleted was brought back: {report}"
        return
    reason, values = report["Reason"], [version["value"] for version in scene.versions(act.key)]
    is_one_of_a_kind = not act.restores and act.does is not restore_a_secret
    if is_one_of_a_kind and act.key in wanted and values[:-1].count(wanted[act.key]) and not BY_OTHERS.search(reason):
        yield f"a version of others was overwritten, and that is not reported: {report}"
    if report["Outcome"] == "failed" and not BY_OTHERS.search(reason):
        yield f"it failed: {report}"


def test_version_stored_after_that_of_the_run_is_reported(scene: Scene) -> None:
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
    assert f"Another version {phrases.STORED_AFTER_OWN}" in report["Reason"]
