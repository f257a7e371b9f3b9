"""Each call of the renewal of the sign-in's secret fails in each way. Then the next runs complete it."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox import names
from tests.rotation.test_sign_in_secret import REFRESH, SECRET, SITE, active, container, give, on_app, signs_in
from tests.support.admin import Admin
from tests.support.rotation.scene import ARM, ENTRA, GRAPH, VAULT, Scene

__all__ = ["container"]
APP = f"/applications/{names.SSO_OBJECT_ID}"
CALLS = {
    "create": {"host": GRAPH, "method": "POST", "path": f"{APP}/addPassword"},
    "sign in": {"host": ENTRA, "method": "POST", "body": f"client_id={names.SSO_APP_ID}"},
    "store": {"host": VAULT, "method": "PUT", "path": f"/secrets/{SECRET}"},
    "refresh": {"host": ARM, "method": "POST", "path": "/appsettings/refresh"},
    "remove": {"host": GRAPH, "method": "POST", "path": f"{APP}/removePassword"},
}
MODES: dict[str, dict[str, Any]] = {
    "refuse": {"mode": "refuse", "status": 403},
    "drop-before": {"mode": "drop-before", "times": 3},
    "drop-after": {"mode": "drop-after"},
    "refuse-then-do": {"mode": "refuse-then-do", "status": 500, "after_seconds": 5},
    "hang": {"mode": "hang"},
}


def runs(scene: Scene, *key_names: str, force: bool = False) -> None:
    """Run once, whatever comes of it."""
    status = scene.api().post("ExecKeyRotation", {"Force": force, **({"Names": key_names} if key_names else {})}).status
    assert status in (200, 500, 503), status


def value_in_use(scene: Scene) -> str:
    """Return the secret that App Service has, of the version that it read."""
    version = active(scene)
    (found,) = [one for one in scene.versions(SECRET) if one["version"] == version]
    return str(found["value"])


def users_can_sign_in(scene: Scene) -> bool:
    form = {"client_id": names.SSO_APP_ID, "grant_type": "client_credentials", "client_secret": value_in_use(scene)}
    return bool(scene.others.token(**form).ok)


@pytest.mark.slow("it runs several times, some of them against a call that hangs")
@pytest.mark.each_value
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", CALLS)
def test_failed_renewal_of_the_sign_in_is_completed_later(
    container: Scene, nowhere: pytest.MonkeyPatch, call: str, mode: str
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "3")
    if call == "remove":  # what the second renewal superseded 31 days ago
        runs(container, force=True)
        a_month_later(container)
        runs(container, SECRET, force=True)
        a_month_later(container)
    else:
        give(container, days=40)  # so that it is due, also in the runs that follow
        Admin(container.azure).call("POST", f"{SITE}{REFRESH}", "2022-03-01")  # App Service has it
    theirs = on_app(container)[0]
    container.azure.faults([{**CALLS[call], **MODES[mode]}])
    runs(container, SECRET)
    container.azure.faults([])
    assert users_can_sign_in(container)
    for _ in range(3):
        container.go(minutes=20)
        runs(container, SECRET)
        assert users_can_sign_in(container)
    assert signs_in(container)
    assert active(container) == container.served(SECRET)["version"]
    assert theirs["keyId"] in [one["keyId"] for one in on_app(container)]
    assert len(on_app(container)) == 2  # the one that CIPP or an admin created, and the newest of this app


def a_month_later(scene: Scene) -> None:
    """Let 31 days go by, to a time when CIPP's own jobs don't run."""
    scene.go(days=31)
    scene.go_to(scene.sunday() + timedelta(days=2, hours=12))
