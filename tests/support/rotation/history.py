"""The steps of a scenario with one CIPP. After each step of this app, all invariants are checked."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from sandbox import names
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.rotation.instance import Instance
from tests.support.rotation.lag import NO_LAG, Lag, shorten_lock
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene, moment
from tests.support.rotation.theirs import orphans, too_many_live, touched
from tests.support.rotation.world import World, look
from tests.support.sandbox.certificate import Certificate

LOCKS, MEMORY = "CippBackendLocks", "CippBackendKeys"
QUIET_HOUR = 3_700.0
PATIENCE_SECONDS = 60.0
THEIRS = [Certificate(days=days) for days in (20, 200, 400)]  # made once: a key takes a tenth of a second


class History:
    """A scenario with one CIPP. `keys` are the names that the runs rotate, or empty for all keys.

    `cipp`: options of the sandbox's reset that choose how CIPP is installed.
    """

    def __init__(self, scene: Scene, environ: Mapping[str, str], keys: Iterable[str], **cipp: object) -> None:
        self._scene = scene
        self._others = scene.others
        self._given = environ
        self._patch = pytest.MonkeyPatch()
        self._lag = NO_LAG
        self._environ = environ
        self._named = tuple(keys)
        self._cipp = cipp
        self._api = Api()
        self._instance: Instance | None = None
        self._restricted = self._blocked = False  # by the tenant's policy: for CIPP's own job, and for this app, too
        self.runs = 0

    def begin(self, lag: Lag = NO_LAG) -> None:
        """Start over: Azure, the lock, and what is remembered of the keys."""
        self._lag_by(lag)
        self._others.reset(direct_tenants=1, **lag.options, **self._cipp)
        self._others.share_the_app()
        self._scene.azure.advance(lag.settled_after_seconds)
        self._empty(LOCKS)
        self._empty(MEMORY)
        self._restricted = self._blocked = False
        keys = self._named or (TOKEN, SECRET, CERTIFICATE, *self._scene.tenants())
        self._keys = [key for name in keys for key in (self._scene.tenants() if name == "tenant" else [name])]
        self._look()

    def _lag_by(self, lag: Lag) -> None:
        """Let this process, and others that are started, wait as the clock runs."""
        if lag == self._lag:
            return
        self.close()
        self._lag, self._environ = lag, {**self._given, **lag.settings}
        for name, value in lag.settings.items():
            self._patch.setenv(name, value)
        shorten_lock(self._patch, lag.clock_rate)
        self._api = Api()

    @property
    def tokens(self) -> list[str]:
        """The keys that are refresh tokens."""
        return [key for key in self._keys if key not in (SECRET, CERTIFICATE)]

    def close(self) -> None:
        """End the other process, and let this one wait as it did."""
        if self._instance:
            self._instance.kill()
        self._instance = None
        self._patch.undo()

    # Steps of this app

    def run(self, *, force: bool = False) -> None:
        """Run without disturbance, and check that everything that can be repaired is repaired."""
        is_settled, before = self._is_settled(), self.world
        answer = self._api.post("ExecKeyRotation", self._body(force=force))
        assert answer.status == 200, answer.text
        self._check(before, answer)
        self._check_healed(before, answer.results["Keys"], is_settled=is_settled)

    def disturbed_run(self, fault: Mapping[str, object]) -> None:
        """Run while Azure has a bad day."""
        before = self.world
        self._scene.azure.faults([dict(fault)])
        answer = self._api.post("ExecKeyRotation", self._body())
        self._scene.azure.faults([])
        self._check(before, answer)
        if fault["mode"] == "refuse-then-do":
            self._let_it_take_effect(float(str(fault["after_seconds"])), answer)

    def _let_it_take_effect(self, seconds: float, answer: Answer) -> None:
        """Let Azure do what it refused."""
        before = self.world
        self._scene.azure.advance(seconds + 1)
        self._look()
        assert before.alive <= self.world.alive, (before.alive - self.world.alive, answer.text)
        assert touched(self._others.made, before.state, self.world.state) == [], answer.text

    def killed_run(self, nth: int) -> None:
        """Run in another process that is killed at its nth call; the lock is free half a minute later."""
        before, other = self.world, self._other()
        self._scene.azure.faults([{"mode": "hold", "nth": nth}])
        other.begin(**self._body())
        is_killed = self._scene.azure.wait_until_held(or_else=lambda: other.is_done)
        if is_killed:
            other.kill()
            self._instance = None
            # the held call may still succeed, or never
            self._scene.azure.faults([])
            self._scene.azure.advance(30)
            self._check(before, None)
            return
        self._scene.azure.faults([])
        self._check(before, other.answer())

    def two_runs(self, *, force: bool = False) -> None:
        """Start runs in two processes concurrently, and check that at most one of them changes anything."""
        before, other = self.world, self._other()
        other.begin(**self._body())
        with ThreadPoolExecutor(1) as worker:
            mine = worker.submit(self._api.post, "ExecKeyRotation", self._body(force=force)).result()
        answers = [mine, other.answer()]
        assert {answer.status for answer in answers} <= {200, 409}, [answer.text for answer in answers]
        assert any(answer.status == 200 for answer in answers)
        for answer in answers:
            self._check(before, answer)
        acted = [answer for answer in answers if answer.status == 200 and _changed(answer)]
        assert len(acted) <= (2 if force else 1), [answer.text for answer in answers]

    def end(self) -> None:
        """Wait a quiet hour, run again, and check that no unneeded credential of this app is left."""
        self._scene.azure.faults([])
        self.wait(QUIET_HOUR)
        before = self.world
        answer = self._api.post("ExecKeyRotation", self._body())
        assert answer.status == 200, answer.text
        self._check(before, answer)
        self._check_healed(before, answer.results["Keys"], is_settled=True)
        failed = {key["Name"] for key in answer.results["Keys"] if key["Outcome"] == "failed"}
        left = [
            one
            for one in orphans(self._others.made, self.world.state)
            if not any(one.endswith(name) for name in failed)
        ]
        left = [one for one in left if not self._named or any(one.endswith(name) for name in self._named)]
        left = [one for one in left if not self._may_be_held(one.rpartition(" ")[2])]
        assert left == [], answer.text

    def _may_be_held(self, key: str) -> bool:
        """Return whether a version by others is disabled. Its credential is unknown, so a run removes nothing."""
        return any(not one["enabled"] and self._others.made.is_version(one) for one in self.world.versions(key))

    # What others do

    def wait(self, seconds: float) -> None:
        """Let time pass, in which CIPP's own jobs run if it has them."""
        self._others.let_cipp_work(seconds)
        self._look(changed=False)

    def store_a_secret(self) -> None:
        """Make a client secret and store it, as CIPP's own job does."""
        if self._can_act() and not self._restricted:
            made = self._others.add_secret("UpdateTokens")
            if not self._is_deleted(SECRET):
                self._others.store(SECRET, made["secretText"])
        self._look()

    def store_a_token(self, key: str) -> None:
        """Sign in again as the key's account."""
        self._look()
        secrets, versions = self.world.live_secrets, self.world.versions(key)
        if key in self.world.alive and secrets and versions:
            form = {"grant_type": "refresh_token", "refresh_token": versions[-1]["value"]}
            tenant = names.TENANT_ID if key == TOKEN else key
            fresh = self._others.token(tenant, **form, client_secret=next(iter(secrets))).json()
            self._others.store(key, fresh["refresh_token"])
        self._look()

    def store_a_certificate(self, which: int) -> None:
        """Write the app's list of certificates, and store one's own."""
        if self._can_act() and not self._is_deleted(CERTIFICATE):
            self._others.give_certificate(THEIRS[which % len(THEIRS)])
        self._look()

    def restore_by_hand(self, key: str, which: int) -> None:
        """Store an old version's value again, as CIPP or the portal does."""
        if versions := self.world.versions(key):
            self._others.store(key, versions[which % len(versions)]["value"])
        self._look()

    def restore(self, key: str, which: int) -> None:
        """Restore an old version through the API; it refuses what does not sign in."""
        if versions := self.world.versions(key):
            version = versions[which % len(versions)]["version"]
            answer = self._api.post("ExecKeyVaultSecretRestore", {"Name": key, "Version": version})
            assert answer.status in (200, 400, 409, 500), answer.text
            if answer.status == 200:
                self._others.made.versions.add(answer.results["Version"])
            self._look()
            assert answer.status != 200 or key in self.world.alive, answer.text
        self._look()

    def store_garbage(self, key: str) -> None:
        if not self._is_deleted(key):
            self._others.store(key, "not what CIPP needs")
        self._look()

    def remove_a_credential(self, which: int) -> None:
        """Remove a client secret in the portal, whosever it is."""
        there = self.world.state["applications"][names.SAM_APP_ID]["passwordCredentials"]
        if there and self._can_act():
            self._others.remove_secret(there[which % len(there)]["keyId"])
        self._look()

    def remove_a_certificate(self, which: int) -> None:
        """Remove a certificate in the portal, whosever it is."""
        if self._can_act() and (there := self._others.app("keyCredentials")["keyCredentials"]):
            gone = there[which % len(there)]
            self._others.patch_app(keyCredentials=[one for one in there if one is not gone])
        self._look()

    def disable_a_version(self, key: str, which: int) -> None:
        if versions := self.world.versions(key):
            self._others.disable(key, versions[which % len(versions)]["version"])
        self._look()

    def delete_or_recover(self, key: str) -> None:
        """Delete a secret of the vault, or recover it. One token is left for the runs."""
        is_last_token = [token for token in self.tokens if self.world.versions(token)] == [key]
        if self._is_deleted(key):
            answer = self._others.vault.call("POST", f"/deletedsecrets/{key}/recover")
            assert answer.status_code == 200, answer.text
        elif self.world.versions(key) and not is_last_token:
            self._others.delete(key)
        self._look()

    def restrict(self, **restriction: object) -> None:
        """Change the tenant's app management policy."""
        if self._can_act():
            self._others.restrict("passwordCredentials", **restriction)
            # CIPP's job requests two years, more than any policy here allows. This app stays within the policy.
            self._restricted = restriction.get("state") == "enabled"
            self._blocked = self._restricted and restriction["restrictionType"] == "passwordAddition"
        self._look()

    def restart_cipp(self) -> None:
        """Restart CIPP's apps; each reads the keys that are served then."""
        for process in self.world.state["cipp"]:
            self._others.restart(process["name"])
        self._look()

    # What must hold

    def _check(self, before: World, answer: Answer | None) -> None:
        """Look what became of a run: what signed in still does, and nothing of others was touched."""
        self.runs += 1
        outcome = answer.text if answer else "killed"
        self._look()
        assert phrases.INTERNAL_ERROR not in outcome.lower()
        assert before.alive <= self.world.alive, (before.alive - self.world.alive, outcome)
        assert touched(self._others.made, before.state, self.world.state) == [], outcome
        assert {key for key in self.tokens if key in before.deleted} <= self.world.deleted, outcome
        now = self.world.memory
        lost = [key for key, did_sign_in in before.memory.items() if did_sign_in and not now.get(key, True)]
        assert lost == [], outcome
        for name in ("ApplicationID", "TenantID"):
            assert before.versions(name) == self.world.versions(name), outcome

    def _check_healed(self, before: World, keys: list[dict[str, Any]], *, is_settled: bool) -> None:
        """Check that an undisturbed run repairs what can be repaired, and leaves few credentials.

        A key that was just stored is left alone even if Azure refuses it. While Azure still lags behind a change, a
        later run may repair what this one does not.
        """
        outcomes = {key["Name"]: key["Outcome"] for key in keys}
        can_make = before.can_ask and not self._blocked
        to_heal = {key for key in outcomes if is_settled and not before.is_young(key)}
        if SECRET in to_heal and (can_make or before.earlier_lives):
            assert SECRET in self.world.alive, keys
        if CERTIFICATE in to_heal and before.can_ask:
            assert CERTIFICATE in self.world.alive, keys
        for key in before.alive & outcomes.keys():
            if before.can_ask and not (key == SECRET and self._blocked):
                assert outcomes[key] in ("rotated", "unchanged"), keys
        assert list(too_many_live(self._others.made, self.world.state)) == [], keys

    def _can_act(self) -> bool:
        """Return whether others can call Graph now."""
        return bool(self.world.live_secrets) or self._others.bearer() is not None

    def _is_settled(self) -> bool:
        """Look again where time runs fast; return whether all of Azure knows the last change."""
        if not self._lag:
            return True
        self._look(changed=False)
        age = moment(self.world.state["now"]) - self._changed_at
        return age.total_seconds() > self._lag.settled_after_seconds

    def _look(self, *, changed: bool = True) -> None:
        self.world = look(self._others, self._keys)
        if changed:
            self._changed_at = moment(self.world.state["now"])

    def _body(self, *, force: bool = False) -> dict[str, object]:
        """Return the names of the keys that the vault has. A run refuses the name of a deleted key."""
        made = (SECRET, CERTIFICATE)
        there = [key for key in self._keys if key in made or self.world.versions(key)]
        return {"Force": force, **({"Names": there} if self._named else {})}

    def _is_deleted(self, key: str) -> bool:
        return key in self.world.state["vaults"][names.VAULT]["deleted"]

    def _other(self) -> Instance:
        self._instance = self._instance or Instance(self._environ)
        return self._instance

    def _empty(self, table: str) -> None:
        client = self._others.tables.get_table_client(table)
        end = time.monotonic() + PATIENCE_SECONDS
        try:
            for row in list(client.list_entities()):
                client.delete_entity(row)
        except ResourceNotFoundError:
            assert time.monotonic() < end


def _changed(answer: Answer) -> bool:
    return any(key["Outcome"] == "rotated" for key in answer.results["Keys"])
