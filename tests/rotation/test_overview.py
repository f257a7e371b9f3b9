"""ListKeyRotations: how long CIPP keeps working, the last runs, and what is not rotated."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.rotation.reporting.status import promise
from backend.rotation.results import KeyState
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.rotation.pfx import thumbprint
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene, key_of, moment, refused
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.vault_calls import identity_token

STRANGER = "11111111-2222-3333-4444-555555555555"
SILENT = {"host": "management.azure.com", "path": "/processes", "mode": "refuse", "status": 404, "times": 0}
NOW = datetime(2026, 9, 2, 12, 0, tzinfo=UTC)


def state(name: str, days: float | None, *, counts: bool = True) -> KeyState:
    """Return a key that expires in so many days, or whose expiry is unknown."""
    ends = None if days is None else NOW + timedelta(days=days)
    return KeyState(
        name=name,
        kind="RefreshToken",
        display_name=None,
        current_since=NOW,
        ends=ends,
        last_proven=None,
        counts=counts,
        overlapping=[],
        problems=[],
    )


@pytest.mark.parametrize(
    ("states", "days", "words"),
    [
        ([], None, f"{phrases.IS_UNKNOWN}, {phrases.EXPIRY_OF_EVERY_KEY}"),
        ([state("a", None)], None, phrases.IS_UNKNOWN),
        (
            [state("a", 5)],
            5,
            f"{phrases.CIPP_WORKS_UNTIL} 2026-09-07 12:00 UTC {phrases.UNLESS_REVOKED}. {phrases.FIRST_TO_EXPIRE} a.",
        ),
        ([state("a", 5), state("b", 3)], 3, f"{phrases.FIRST_TO_EXPIRE} b."),
        ([state("a", 5), state("b", 3, counts=False)], 5, f"{phrases.FIRST_TO_EXPIRE} a."),
        ([state("a", 5), state("b", None)], 5, f"{phrases.EXPIRY_OF} b is unknown."),
        (
            [state("a", 5), state("b", -1)],
            -1,
            f"{phrases.CIPP_FAILS_WITH} b, which {phrases.EXPIRED_ON} 2026-09-01 12:00 UTC.",
        ),
        ([state("a", -3, counts=False)], None, phrases.IS_UNKNOWN),
    ],
)
def test_the_promise(states: list[KeyState], days: int | None, words: str) -> None:
    until, sentence = promise(states, NOW)
    assert until == (None if days is None else NOW + timedelta(days=days))
    assert words in sentence


def test_overview_begins_with_the_first_expiry_and_its_key(scene: Scene) -> None:
    body = json.loads(Api().get("ListKeyRotations").text)["Results"]
    assert list(body)[:2] == ["WorksUntil", "Sentence"]
    ends = scene.secrets_on_app()[0]["endDateTime"]
    assert body["WorksUntil"] == ends
    assert phrases.CIPP_WORKS_UNTIL in body["Sentence"]
    assert phrases.UNLESS_REVOKED in body["Sentence"]
    assert f"{phrases.FIRST_TO_EXPIRE} ApplicationSecret" in body["Sentence"]
    token = key_of(body["Keys"], TOKEN)
    assert moment(token["Ends"]) == moment(scene.served(TOKEN)["created"]) + timedelta(days=90)


def test_overview_has_age_expiry_check_and_old_credentials_of_each_key(scene: Scene) -> None:
    scene.others.give_certificate(Certificate(days=40))
    scene.others.tenant_row(scene.tenants()[0])
    scene.rotate()
    for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
        scene.others.restart(site)  # there is at most one new certificate until CIPP has read its keys
    scene.go(hours=2)
    scene.rotate(force=True)
    overview = scene.overview()
    for name in (TOKEN, SECRET, CERTIFICATE, scene.tenants()[0]):
        key, served = key_of(overview["Keys"], name), scene.served(name)
        assert key["CurrentSince"] == served["created"]
        assert key["Ends"] == served["expires"]
        assert abs(moment(key["LastProven"]) - scene.now()) < timedelta(minutes=1)
        assert key["Counts"]
        assert key["Problems"] == []
    old = scene.versions(SECRET)[-2]["tags"]["credential-id"]
    (line,) = key_of(overview["Keys"], SECRET)["Overlapping"]
    assert old in line
    assert f"Restart '{names.MAIN_SITE}'" in line
    (line,) = key_of(overview["Keys"], CERTIFICATE)["Overlapping"]
    assert scene.versions(CERTIFICATE)[-2]["tags"]["credential-id"] in line
    assert key_of(overview["Keys"], TOKEN)["Overlapping"] == []


def test_overview_has_the_last_runs_with_trigger_and_outcomes(scene: Scene) -> None:
    scene.azure.faults([refused(53003)])
    scene.tick("WeeklyKeyRotation")
    scene.go(minutes=1)
    scene.rotate(TOKEN)
    by_hand, weekly = scene.overview()["Runs"]
    assert (by_hand["By"], weekly["By"]) == ("admin@contoso.com", phrases.WEEKLY_TIMER)
    assert [weekly[count] for count in ("Total", "Rotated", "Unchanged", "Failed", "Postponed")] == [4, 3, 0, 1, 0]
    assert moment(weekly["Ended"]) - moment(weekly["Started"]) == timedelta(seconds=weekly["Seconds"])
    assert weekly["Keys"] == []
    assert weekly["KeysAvailable"]
    (weekly,) = scene.api().get(f"ListKeyRotations?RunId={weekly['RunId']}").results["Runs"]
    key = key_of(weekly["Keys"], TOKEN)
    assert key["Outcome"] == "failed"
    assert "AADSTS53003" in key["Reason"]
    assert "outbound" in key["Advice"]
    assert key_of(weekly["Keys"], SECRET)["Outcome"] == "rotated"
    assert len(by_hand["Keys"]) == 1


def test_a_run_in_progress_is_shown_with_its_counts(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_GAP_SECONDS", "1.5")
    running: list[dict[str, Any]] = []
    with ThreadPoolExecutor(1) as threads:
        rotation = threads.submit(scene.rotate)
        while not rotation.done():
            if found := scene.overview()["Running"]:
                running.append(found)
            time.sleep(0.2)
    assert {2, 3} & {run["Rotated"] for run in running}  # the tokens are through, the others are at work
    assert {(run["Total"], run["Ended"]) for run in running} == {(4, None)}
    overview = scene.overview()
    assert overview["Running"] is None
    assert [run["Rotated"] for run in overview["Runs"]] == [4]


@pytest.mark.parametrize(
    ("zone", "first", "local"),
    [
        ("Europe/Amsterdam", datetime(2027, 3, 27, 12, tzinfo=UTC), "2027-03-28T00:00:00+01:00"),
        ("Europe/Amsterdam", datetime(2027, 3, 28, 12, tzinfo=UTC), "2027-04-04T00:00:00+02:00"),
        ("Pacific/Kiritimati", datetime(2027, 3, 27, 12, tzinfo=UTC), "2027-04-04T00:00:00+14:00"),
    ],
)
def test_overview_has_the_next_week_in_utc_and_local_time(scene: Scene, zone: str, first: datetime, local: str) -> None:
    scene.azure.reset(direct_tenants=0, secrets={"TenantID": {"value": "tenantId"}})  # not set up: no sign-in
    scene.others.zone(zone)
    scene.go_to(first)
    overview = scene.overview()
    assert overview["NextWeekStartsLocal"] == local
    assert moment(overview["NextWeekStarts"]) == datetime.fromisoformat(local)
    assert overview["TimeZone"] == zone


def test_whether_each_app_runs_with_the_current_client_secret(scene: Scene) -> None:
    apps = [names.MAIN_SITE, names.OFFLOAD_SITE]
    assert {app["Name"]: app["RunsWithCurrentKeys"] for app in scene.overview()["Apps"]} == dict.fromkeys(apps, "yes")
    scene.others.store(SECRET, scene.others.add_secret()["secretText"])
    scene.go(seconds=2)
    scene.others.restart(names.OFFLOAD_SITE)
    apps_shown = {app["Name"]: app for app in scene.overview()["Apps"]}
    assert [apps_shown[name]["RunsWithCurrentKeys"] for name in apps] == ["no", "yes"]
    assert "Restart 'cippabc12'" in apps_shown[names.MAIN_SITE]["Advice"]
    scene.azure.faults([SILENT])
    unknown = scene.overview()["Apps"]
    assert [app["RunsWithCurrentKeys"] for app in unknown] == ["unknown", "unknown"]
    assert all(app["Advice"] for app in unknown)


def test_an_app_that_is_stopped_reads_the_current_keys_when_it_starts(scene: Scene) -> None:
    headers = {"Authorization": f"Bearer {identity_token(scene.azure, 'https://management.azure.com')}"}
    url = f"https://management.azure.com{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{names.MAIN_SITE}/stop"
    assert scene.others.web.post(f"{url}?api-version=2024-11-01", headers=headers).ok
    scene.others.store(SECRET, scene.others.add_secret()["secretText"])
    assert scene.overview()["Apps"][0]["RunsWithCurrentKeys"] == "yes"


def test_overview_has_the_credentials_that_are_not_rotated(scene: Scene) -> None:
    added = scene.others.add_secret("By an admin")
    certificate = Certificate()
    scene.others.add_certificate(certificate, "By an admin, too")
    scene.others.store("SSOAppSecret", "sso")
    lines = scene.overview()["NotRotated"]
    assert any("SSOAppSecret" in line and phrases.EXPIRY_UNKNOWN in line for line in lines)
    assert any(added["keyId"] in line and added["endDateTime"][:10] in line for line in lines)
    assert any(thumbprint(certificate.x509) in line for line in lines)
    assert len(lines) == 3  # not the secret that CIPP made, for it is the served one
    scene.others.store("SSOAppSecret", "sso", attributes={"exp": 1_900_000_000})
    assert any(f"SSOAppSecret {phrases.EXPIRES_ON} 2030-03-17" in line for line in scene.overview()["NotRotated"])


@pytest.mark.parametrize(("longest", "has_note"), [("P44D", True), ("P45D", False), ("P30D", True)])
def test_overview_notes_a_policy_under_45_days(scene: Scene, longest: str, *, has_note: bool) -> None:
    scene.others.restrict("passwordCredentials", restrictionType="passwordLifetime", maxLifetime=longest)
    notes = [note for note in scene.overview()["Notes"] if phrases.CIPPS_OWN_JOB in note]
    assert bool(notes) == has_note
    assert all(f"of {longest[1:-1]} days" in note for note in notes)


def test_revoked_key_is_reported_until_it_is_repaired_or_replaced(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    scene.prove(TOKEN)
    overview = scene.overview()
    assert f"{phrases.CIPP_FAILS_WITH} RefreshToken" in overview["Sentence"]
    assert moment(overview["WorksUntil"]) <= scene.now()
    (problem,) = key_of(overview["Keys"], TOKEN)["Problems"]
    assert "AADSTS50173" in problem
    scene.azure.faults([])
    scene.go(seconds=2)
    scene.others.store(TOKEN, scene.value(TOKEN))  # an admin ran the wizard: what died is not served any more
    overview = scene.overview()
    assert phrases.CIPP_FAILS not in overview["Sentence"]
    assert key_of(overview["Keys"], TOKEN)["Problems"] == []


def test_revoked_key_is_valid_again_after_its_rotation(scene: Scene) -> None:
    scene.azure.faults([refused(50173)])
    scene.prove(TOKEN)
    scene.azure.faults([])
    scene.report(TOKEN)
    overview = scene.overview()
    assert phrases.CIPP_FAILS not in overview["Sentence"]
    assert moment(key_of(overview["Keys"], TOKEN)["Ends"]) > scene.now()


def test_excluded_and_unknown_tenants_do_not_count(scene: Scene) -> None:
    scene.azure.reset(direct_tenants=2, propagation_seconds=0)
    excluded, unknown = scene.tenants()
    scene.others.tenant_row(excluded, excluded=True)
    scene.azure.faults([refused(50173, unknown)])
    scene.prove(unknown)
    overview = scene.overview()
    assert [key_of(overview["Keys"], tenant)["Counts"] for tenant in (excluded, unknown)] == [False, False]
    assert phrases.TENANT_EXCLUDED in key_of(overview["Keys"], excluded)["Problems"][0]
    assert any(phrases.TENANT_UNKNOWN in line for line in key_of(overview["Keys"], unknown)["Problems"])
    assert "ApplicationSecret" in overview["Sentence"]
    assert phrases.CIPP_FAILS not in overview["Sentence"]


@pytest.mark.each_value
@pytest.mark.parametrize(
    "name", ["Fabrikam", "<img src=x onerror=alert(1)>", "\u202eevil\u0000\n' or 1 eq 1", "x" * 20_000]
)
def test_overview_has_the_name_of_a_direct_tenant_as_it_is(scene: Scene, name: str) -> None:
    scene.azure.reset(direct_tenants=2, propagation_seconds=0)
    named, unknown = scene.tenants()
    scene.others.tenant_row(named, name)
    keys = scene.overview()["Keys"]
    assert key_of(keys, named)["DisplayName"] == name
    assert [key_of(keys, one)["DisplayName"] for one in (unknown, TOKEN, SECRET)] == [None, None, None]


@pytest.mark.each_value
@pytest.mark.parametrize(("column", "value"), [("displayName", ""), ("displayName", 7), ("customerId", "another")])
def test_tenant_without_a_readable_name_has_none(scene: Scene, column: str, value: object) -> None:
    scene.azure.reset(direct_tenants=1, propagation_seconds=0)
    (tenant,) = scene.tenants()
    scene.others.row("Tenants", "Tenants", tenant, **{"customerId": tenant, "displayName": "Fabrikam", column: value})
    assert key_of(scene.overview()["Keys"], tenant)["DisplayName"] is None


def test_overview_has_every_key_when_the_names_of_tenants_are_refused(scene: Scene) -> None:
    scene.azure.reset(direct_tenants=2, propagation_seconds=0)
    for tenant in scene.tenants():
        scene.others.tenant_row(tenant)
    scene.azure.faults([{"host": "127.0.0.1", "path": "/Tenants", "mode": "refuse", "status": 403, "times": 0}])
    keys = scene.overview()["Keys"]
    assert {key["Name"] for key in keys} >= {*scene.tenants(), TOKEN, SECRET}
    assert {key["DisplayName"] for key in keys} == {None}


def test_names_of_tenants_need_no_call_of_their_own(scene: Scene) -> None:
    scene.azure.reset(direct_tenants=2, propagation_seconds=0)
    scene.overview()
    assert len([call for call in scene.azure.calls(tables=True) if "/Tenants(" in call["path"]]) == 1


def test_a_failure_is_a_problem_with_its_advice_until_it_is_over(scene: Scene) -> None:
    scene.azure.faults([refused(50076)])
    scene.report(TOKEN)
    (problem,) = key_of(scene.overview()["Keys"], TOKEN)["Problems"]
    assert "AADSTS50076" in problem
    assert phrases.SIGN_IN_WITH_MFA in problem
    scene.azure.faults([])
    scene.report(TOKEN)
    assert key_of(scene.overview()["Keys"], TOKEN)["Problems"] == []


def test_overview_has_the_expiry_of_a_certificate_by_cipp(scene: Scene) -> None:
    certificate = Certificate(days=300)
    scene.others.give_certificate(certificate)
    overview = scene.overview()
    assert moment(key_of(overview["Keys"], CERTIFICATE)["Ends"]) == certificate.x509.not_valid_after_utc
    assert not any(
        phrases.CREATED_BY_OTHERS in line and thumbprint(certificate.x509) in line for line in overview["NotRotated"]
    )


def test_the_names_that_cipps_template_writes_are_known(scene: Scene) -> None:
    """It writes them in lower case, and the vault keeps the first spelling."""
    secret = scene.value(SECRET)
    scene.others.delete(SECRET)
    assert scene.others.vault.call("DELETE", f"/deletedsecrets/{SECRET}").status_code == 204
    scene.others.store("applicationsecret", secret)
    overview = scene.overview()
    assert overview["WorksUntil"] == scene.secrets_on_app()[0]["endDateTime"]
    assert {app["RunsWithCurrentKeys"] for app in overview["Apps"]} <= {"no", "yes"}
    assert not overview["NotRotated"]
    scene.rotate(force=True)
    assert len(scene.versions("applicationsecret")) == 2
    assert len(scene.overview()["Keys"]) == 4


@pytest.mark.parametrize("name", [TOKEN, SECRET])
def test_disabled_key_is_reported_and_hides_nothing_else(scene: Scene, name: str) -> None:
    scene.others.disable(name, scene.served(name)["version"])
    overview = scene.overview()
    assert any("disabled" in problem for problem in key_of(overview["Keys"], name)["Problems"])
    assert len(overview["Keys"]) == 3


def test_overview_notes_a_missing_certificate(scene: Scene) -> None:
    assert any("SAMCertificate yet" in note for note in scene.overview()["Notes"])
