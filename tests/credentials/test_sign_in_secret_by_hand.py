"""Manual changes of the secret of a container's sign-in, and of the app that it belongs to."""

import pytest

from backend.credentials import change_lock
from sandbox import names
from tests.rotation.test_sign_in_secret import SECRET, container
from tests.support.by_hand import FORCE, recover, restore, set_secret
from tests.support.rotation.held_run import held_at
from tests.support.rotation.scene import ENTRA, Scene
from tests.support.rotation.scene import SECRET as CLIENT_SECRET

__all__ = ["container"]
APP_ID = "SSOAppId"


def new_secret(scene: Scene) -> str:
    made = scene.others.graph("POST", f"applications/{names.SSO_OBJECT_ID}/addPassword", {"passwordCredential": {}})
    return str(made["secretText"])


def test_secret_is_set_only_if_it_can_sign_in(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_TIMEOUT_SECONDS", "0.2")
    before = container.versions(SECRET)
    assert set_secret(SECRET, "~~~ not of the app").status == 409
    assert container.versions(SECRET) == before
    answer = set_secret(SECRET, new_secret(container))
    assert (answer.status, answer.results["Proven"]) == (200, True)
    assert container.calls(ENTRA, body=f"client_id={names.SSO_APP_ID}")
    assert restore(SECRET, before[0]["version"]).results["Proven"] is True
    container.others.delete(SECRET)
    assert recover(SECRET).results["Proven"] is True


def test_app_of_the_sign_in_is_changed_only_with_force(container: Scene) -> None:
    assert set_secret(APP_ID, names.OTHER_SSO_APP_ID).status == 409
    assert container.value(APP_ID) == names.SSO_APP_ID
    assert set_secret(APP_ID, names.OTHER_SSO_APP_ID, **FORCE).status == 200


def test_change_is_refused_while_a_run_owns_the_lock(container: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr(change_lock, "WAIT_SECONDS", 0.2)
    before = [container.versions(name) for name in (SECRET, APP_ID)]
    with held_at(container, 3, nowhere, Names=[CLIENT_SECRET]) as run:
        assert [set_secret(name, "any", **FORCE).status for name in (SECRET, APP_ID)] == [409, 409]
        container.azure.faults([])
        assert run.result().status == 200
    assert [container.versions(name) for name in (SECRET, APP_ID)] == before


@pytest.mark.usefixtures("scene")
def test_function_apps_have_no_sign_in_to_check() -> None:
    answer = set_secret(SECRET, "left by a setup")
    assert (answer.status, answer.results["Proven"]) == (200, None)
