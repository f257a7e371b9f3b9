"""The client secret: when it is created, how it is verified, what is stored with it, and who created it."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.rotation.scene import CERTIFICATE, ENTRA, GRAPH, SECRET, TOKEN, VAULT, Scene, key_of, moment
from tests.support.sandbox.certificate import Certificate

OURS = "CIPP Backend"


def own(scene: Scene) -> list[str]:
    """Return the key ids of this app's client secrets on the registration, oldest first."""
    return [one["keyId"] for one in scene.secrets_on_app() if (one["displayName"] or "").startswith(OURS)]


def restart(scene: Scene) -> None:
    """Restart every app of CIPP, so that it reads the client secret that is served now."""
    for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
        scene.others.restart(site)


def sign_ins_with(scene: Scene, secret: str) -> int:
    """Count how often a client secret was shown to Entra to sign in."""
    sign_ins = scene.calls(ENTRA, "POST", body="grant_type=client_credentials")
    return sum(parse_qs(call["request_body"])["client_secret"] == [secret] for call in sign_ins)


def order_of(scene: Scene, *wanted: tuple[str, str, str]) -> list[int]:
    """Return the number of the first call of each (method, host, path)."""
    calls = scene.azure.calls()
    return [
        next(i for i, c in enumerate(calls) if c["method"] == m and c["host"] == h and p in c["path"].lower())
        for m, h, p in wanted
    ]


def test_client_secret_is_created_after_the_tokens_verified_stored_and_tagged(scene: Scene) -> None:
    old = scene.served(SECRET)
    rotation = scene.rotate()
    assert [key["Name"] for key in rotation["Keys"]] == [TOKEN, scene.tenants()[0], SECRET, CERTIFICATE]
    tenant = scene.tenants()[0]
    order = order_of(
        scene,
        ("PUT", VAULT, f"/secrets/{tenant}"),
        ("POST", GRAPH, "/addpassword"),
        ("PUT", VAULT, "/secrets/applicationsecret"),
    )
    assert order == sorted(order)
    assert order_of(scene, ("PUT", VAULT, "/secrets/refreshtoken"))[0] < order[1]
    served, key = scene.served(SECRET), key_of(rotation["Keys"], SECRET)
    made = next(one for one in scene.secrets_on_app() if one["keyId"] == served["tags"]["credential-id"])
    assert made["secretText"] == served["value"]
    assert made["displayName"].startswith(OURS)
    assert served["tags"]["rotated-by"] == OURS
    assert served["tags"]["follows"] == old["version"]
    assert served["tags"]["rotation-run"] == rotation["RunId"]
    assert served["contentType"] == "text/plain; client secret"
    assert served["expires"] == made["endDateTime"] == key["Expires"]
    lived = moment(made["endDateTime"]) - moment(made["startDateTime"])
    assert abs(lived - timedelta(days=180)) < timedelta(seconds=30)
    assert key["Outcome"] == "rotated"
    assert old["value"] in [one["secretText"] for one in scene.secrets_on_app()]  # the old one stays
    assert scene.signs_in()


@pytest.mark.usefixtures("three_sign_in_checks")
def test_client_secret_is_verified_three_times_before_the_store_and_once_after(scene: Scene) -> None:
    scene.report(SECRET)
    assert sign_ins_with(scene, scene.value(SECRET)) == 4
    (addition,) = scene.calls(GRAPH, "POST", "/addPassword")
    assert addition["status"] == 200
    calls = scene.azure.calls()
    stored = next(i for i, c in enumerate(calls) if c["method"] == "PUT" and c["host"] == VAULT)
    before = [c for c in calls[:stored] if c["host"] == ENTRA and "8Q~" in str(c["request_body"]).replace("%7E", "~")]
    assert sum(scene.value(SECRET) in parse_qs(c["request_body"])["client_secret"] for c in before) == 3


def test_verification_waits_for_entra_and_restarts_after_a_refusal(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    scene.azure.reset(direct_tenants=0, propagation_seconds=0.6)
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "2")
    nowhere.setenv("KEY_ROTATION_PROOF_GAP_SECONDS", "0.2")
    assert scene.report(SECRET)["Outcome"] == "rotated"
    secret = scene.value(SECRET)
    sign_ins = [
        c
        for c in scene.calls(ENTRA, body="client_credentials")
        if secret in parse_qs(c["request_body"])["client_secret"]
    ]
    statuses = [call["status"] for call in sign_ins]
    assert statuses[-3:] == [200, 200, 200]
    assert 401 in statuses


def test_client_secret_is_removed_when_it_can_not_sign_in_in_time(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    scene.azure.reset(direct_tenants=0, propagation_seconds=600)
    scene.go(seconds=700)
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    before = scene.secrets_on_app()
    key = scene.report(SECRET)
    assert key["Outcome"] == "failed"
    assert "AADSTS7000215" in key["Reason"]
    assert len(scene.versions(SECRET)) == 1
    assert scene.secrets_on_app() == before


@pytest.mark.usefixtures("three_sign_in_checks")
def test_earlier_value_is_restored_when_the_stored_one_can_not_sign_in(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.1")
    old = scene.served(SECRET)
    # The old one signs in for Graph's calls; of the new one's sign-ins the fourth comes after the store.
    hint = f"client_secret=(?!{old['value'][:3]})"
    scene.azure.faults(
        [{"host": ENTRA, "body": hint, "nth": 4, "times": 0, "mode": "refuse", "status": 401, "aadsts": 7000215}]
    )
    key = scene.report(SECRET)
    assert key["Outcome"] == "failed"
    served = scene.served(SECRET)
    assert served["value"] == old["value"]
    assert served["tags"]["restored-from"] == old["version"]
    assert len(scene.versions(SECRET)) == 3
    assert len(own(scene)) == 1  # a version of the vault names it, so it retires like any other
    assert scene.signs_in()


def test_lifetime_of_the_client_secret_is_a_setting(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_LIFETIME_DAYS", "60")
    key = scene.report(SECRET)
    assert timedelta(days=59, hours=23) < moment(key["Expires"]) - scene.now() <= timedelta(days=60)


def test_lifetime_of_a_policy_minus_an_hour_overrides_the_setting(scene: Scene) -> None:
    scene.others.restrict("passwordCredentials", restrictionType="passwordLifetime", maxLifetime="P40D")
    key = scene.report(SECRET)
    assert key["Outcome"] == "rotated"
    lived = moment(key["Expires"]) - scene.now()
    assert timedelta(days=39, hours=22) < lived <= timedelta(days=39, hours=23)
    overview = scene.overview()
    assert any(f"{phrases.ALLOWS_DAYS} 40 days" in note and phrases.CIPPS_OWN_JOB in note for note in overview["Notes"])


def test_client_secret_is_due_every_sunday_at_most_once_a_day(scene: Scene) -> None:
    scene.go_to(scene.sunday(after=timedelta(hours=2)) - timedelta(hours=1))  # late on Saturday
    assert scene.report(SECRET, force=True)["Outcome"] == "rotated"
    scene.go(hours=2)
    assert scene.report(SECRET)["Outcome"] == "unchanged"  # a new week, but made two hours ago
    assert scene.report(SECRET, force=True)["Outcome"] == "rotated"
    scene.go_to(scene.sunday() + timedelta(minutes=1))
    left = scene.report(SECRET)
    assert left["Outcome"] == "unchanged"
    assert f"Restart '{names.MAIN_SITE}', '{names.OFFLOAD_SITE}'" in left["Reason"]
    restart(scene)
    assert scene.report(SECRET)["Outcome"] == "rotated"


def test_age_of_the_client_secret_is_counted_in_starts_of_weeks(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "28")
    assert scene.report(SECRET)["Outcome"] == "rotated"
    restart(scene)
    first = scene.sunday()
    for week in range(3):
        scene.go_to(first + timedelta(weeks=week, minutes=1))
        assert scene.report(SECRET, dry=True)["Outcome"] == "unchanged"
    scene.go_to(first + timedelta(weeks=3, minutes=1))
    assert scene.report(SECRET, dry=True)["Outcome"] == "planned"


@pytest.mark.parametrize(
    ("life", "left", "outcome"),
    [
        (180, 46, "unchanged"),
        (180, 44, "planned"),  # 45 days are shorter than a third
        (90, 31, "unchanged"),
        (90, 29, "planned"),  # a third is shorter than 45 days
    ],
)
def test_client_secret_is_due_at_any_age_when_it_expires_soon(
    scene: Scene, nowhere: pytest.MonkeyPatch, life: int, left: int, outcome: str
) -> None:
    nowhere.setenv("KEY_ROTATION_SECRET_MAX_AGE_DAYS", "700")
    scene.others.patch_app(servicePrincipalLockConfiguration={"isEnabled": True, "allProperties": True})
    made = scene.others.add_secret(endDateTime=f"{(scene.now() + timedelta(days=life)).isoformat()}")
    scene.others.store(SECRET, made["secretText"])
    scene.go(days=life - left)
    key = scene.report(SECRET, dry=True)
    assert key["Outcome"] == outcome, key
    assert (phrases.EXPIRES_SOON in key["Reason"]) == (outcome == "planned")


def test_client_secret_by_others_is_identified_by_hint_and_never_removed(scene: Scene) -> None:
    seeded = scene.secrets_on_app()[0]
    dry = scene.report(SECRET, dry=True)
    assert dry["Expires"] == seeded["endDateTime"]  # by the hint, because the vault does not have the expiry
    assert dry["CurrentSince"] == scene.served(SECRET)["created"]
    made = scene.others.add_secret("By an admin")
    version = scene.others.store(SECRET, made["secretText"])
    assert scene.report(SECRET, dry=True)["Expires"] == made["endDateTime"]
    assert scene.report(SECRET, force=True)["Outcome"] == "rotated"
    scene.go(days=40)
    restart(scene)
    scene.rotate(SECRET)
    assert made["keyId"] in [one["keyId"] for one in scene.secrets_on_app()]
    assert next(one for one in scene.versions(SECRET) if one["version"] == version)["enabled"]
    assert any(made["keyId"] in line and phrases.CREATED_BY_OTHERS in line for line in scene.overview()["NotRotated"])


def test_stored_value_that_fits_two_credentials_is_not_matched(scene: Scene) -> None:
    value = scene.value(SECRET)
    twin = next(made for made in iter(lambda: scene.others.add_secret("x"), None))
    scene.others.store(SECRET, f"{twin['hint']}no-such-secret")
    scene.go(minutes=6)
    assert scene.report(SECRET, dry=True)["Outcome"] == "planned"  # it does not sign in
    assert value != scene.value(SECRET)


def test_revoked_client_secret_is_replaced_with_the_certificate(scene: Scene) -> None:
    scene.others.give_certificate(Certificate())
    scene.others.store(SECRET, "dead")
    scene.others.disable(SECRET, scene.versions(SECRET)[0]["version"])  # no earlier one exists
    young = key_of(scene.rotate()["Keys"], SECRET)
    assert (young["Outcome"], "Not verified yet." in young["Reason"]) == ("unchanged", True)
    scene.go(minutes=6)
    key = key_of(scene.rotate()["Keys"], SECRET)
    assert key["Outcome"] == "rotated"
    assert phrases.CANT_SIGN_IN in key["Reason"]
    assert scene.signs_in()
    assert scene.redeems(TOKEN)


def test_valid_earlier_client_secret_is_restored_first(scene: Scene) -> None:
    old = scene.served(SECRET)
    scene.others.store(SECRET, "dead")
    scene.go(minutes=6)
    assert phrases.AN_EARLIER_CAN in scene.report(SECRET, dry=True)["Reason"]
    key = scene.report(SECRET)
    assert key["Outcome"] == "rotated"
    assert phrases.STORED_AGAIN in key["Reason"]
    versions = scene.versions(SECRET)
    assert versions[2]["value"] == old["value"]
    assert versions[2]["tags"]["restored-from"] == old["version"]
    assert scene.signs_in()


def test_refused_young_secret_is_left_while_an_earlier_one_is_valid(scene: Scene) -> None:
    scene.others.store(SECRET, "garbage")
    before = scene.versions(SECRET), scene.secrets_on_app()
    keys = scene.rotate()["Keys"]
    young = key_of(keys, SECRET)
    assert (young["Outcome"], "Not verified yet." in young["Reason"]) == ("unchanged", True)
    assert [key_of(keys, name)["Outcome"] for name in (TOKEN, scene.tenants()[0], CERTIFICATE)] == ["rotated"] * 3
    assert (scene.versions(SECRET), scene.secrets_on_app()) == before


def test_run_writes_nothing_when_no_credential_can_sign_in(scene: Scene) -> None:
    scene.others.store(SECRET, "dead")
    scene.others.disable(SECRET, scene.versions(SECRET)[0]["version"])
    before = len(scene.calls(VAULT, "PUT"))
    assert phrases.NOT_VERIFIED_YET in scene.report(SECRET)["Reason"]
    scene.go(minutes=6)
    keys = scene.rotate()["Keys"]
    assert {key["Outcome"] for key in keys} == {"failed"}
    assert all("AADSTS7000215" in key["Reason"] for key in keys)
    assert len(scene.calls(VAULT, "PUT")) == before
    assert key_of(scene.prove(), SECRET)["Outcome"] == "dead"
    overview = scene.overview()
    assert f"{phrases.CIPP_FAILS_WITH} ApplicationSecret" in overview["Sentence"]


def test_blocking_policy_rule_is_reported_with_the_command_that_lifts_it(scene: Scene) -> None:
    scene.others.restrict("passwordCredentials", restrictionType="passwordAddition", maxLifetime=None)
    key = scene.report(SECRET)
    assert key["Outcome"] == "failed"
    assert "passwordAddition" in key["Advice"]
    assert "az rest --method POST" in key["Advice"]
    assert "passwordCredentials" in key["Advice"]
    assert not scene.others.graph("GET", "policies/appManagementPolicies")["value"]
    assert not [c for c in scene.calls(GRAPH, "POST") if "policies" in c["path"].lower()]


def policies(scene: Scene) -> list[dict[str, object]]:
    found: list[dict[str, object]] = scene.others.graph("GET", "policies/appManagementPolicies")["value"]
    return found


def test_policy_is_created_for_this_app_alone_when_allowed(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    scene.others.restrict("passwordCredentials", restrictionType="passwordAddition", maxLifetime=None)
    assert scene.report(SECRET)["Outcome"] == "rotated"
    (policy,) = policies(scene)
    assert policy["displayName"] == "CIPP Exemption Policy"
    applies_to = scene.others.graph("GET", f"policies/appManagementPolicies/{policy['id']}/appliesTo")["value"]
    assert [app["id"] for app in applies_to] == [names.SAM_OBJECT_ID]


def test_policy_of_an_interrupted_run_is_used_again(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    scene.others.restrict("passwordCredentials", restrictionType="passwordAddition", maxLifetime=None)
    left = {"displayName": "CIPP Exemption Policy", "isEnabled": True, "restrictions": {}}
    scene.others.graph("POST", "policies/appManagementPolicies", left)
    assert scene.report(SECRET)["Outcome"] == "rotated"
    assert len(policies(scene)) == 1


@pytest.mark.parametrize("name", ["The admin's own", "CIPP Exemption Policy"])
def test_a_policy_of_others_is_not_changed(scene: Scene, nowhere: pytest.MonkeyPatch, name: str) -> None:
    """A policy with another name, or one of this app that applies to another app, too, is not changed."""
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    addition = {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None}
    body = {"displayName": name, "isEnabled": True, "restrictions": {"passwordCredentials": [addition]}}
    made = scene.others.graph("POST", "policies/appManagementPolicies", body)
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{made['id']}"}
    scene.others.graph("POST", f"applications/{names.SAM_OBJECT_ID}/appManagementPolicies/$ref", link)
    before = policies(scene)
    key = scene.report(SECRET)
    if name == "CIPP Exemption Policy":  # it applies to this app alone, so it may be changed
        assert key["Outcome"] == "rotated"
        return
    assert key["Outcome"] == "failed"
    assert (
        f"--method PATCH --url https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{made['id']}"
        in key["Advice"]
    )
    assert policies(scene) == before


def test_rule_of_others_in_the_apps_policy_stays(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_MANAGE_POLICY", "true")
    rules = [
        {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None},
        {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P50D"},
    ]
    body = {"displayName": "CIPP Exemption Policy", "isEnabled": True, "restrictions": {"passwordCredentials": rules}}
    made = scene.others.graph("POST", "policies/appManagementPolicies", body)
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{made['id']}"}
    scene.others.graph("POST", f"applications/{names.SAM_OBJECT_ID}/appManagementPolicies/$ref", link)
    key = scene.report(SECRET)
    assert key["Outcome"] == "rotated"
    assert moment(key["Expires"]) - scene.now() < timedelta(days=50)
    (policy,) = policies(scene)
    left = {rule["restrictionType"]: rule["state"] for rule in policy["restrictions"]["passwordCredentials"]}  # type: ignore[index]
    assert left["passwordLifetime"] == "enabled"
    assert left["passwordAddition"] == "disabled"


def test_dry_run_reports_its_steps_and_changes_nothing(scene: Scene) -> None:
    before = scene.azure.state()["vaults"], scene.secrets_on_app()
    rotation = scene.rotate(dry=True)
    assert [line.partition(":")[0] for line in rotation["WouldDo"]] == [key["Name"] for key in rotation["Keys"]]
    assert phrases.CREATE_VERIFY_STORE in next(line for line in rotation["WouldDo"] if line.startswith(SECRET))
    for key in rotation["Keys"][:3]:
        assert key["Outcome"] == "planned"
        assert key["CurrentSince"] == scene.served(key["Name"])["created"]
        assert moment(key["Expires"]) > scene.now()
        words = f"It {phrases.EXPIRES_SOON}" if key["Name"] == SECRET else phrases.DUE
        assert key["Reason"].startswith(words)
    assert (scene.azure.state()["vaults"], scene.secrets_on_app()) == before
    assert not [c for c in scene.calls(VAULT) + scene.calls(GRAPH) if c["method"] != "GET"]
    made = scene.others.add_secret()
    scene.others.store(SECRET, made["secretText"])
    (line,) = scene.rotate(SECRET, dry=True)["WouldDo"]
    assert line.endswith(phrases.LOCK_PRINCIPALS)


def test_unlocked_service_principals_are_locked(scene: Scene) -> None:
    scene.rotate(SECRET)
    lock = scene.others.app("servicePrincipalLockConfiguration")["servicePrincipalLockConfiguration"]
    assert lock == {"isEnabled": True, "allProperties": True}
    scene.rotate(SECRET)
    assert len(scene.calls(GRAPH, "PATCH")) == 1


def test_soft_deleted_secret_is_recovered_before_it_is_written(scene: Scene) -> None:
    scene.others.give_certificate(Certificate())  # so that a sign-in is possible
    scene.others.delete(SECRET)
    key = scene.report(SECRET)
    assert key["Outcome"] == "rotated"
    assert len(scene.versions(SECRET)) == 2
    assert scene.signs_in()
