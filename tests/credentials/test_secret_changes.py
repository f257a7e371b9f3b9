"""Manually set secrets. A key must sign in first, and responses never contain a value."""

import time
from collections.abc import Iterator

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.bad_days import IMPATIENT, LONGEST_SECONDS
from tests.support.by_hand import (
    DRY,
    FORCE,
    KINDS,
    PLAIN,
    changes,
    fresh,
    name_of,
    recover,
    restore,
    set_secret,
    useless,
)
from tests.support.rotation.others import Others
from tests.support.rotation.scene import CERTIFICATE, ENTRA, SECRET, TOKEN, Scene
from tests.support.sandbox_client import Sandbox


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant and short waits. Faults are removed after the test."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Scene(azure, Others(azure))
    azure.faults([])


def test_secret_is_set_with_its_type_and_expiry(scene: Scene) -> None:
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
def test_key_is_set_when_it_can_sign_in(scene: Scene, kind: str) -> None:
    name, value = name_of(scene, kind), fresh(scene, kind)
    answer = set_secret(name, value)
    assert answer.status == 200, answer.text
    assert scene.value(name) == value
    assert answer.results["Proven"] is True
    assert phrases.CAN_SIGN_IN in answer.results["Done"][0]
    assert value not in answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_key_that_cannot_sign_in_is_set_only_with_force(scene: Scene, kind: str) -> None:
    name, value = name_of(scene, kind), useless(kind)
    before = scene.versions(name)
    refused = set_secret(name, value)
    assert refused.status == 409, refused.text
    dry = set_secret(name, value, **DRY)
    assert dry.status == 200, dry.text
    (would,) = dry.results["WouldDo"]
    assert would == f"Refuse: {refused.results}"
    assert phrases.NOT_STORED in would
    assert "Force" in would
    assert scene.versions(name) == before
    entra = len(scene.calls(ENTRA))
    answer = set_secret(name, value, **FORCE)
    assert answer.status == 200, answer.text
    assert scene.value(name) == value
    assert answer.results["Proven"] is False
    assert "Force" in answer.results["Done"][0]
    assert len(scene.calls(ENTRA)) == entra
    assert value not in refused.text + answer.text


def test_invalid_certificate_is_refused_with_its_field(scene: Scene) -> None:
    answer = set_secret(CERTIFICATE, "no pfx")
    assert (answer.status, answer.body["field"]) == (400, "Value")
    assert scene.versions(CERTIFICATE) == []


@pytest.mark.parametrize("kind", ["ClientSecret", "Certificate"])
def test_revoked_client_secret_is_replaced_manually(scene: Scene, kind: str) -> None:
    value = fresh(scene, kind)
    scene.others.store(SECRET, "abc8Q~dead")
    assert set_secret(name_of(scene, kind), value).status == 200


def test_token_with_a_deleted_name_is_also_verified(scene: Scene) -> None:
    value = fresh(scene, "RefreshToken")
    scene.others.delete(TOKEN)
    answer = set_secret(TOKEN, value)
    assert answer.status == 200, answer.text
    assert answer.results["Proven"] is True
    assert scene.value(TOKEN) == value


def test_client_secret_is_retried_while_entra_replicates_it(scene: Scene) -> None:
    value = fresh(scene, "ClientSecret")
    scene.azure.faults([{"host": ENTRA, "mode": "refuse", "status": 401, "aadsts": 7000215, "times": 2}])
    assert set_secret(SECRET, value).status == 200


@pytest.mark.compares_times
def test_key_is_not_set_when_entra_is_unreachable(scene: Scene) -> None:
    value, before = fresh(scene, "ClientSecret"), scene.versions(SECRET)
    silences: list[dict[str, object]] = [{"mode": "hang"}, {"mode": "drop-before"}, {"mode": "refuse", "status": 503}]
    for fault in silences:
        scene.azure.faults([{"host": ENTRA, "times": 0, **fault}])
        started = time.monotonic()
        answer = set_secret(SECRET, value)
        assert time.monotonic() - started < LONGEST_SECONDS
        assert answer.status == 500, answer.text
        assert phrases.NOT_STORED in answer.results
    assert scene.versions(SECRET) == before


@pytest.mark.parametrize("name", ["ApplicationID", "TenantID", "tenantid"])
def test_identity_of_cipp_is_changed_only_with_force(scene: Scene, name: str) -> None:
    before, earlier = scene.versions(name), scene.versions(name)[0]["version"]
    for refused in (set_secret(name, "x"), restore(name, earlier), recover(name)):
        assert refused.status == 409
        assert "Force: true" in refused.results
    assert "Force: true" in set_secret(name, "x", **DRY).results["WouldDo"][0]
    assert scene.versions(name) == before
    assert changes(scene) == []
    assert set_secret(name, "00000000-1111-2222-3333-444444444444", **FORCE).status == 200
    assert scene.value(name).startswith("00000000")


def test_deleted_secret_is_recovered_before_it_is_set(scene: Scene) -> None:
    first = scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    answer = set_secret(PLAIN, "two")
    assert answer.status == 200, answer.text
    assert [version["value"] for version in scene.versions(PLAIN)] == ["one", "two"]
    assert scene.versions(PLAIN)[0]["version"] == first


def test_dry_run_of_a_set_reports_its_steps_and_stores_nothing(scene: Scene) -> None:
    value = fresh(scene, "ClientSecret")
    for name, text in ((PLAIN, "hush-hush"), (SECRET, value)):
        answer = set_secret(name, text, **DRY)
        assert answer.status == 200
        assert f"Store {phrases.NEW_VERSION_OF} '{name}'" in answer.results["WouldDo"][0]
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
def test_invalid_secret_is_refused_before_azure_is_called(
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
