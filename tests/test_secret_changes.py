"""Secrets changed by hand: set, restored, recovered; a key signs in first, and no value comes back."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import names
from tests.api import Answer, Api
from tests.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.rotation.others import Others
from tests.rotation.pfx import pfx
from tests.rotation.scene import CERTIFICATE, ENTRA, SECRET, TOKEN, VAULT, Scene
from tests.sandbox.certificate import Certificate
from tests.sandbox_client import Sandbox

PLAIN = "Plain"
FORCE = {"Force": True}
DRY = {"DryRun": True}
KINDS = ["ClientSecret", "Certificate", "RefreshToken", "TenantRefreshToken"]
FIELDS = {"Version", "Enabled", "Current", "Created", "Updated", "Expires", "ContentType", "RotatedBy", "RestoredFrom"}


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant, and short waits; no fault stays behind."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Scene(azure, Others(azure))
    azure.faults([])


def name_of(scene: Scene, kind: str) -> str:
    """The vault's name of the key of a kind."""
    named = {"ClientSecret": SECRET, "Certificate": CERTIFICATE, "RefreshToken": TOKEN}
    return named.get(kind) or scene.tenants()[0]


def fresh(scene: Scene, kind: str) -> str:
    """Make a value that signs in, as an admin does by hand."""
    if kind == "ClientSecret":
        return str(scene.others.add_secret()["secretText"])
    if kind == "Certificate":
        certificate = Certificate()
        scene.others.add_certificate(certificate)
        return pfx(certificate)
    name = name_of(scene, kind)
    tenant = names.TENANT_ID if kind == "RefreshToken" else name
    form = {"refresh_token": scene.value(name), "client_secret": scene.value(SECRET)}
    return str(scene.others.token(tenant, grant_type="refresh_token", **form).json()["refresh_token"])


def useless(kind: str) -> str:
    """Make a value of the right form that does not sign in."""
    return pfx(Certificate()) if kind == "Certificate" else "abc8Q~not-one-of-the-apps"


def set_secret(name: str, value: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretSet", {"Name": name, "Value": value, **more})


def restore(name: str, version: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretRestore", {"Name": name, "Version": version, **more})


def recover(name: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretRecover", {"Name": name, **more})


def changes(scene: Scene) -> list[dict[str, Any]]:
    """What was written to the vault."""
    return [call for call in scene.calls(VAULT) if call["method"] != "GET"]


# Versions


def test_the_versions_are_listed_the_current_one_first_without_values(scene: Scene) -> None:
    ids = [scene.others.store(PLAIN, f"hush-hush-{n}", tags={"rotated-by": "me"}, contentType="text") for n in range(3)]
    scene.others.disable(PLAIN, ids[0])
    answer = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN.upper()}")
    assert answer.status == 200, answer.text
    assert [set(one) for one in answer.results] == [FIELDS] * 3
    assert {one["Version"] for one in answer.results} == set(ids)
    assert answer.results[0]["Version"] == ids[-1]
    assert [one["Current"] for one in answer.results] == [True, False, False]
    assert {one["Version"]: one["Enabled"] for one in answer.results} == dict(
        zip(ids, [False, True, True], strict=True)
    )
    assert (answer.results[0]["RotatedBy"], answer.results[0]["ContentType"]) == ("me", "text")
    assert "hush-hush" not in answer.text


def test_a_secret_that_is_not_there_has_no_versions(scene: Scene) -> None:
    assert Api().get("ListKeyVaultSecretVersions?Name=nothing").status == 404
    assert Api().get("ListKeyVaultSecretVersions").body["field"] == "Name"
    assert Api().get("ListKeyVaultSecretVersions?Name=a_b").body["field"] == "Name"
    assert len(scene.calls(VAULT)) <= 2  # a challenge, and one list


# Set


def test_a_secret_is_set_with_its_type_and_its_end(scene: Scene) -> None:
    answer = set_secret(PLAIN, "hush-hush", ContentType="text/plain", Expires="2030-01-31T01:00:00+01:00")
    assert answer.status == 200, answer.text
    served = scene.served(PLAIN)
    assert (served["value"], served["contentType"], served["expires"]) == (
        "hush-hush",
        "text/plain",
        "2030-01-31T00:00:00Z",
    )
    assert (answer.results["Version"], answer.results["Proven"]) == (served["version"], None)
    assert "hush-hush" not in answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_set_once_it_signs_in(scene: Scene, kind: str) -> None:
    name, value = name_of(scene, kind), fresh(scene, kind)
    answer = set_secret(name, value)
    assert answer.status == 200, answer.text
    assert scene.value(name) == value
    assert answer.results["Proven"] is True
    assert "signs in" in answer.results["Done"][0]
    assert value not in answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_does_not_sign_in_is_not_set_but_with_force_which_says_so(scene: Scene, kind: str) -> None:
    name, value = name_of(scene, kind), useless(kind)
    before = scene.versions(name)
    for dry_run in (False, True):
        refused = set_secret(name, value, DryRun=dry_run)
        assert refused.status == 409, refused.text
        assert "not stored" in refused.results
        assert "Force" in refused.results
    assert scene.versions(name) == before
    entra = len(scene.calls(ENTRA))
    answer = set_secret(name, value, **FORCE)
    assert answer.status == 200, answer.text
    assert scene.value(name) == value
    assert answer.results["Proven"] is False
    assert "unproven since Force" in answer.results["Done"][0]
    assert len(scene.calls(ENTRA)) == entra
    assert value not in refused.text + answer.text


def test_what_is_no_certificate_is_refused_by_its_field(scene: Scene) -> None:
    answer = set_secret(CERTIFICATE, "no pfx")
    assert (answer.status, answer.body["field"]) == (400, "Value")
    assert scene.versions(CERTIFICATE) == []


@pytest.mark.parametrize("kind", ["ClientSecret", "Certificate"])
def test_a_dead_client_secret_is_replaced_by_hand(scene: Scene, kind: str) -> None:
    value = fresh(scene, kind)
    scene.others.store(SECRET, "abc8Q~dead")
    assert set_secret(name_of(scene, kind), value).status == 200


def test_a_token_of_a_deleted_name_is_proven_too(scene: Scene) -> None:
    value = fresh(scene, "RefreshToken")
    scene.others.delete(TOKEN)
    answer = set_secret(TOKEN, value)
    assert answer.status == 200, answer.text
    assert answer.results["Proven"] is True
    assert scene.value(TOKEN) == value


def test_a_client_secret_that_entra_learns_of_slowly_is_tried_again(scene: Scene) -> None:
    value = fresh(scene, "ClientSecret")
    scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 7000215, "times": 2}])
    assert set_secret(SECRET, value).status == 200


def test_a_key_is_not_set_where_entra_does_not_tell(scene: Scene) -> None:
    value, before = fresh(scene, "ClientSecret"), scene.versions(SECRET)
    silences: list[dict[str, object]] = [{"mode": "hang"}, {"mode": "drop-before"}, {"mode": "refuse", "status": 503}]
    for fault in silences:
        scene.azure.faults([{"host": ENTRA, "times": 0, **fault}])
        started = time.monotonic()
        answer = set_secret(SECRET, value)
        assert time.monotonic() - started < LONGEST_SECONDS
        assert answer.status == 500, answer.text
        assert "could not be proven" in answer.results
    assert scene.versions(SECRET) == before


@pytest.mark.parametrize("name", ["ApplicationID", "TenantID", "tenantid"])
def test_who_cipp_is_changes_only_with_force(scene: Scene, name: str) -> None:
    before, earlier = scene.versions(name), scene.versions(name)[0]["version"]
    for refused in (set_secret(name, "x"), set_secret(name, "x", **DRY), restore(name, earlier), recover(name)):
        assert refused.status == 409
        assert "who CIPP is" in refused.results
    assert scene.versions(name) == before
    assert changes(scene) == []
    assert set_secret(name, "00000000-1111-2222-3333-444444444444", **FORCE).status == 200
    assert scene.value(name).startswith("00000000")


def test_a_deleted_name_is_recovered_before_it_is_set(scene: Scene) -> None:
    first = scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    answer = set_secret(PLAIN, "two")
    assert answer.status == 200, answer.text
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]
    assert scene.versions(PLAIN)[0]["version"] == first


def test_a_dry_run_of_a_set_says_what_it_would_do_and_stores_nothing(scene: Scene) -> None:
    value = fresh(scene, "ClientSecret")
    for name, text in ((PLAIN, "hush-hush"), (SECRET, value)):
        answer = set_secret(name, text, **DRY)
        assert answer.status == 200
        assert f"Store a new version of '{name}'" in answer.results["WouldDo"][0]
        assert text not in answer.text
    assert changes(scene) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"Name": "a_b", "Value": "v"}, "Name"),
        ({"Name": "", "Value": "v"}, "Name"),
        ({"Name": "a\n", "Value": "v"}, "Name"),
        ({"Name": "x" * 128, "Value": "v"}, "Name"),
        ({"Name": "../a", "Value": "v"}, "Name"),
        ({"Name": "a", "Value": ""}, "Value"),
        ({"Name": "a", "Value": "x" * 25_601}, "Value"),
        ({"Name": "a", "Value": "é" * 12_801}, "Value"),
        ({"Name": "a", "Value": 1}, "Value"),
        ({"Name": "a"}, "Value"),
        ({"Value": "v"}, "Name"),
        ({"Name": "a", "Value": "v", "ContentType": "x" * 256}, "ContentType"),
        ({"Name": "a", "Value": "v", "Expires": "tomorrow"}, "Expires"),
        ({"Name": "a", "Value": "v", "Expires": "2030-01-31T00:00:00"}, "Expires"),
        ({"Name": "a", "Value": "v", "Expires": "1969-01-31T00:00:00Z"}, "Expires"),
    ],
)
def test_a_bad_secret_is_refused_before_azure_is_asked(
    nowhere: pytest.MonkeyPatch, body: dict[str, object], field: str
) -> None:
    del nowhere
    answer = Api().post("ExecKeyVaultSecretSet", body)
    assert (answer.status, answer.body["field"]) == (400, field)


def test_the_longest_name_and_value_are_stored(scene: Scene) -> None:
    assert set_secret("x" * 127, "é" * 12_800).status == 200
    assert len(scene.value("x" * 127)) == 12_800


def test_a_value_in_the_wrong_field_is_not_repeated(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for answer in (set_secret("hush_hush", PLAIN), restore("hush_hush", "x"), recover("hush_hush")):
        assert answer.status == 400
        assert "hush_hush" not in answer.text + caplog.text
    assert changes(scene) == []


# Restore


def test_an_old_version_becomes_current_again_and_tells_from_which(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "hush-hush", contentType="text/plain", attributes={"exp": 2_000_000_000})
    scene.others.store(PLAIN, "two")
    answer = restore(PLAIN, old.upper())
    assert answer.status == 200, answer.text
    served = scene.served(PLAIN)
    assert (served["value"], served["contentType"]) == ("hush-hush", "text/plain")
    assert served["expires"] == "2033-05-18T03:33:20Z"
    assert served["tags"]["restored-from"] == old
    assert answer.results["Version"] == served["version"]
    assert len(scene.versions(PLAIN)) == 3
    assert "hush-hush" not in answer.text
    shown = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}").results
    assert (shown[0]["RestoredFrom"], shown[0]["Current"]) == (old, True)


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_key_becomes_current_only_if_it_signs_in_or_with_force(scene: Scene, kind: str) -> None:
    name, last = name_of(scene, kind), fresh(scene, kind)
    good = scene.others.store(name, fresh(scene, kind))
    bad = scene.others.store(name, useless(kind))
    scene.others.store(name, last)
    answer = restore(name, good)
    assert answer.status == 200, answer.text
    assert answer.results["Proven"] is True
    before = scene.versions(name)
    refused = restore(name, bad)
    assert refused.status == 409, refused.text
    assert "does not sign in" in refused.results
    assert scene.versions(name) == before
    forced = restore(name, bad, **FORCE)
    assert (forced.status, forced.results["Proven"]) == (200, False)
    assert "unproven since Force" in forced.results["Done"][0]


def test_a_disabled_version_is_enabled_for_the_read_and_disabled_again(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    answer = restore(PLAIN, old)
    assert answer.status == 200, answer.text
    assert [(version["value"], version["enabled"]) for version in scene.versions(PLAIN)] == [
        ("one", False),
        ("two", True),
        ("one", True),
    ]


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize("place", ["read", "enable"])
def test_a_disabled_version_stays_disabled_where_it_cannot_be_read(
    scene: Scene, fault: dict[str, Any], place: str
) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    on = {"read": {"method": "GET", "times": 0}, "enable": {"method": "PATCH", "body": '"enabled": *true', "times": 0}}
    scene.azure.faults([{"host": VAULT, "path": f"/secrets/{PLAIN}/{old}$", **on[place], **fault}])
    started = time.monotonic()
    check_told(restore(PLAIN, old), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert [(version["value"], version["enabled"]) for version in scene.versions(PLAIN)] == [
        ("one", False),
        ("two", True),
    ]


def test_a_version_that_could_not_be_disabled_again_is_told(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    disable = {"host": VAULT, "method": "PATCH", "body": '"enabled": *false', "times": 0}
    scene.azure.faults(
        [
            {**disable, "mode": "refuse", "status": 403},
            {"host": VAULT, "method": "GET", "path": f"/{old}$", "times": 0, "mode": "refuse", "status": 403},
        ]
    )
    answer = restore(PLAIN, old)
    assert answer.status == 500
    assert f"Version {old} may be enabled now" in answer.results


def test_a_dry_run_of_a_restore_changes_nothing_not_even_a_disabled_version(scene: Scene) -> None:
    old = scene.others.store(SECRET, scene.value(SECRET))
    scene.others.store(SECRET, fresh(scene, "ClientSecret"))
    assert "signs in" in restore(SECRET, old, **DRY).results["WouldDo"][0]
    scene.others.disable(SECRET, old)
    before, done = scene.versions(SECRET), len(changes(scene))
    would_do = " ".join(restore(SECRET, old, **DRY).results["WouldDo"])
    assert "Enable version" in would_do
    assert "Sign in" in would_do
    assert scene.versions(SECRET) == before
    assert len(changes(scene)) == done


def test_what_cannot_be_restored_says_why(scene: Scene) -> None:
    current = scene.others.store(PLAIN, "one")
    assert restore(PLAIN, current).status == 409
    unknown = restore(PLAIN, "0" * 32)
    assert unknown.status == 404
    assert "ListKeyVaultSecretVersions" in unknown.results
    assert restore("nothing", current).status == 404
    assert restore(PLAIN, "../..").status == 404
    assert len(scene.versions(PLAIN)) == 1


# Recover


def test_a_deleted_secret_is_recovered_with_all_its_versions(scene: Scene) -> None:
    for text in ("one", "two"):
        scene.others.store(PLAIN, text)
    scene.others.delete(PLAIN)
    dry = recover(PLAIN, **DRY)
    assert "Recover" in dry.results["WouldDo"][0]
    assert scene.versions(PLAIN) == []
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]
    assert answer.results["Proven"] is None


def test_what_is_not_deleted_cannot_be_recovered(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    for dry_run in (False, True):
        assert recover(PLAIN.lower(), DryRun=dry_run).status == 409
        assert recover("nothing", DryRun=dry_run).status == 404


def test_a_recovered_key_tells_whether_it_signs_in(scene: Scene) -> None:
    scene.others.delete(TOKEN)
    answer = recover(TOKEN)
    assert (answer.status, answer.results["Proven"]) == (200, True)
    scene.others.store(SECRET, "abc8Q~dead")
    scene.others.delete(SECRET)
    answer = recover(SECRET)
    assert (answer.status, answer.results["Proven"]) == (200, False)
    assert "unproven" in answer.results["Done"][0]
    scene.others.delete(SECRET)
    assert "unproven, since Force" in recover(SECRET, **FORCE).results["Done"][0]


def test_a_recovery_that_takes_long_is_told(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    scene.azure.faults(
        [{"host": VAULT, "method": "GET", "path": f"/secrets/{PLAIN}/", "mode": "refuse", "status": 404, "times": 0}]
    )
    answer = recover(PLAIN)
    assert answer.status == 500
    assert "Look again later" in answer.results


# Bad days

ACTS: dict[str, Callable[[Scene], Answer]] = {
    "versions": lambda scene: Api().get(f"ListKeyVaultSecretVersions?Name={scene.tenants()[0]}"),
    "set": lambda _scene: set_secret(PLAIN, "hush-hush"),
    "set a key": lambda _scene: set_secret(SECRET, "hush-hush"),
    "restore": lambda scene: restore(PLAIN, scene.versions(PLAIN)[0]["version"]),
    "recover": lambda _scene: recover("Deleted"),
}
STRUCK = [
    ("versions", "GET", "/versions$"),
    ("set", "PUT", f"/secrets/{PLAIN}$"),
    ("set a key", "GET", "/secrets/TenantID/"),
    ("restore", "GET", "/versions$"),
    ("restore", "GET", f"/secrets/{PLAIN}/[0-9a-f]+$"),
    ("restore", "PUT", f"/secrets/{PLAIN}$"),
    ("recover", "GET", "/secrets$"),
    ("recover", "POST", "/recover$"),
]


@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize(("act", "method", "path"), STRUCK)
def test_a_bad_day_of_the_vault_is_told_in_time(
    scene: Scene, fault: dict[str, Any], act: str, method: str, path: str
) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.store("Deleted", "one")
    scene.others.delete("Deleted")
    done = len(changes(scene))
    scene.azure.faults([{"host": VAULT, "method": method, "path": path, "times": 0, **fault}])
    started = time.monotonic()
    answer = ACTS[act](scene)
    assert time.monotonic() - started < LONGEST_SECONDS
    check_told(answer, fault)
    assert "hush-hush" not in answer.text
    if method == "PUT":
        assert len(changes(scene)) == done + 1  # a second one would make a second version
