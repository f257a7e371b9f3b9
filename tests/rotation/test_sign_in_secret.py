"""The secret of the app with which users sign in to a container: its expiry, its renewal, and its removal."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.health.watch import SIGN_IN_WORKS_UNTIL
from backend.rotation.reporting.status import sign_in_promise
from backend.rotation.results import KeyState
from backend.rotation.running.sign_in_secret import MAY_CHANGE_ALL, MAY_CHANGE_OWN
from sandbox import names
from sandbox.permissions import GRAPH_APP_ROLES
from tests.hosting.test_callbacks import let_identity_repair
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.rotation.scene import ARM, ENTRA, GRAPH, VAULT, Scene, key_of, moment
from tests.support.sandbox.person import Person

SECRET = "SSOAppSecret"
REFRESH = "/config/configreferences/appsettings/refresh"
SITE = f"{WEB}/sites/{names.MAIN_SITE}"
APP = f"/applications/{names.SSO_OBJECT_ID}"


@pytest.fixture
def container(scene: Scene) -> Scene:
    """A container on a Tuesday at noon, when none of CIPP's own jobs runs."""
    scene.others.reset(propagation_seconds=0, direct_tenants=0, shape="container", start_seconds=0.3)
    scene.go_to(scene.sunday() + timedelta(days=2, hours=12))
    return scene


def on_app(scene: Scene) -> list[dict[str, Any]]:
    return list(scene.azure.state()["applications"][names.SSO_APP_ID]["passwordCredentials"])


def active(scene: Scene) -> str:
    """Return the version that App Service uses."""
    found = Admin(scene.azure).call("GET", f"{SITE}/config/configreferences/appsettings/AUTH_SECRET", "2024-04-01")
    return str(found["properties"]["activeVersion"])


def give(scene: Scene, *, days: float, life: float = 730) -> None:
    """Replace the secret by one that expires in so many days, as an admin does."""
    (old,) = on_app(scene)
    start, end = (f"{scene.now() + timedelta(days=one):%Y-%m-%dT%H:%M:%SZ}" for one in (days - life, days))
    fields = {"displayName": "CIPP-SSO-Secret", "startDateTime": start, "endDateTime": end}
    made = scene.others.graph("POST", f"{APP[1:]}/addPassword", {"passwordCredential": fields})
    scene.others.graph("POST", f"{APP[1:]}/removePassword", {"keyId": old["keyId"]})
    scene.others.store(SECRET, made["secretText"])


def signs_in(scene: Scene) -> bool:
    """Return whether the secret in the vault is one of the sign-in app."""
    return bool(
        scene.others.token(
            client_id=names.SSO_APP_ID, grant_type="client_credentials", client_secret=scene.value(SECRET)
        ).ok
    )


def test_expiry_of_the_sign_in_is_beside_that_of_cipp(container: Scene) -> None:
    (seeded,) = on_app(container)
    overview = container.overview()
    assert overview["SignInWorksUntil"] == seeded["endDateTime"]
    state = key_of(overview["Keys"], SECRET)
    assert (state["Kind"], state["Counts"], state["Problems"]) == ("SignInSecret", False, [])
    assert overview["WorksUntil"] < overview["SignInWorksUntil"]
    assert not [text for text in overview["NotRotated"] if SECRET in text]


def test_deleted_secret_of_the_sign_in_is_stated_with_its_cure(
    container: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    works_until = container.overview()["SignInWorksUntil"]
    container.others.delete(SECRET)
    overview = container.overview()
    assert moment(overview["SignInWorksUntil"]) <= container.now()
    assert "ExecKeyVaultSecretRecover" in overview["SignInSentence"]
    container.tick("KeyRotationCatchUp")
    days = [one.__dict__["daysLeft"] for one in caplog.records if one.__dict__.get("event") == SIGN_IN_WORKS_UNTIL]
    assert days == [0]
    assert container.api().post("ExecKeyVaultSecretRecover", {"Name": SECRET, "DryRun": False}).status == 200
    assert container.overview()["SignInWorksUntil"] == works_until


def test_function_apps_have_no_secret_of_a_sign_in(scene: Scene) -> None:
    scene.others.store(SECRET, "left by a setup")
    overview = scene.overview()
    assert (overview["SignInWorksUntil"], overview["SignInSentence"]) == (None, None)
    assert [text for text in overview["NotRotated"] if SECRET in text]
    assert scene.api().post("ExecKeyRotation", {"Names": [SECRET]}).status == 400


def test_secret_of_the_sign_in_is_checked_as_its_own_app(container: Scene) -> None:
    (proof,) = container.prove(SECRET)
    assert proof["Outcome"] == "proven"
    assert container.calls(ENTRA, body=f"client_id={names.SSO_APP_ID}")
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=1)
    assert container.prove(SECRET)[0]["Outcome"] == "unproven"  # Entra may not have it yet
    container.go(minutes=10)
    assert container.prove(SECRET)[0]["Outcome"] == "dead"
    overview = container.overview()
    assert moment(overview["SignInWorksUntil"]) <= container.now()
    assert moment(overview["WorksUntil"]) > container.now()


def test_renewal_of_the_sign_in_keeps_the_safe_order(container: Scene) -> None:
    (old,) = on_app(container)
    plan = container.rotate(SECRET, force=True, dry=True)
    assert "update" in " ".join(plan["WouldDo"])
    assert on_app(container) == [old]
    assert container.report(SECRET)["Outcome"] == "unchanged"
    report = container.report(SECRET, force=True)
    assert report["Outcome"] == "rotated", report
    kept, new = on_app(container)
    assert kept == old
    served = container.served(SECRET)
    assert served["tags"]["credential-id"] == new["keyId"]
    assert report["Expires"] == new["endDateTime"]
    assert active(container) == served["version"]
    assert signs_in(container)
    order = [
        next(
            i
            for i, c in enumerate(container.azure.calls())
            if c["host"] == host and path in c["path"] and c["method"] == method
        )
        for method, host, path in (
            ("POST", GRAPH, f"{APP}/addPassword"),
            ("PUT", VAULT, f"/secrets/{SECRET}"),
            ("POST", ARM, REFRESH),
        )
    ]
    assert order == sorted(order)
    assert container.restarts() == []


def test_sign_in_is_renewed_45_days_before_it_expires(container: Scene) -> None:
    give(container, days=46)
    container.tick("KeyRotationCatchUp")
    assert len(on_app(container)) == 1
    container.go(days=2)
    container.tick("KeyRotationCatchUp")
    assert len(on_app(container)) == 2
    assert signs_in(container)
    container.tick("KeyRotationCatchUp")
    assert len(on_app(container)) == 2


def test_short_secret_of_the_sign_in_is_renewed_in_its_last_third(container: Scene) -> None:
    give(container, days=31, life=90)
    assert container.report(SECRET)["Outcome"] == "unchanged"
    container.go(days=2)
    assert container.report(SECRET)["Outcome"] == "rotated"


def test_renewal_of_the_sign_in_waits_for_cipps_own_jobs(container: Scene) -> None:
    container.go_to(container.sunday() + timedelta(days=2, hours=23))
    report = container.report(SECRET, force=True)
    assert report["Outcome"] == "unchanged"
    assert len(on_app(container)) == 1
    container.go(hours=3)
    assert container.report(SECRET, force=True)["Outcome"] == "rotated"


def test_revoked_secret_of_the_sign_in_is_replaced_at_any_time(container: Scene) -> None:
    (seeded,) = on_app(container)
    container.others.graph("POST", f"{APP[1:]}/removePassword", {"keyId": seeded["keyId"]})
    container.go_to(container.sunday() + timedelta(days=2, hours=23))
    assert container.report(SECRET)["Outcome"] == "rotated"
    assert signs_in(container)
    assert active(container) == container.served(SECRET)["version"]


def test_app_service_keeps_a_version_that_works_while_cipps_own_jobs_run(container: Scene) -> None:
    used = active(container)
    container.go_to(container.sunday() + timedelta(days=2, hours=22, minutes=50))
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    assert container.report(SECRET)["Outcome"] == "rotated"
    assert active(container) == used
    container.go(hours=3)
    container.tick("KeyRotationCatchUp")
    assert signs_in(container)


def test_old_secret_stays_for_30_days_and_until_it_is_unused(container: Scene) -> None:
    (foreign,) = on_app(container)
    container.report(SECRET, force=True)
    first = on_app(container)[1]
    container.go(days=2)
    container.report(SECRET, force=True)
    keys = {one["keyId"] for one in on_app(container)}
    assert {first["keyId"], foreign["keyId"]} < keys
    container.go(days=29)
    container.report(SECRET)
    assert {one["keyId"] for one in on_app(container)} == keys
    container.go(days=2)
    stale = {"host": ARM, "path": "/configreferences/appsettings/AUTH_SECRET", "times": 0, "method": "GET"}
    container.azure.faults([{**stale, "edit": [["properties.activeVersion", "0" * 32]]}])
    container.report(SECRET)
    assert {one["keyId"] for one in on_app(container)} == keys
    container.azure.faults([])
    container.report(SECRET)
    assert {one["keyId"] for one in on_app(container)} == keys - {first["keyId"]}  # that of CIPP stays


@pytest.mark.parametrize("status", [403, 404])
def test_refused_read_of_the_reference_leaves_it_to_app_service(container: Scene, status: int) -> None:
    container.azure.faults([{"host": ARM, "path": REFRESH, "mode": "refuse", "status": status, "times": 0}])
    rotation = container.rotate(SECRET, force=True)
    assert key_of(rotation["Keys"], SECRET)["Outcome"] == "rotated"
    assert [text for text in rotation["Warnings"] if SECRET in text and "day" in text]
    container.azure.faults([])
    container.go(hours=1)
    container.report(SECRET)
    assert active(container) == container.served(SECRET)["version"]


def test_app_service_is_left_alone_without_controls(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("ENABLE_CONTROLS", "false")
    used = active(container)
    assert container.report(SECRET, force=True)["Outcome"] == "rotated"
    assert active(container) == used
    (seeded, *_) = on_app(container)
    container.others.graph("POST", f"{APP[1:]}/removePassword", {"keyId": seeded["keyId"]})
    container.go(minutes=20)
    container.report(SECRET)
    assert active(container) == container.served(SECRET)["version"]


def test_identity_renews_the_sign_in_if_the_sam_app_is_limited(container: Scene) -> None:
    person = Person(container.azure)
    let_identity_repair(person)
    granted = f"/servicePrincipals(appId='{names.SAM_APP_ID}')/appRoleAssignments"
    principal = person.make("GET", f"/servicePrincipals(appId='{names.SAM_APP_ID}')")["id"]
    roles = {role: name for name, role in GRAPH_APP_ROLES.items()}
    for one in person.make("GET", granted)["value"]:
        if roles[one["appRoleId"]] in MAY_CHANGE_ALL:
            person.make("DELETE", f"/servicePrincipals/{principal}/appRoleAssignments/{one['id']}")
            role = {"appRoleId": GRAPH_APP_ROLES[MAY_CHANGE_OWN], "principalId": principal}
            person.make("POST", f"/servicePrincipals/{principal}/appRoleAssignments", {**one, **role})
    assert container.report(SECRET, force=True)["Outcome"] == "rotated"
    assert len(on_app(container)) == 2


def test_lifetime_of_the_tenants_policy_applies_to_the_sign_in(container: Scene) -> None:
    container.others.restrict("passwordCredentials", restrictionType="passwordLifetime", maxLifetime="P60D")
    container.report(SECRET, force=True)
    _, new = on_app(container)
    assert moment(new["endDateTime"]) - moment(new["startDateTime"]) <= timedelta(days=60)


def state(ends: timedelta | None, now: datetime) -> KeyState:
    return KeyState(
        name=SECRET,
        kind="SignInSecret",
        display_name=None,
        current_since=None,
        ends=None if ends is None else now + ends,
        last_proven=None,
        counts=False,
        overlapping=[],
        problems=[],
    )


def test_promise_is_about_the_version_that_app_service_uses(container: Scene) -> None:
    give(container, days=20)
    container.go(days=1)  # App Service reads it
    first = on_app(container)[0]["endDateTime"]
    container.azure.faults([{"host": ARM, "path": REFRESH, "mode": "refuse", "status": 403, "times": 0}])
    assert container.report(SECRET)["Outcome"] == "rotated"
    overview = container.overview()
    assert overview["SignInWorksUntil"] == first
    container.others.graph("POST", f"{APP[1:]}/removePassword", {"keyId": on_app(container)[0]["keyId"]})
    assert moment(container.overview()["SignInWorksUntil"]) <= container.now()
    reference = {"host": ARM, "path": "/configreferences/appsettings/AUTH_SECRET", "times": 0, "method": "GET"}
    container.azure.faults([{**reference, "edit": [["properties.status", "AccessToKeyVaultDenied"]]}])
    assert "AccessToKeyVaultDenied" in container.overview()["SignInSentence"]


def test_promise_of_the_sign_in_names_the_day() -> None:
    now = moment("2026-09-16T12:00:00Z")
    assert sign_in_promise(state(None, now), now)[0] is None
    until, sentence = sign_in_promise(state(timedelta(days=1), now), now)
    assert until == now + timedelta(days=1)
    assert "2026-09-17" in sentence
    assert "2026-09-15" in sign_in_promise(state(timedelta(days=-1), now), now)[1]
    assert SECRET in sign_in_promise(state(timedelta(), now), now, "can't sign in")[1]


def use_another_app(scene: Scene) -> str:
    """Let App Service sign users in with a second app, whose secret is in the vault, and return its ID (S13)."""
    app = scene.others.graph("POST", "applications", {"displayName": "CIPP-SSO, new"})
    made = scene.others.graph("POST", f"applications/{app['id']}/addPassword", {"passwordCredential": {}})
    scene.others.store(SECRET, made["secretText"])
    admin, auth = Admin(scene.azure), f"{SITE}/config/authsettingsV2"
    settings = admin.call("GET", auth, SITES_API)["properties"]
    provider = settings["identityProviders"]["azureActiveDirectory"]
    provider["registration"]["clientId"] = app["appId"]
    provider["validation"]["allowedAudiences"] = [f"api://{app['appId']}"]
    provider["validation"]["defaultAuthorizationPolicy"]["allowedApplications"] = [app["appId"]]
    admin.call("PUT", auth, SITES_API, {"properties": settings})
    return str(app["appId"])


def test_secret_of_another_app_than_the_vaults_is_never_replaced(container: Scene) -> None:
    app_id = use_another_app(container)
    container.go(hours=1)
    versions, on_apps = container.versions(SECRET), container.azure.state()["applications"]
    container.tick("KeyRotationCatchUp")
    report = container.report(SECRET, force=True)
    assert report["Outcome"] == "failed"
    assert app_id in report["Reason"]
    assert names.SSO_APP_ID in report["Reason"]
    assert container.prove(SECRET)[0]["Outcome"] == "unproven"
    assert container.overview()["SignInWorksUntil"] is None
    assert container.versions(SECRET) == versions
    assert container.azure.state()["applications"][app_id] == on_apps[app_id]
    assert on_app(container) == on_apps[names.SSO_APP_ID]["passwordCredentials"]


@pytest.mark.parametrize("status", [403, 429])
def test_secret_is_not_replaced_while_the_app_is_unknown(container: Scene, status: int) -> None:
    container.others.store(SECRET, "~~~ not of the app")
    container.go(minutes=10)
    fault = {"host": ARM, "path": "/config/authsettingsV2", "mode": "refuse", "status": status, "times": 0}
    container.azure.faults([fault])
    assert container.report(SECRET)["Outcome"] == "failed"
    assert len(on_app(container)) == 1
    container.azure.faults([])
    assert container.report(SECRET)["Outcome"] == "rotated"
