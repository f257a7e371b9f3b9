"""The rotation for a CIPP on a container: what shows that it has its keys, when they are renewed, and its restarts.

The parts of the container that this needs are small stand-ins: the site with its restarts, and the image.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backend.azure.clients import Clients
from backend.concurrency.made_once import made_once
from backend.errors import AzureUnreachableError
from backend.hosting.container.processes import ContainerProcesses
from backend.hosting.own_restarts import OwnRestarts
from backend.hosting.results.apps import Controlled, FunctionApp, Restarted
from backend.rotation.results import Rotation
from backend.services import Services
from sandbox import names
from tests.support import phrases
from tests.support.rotation.scene import CERTIFICATE, SECRET, Scene
from tests.support.sandbox.certificate import Certificate

SITE = names.MAIN_SITE
UPDATE = "The tag latest names version 10.9.1, and CIPP runs 10.9.0."
DETAILS = {
    "AccessTokenDetails": {"Name": "CIPP", "UserPrincipalName": "cipp@contoso.com"},
    "ApplicationTokenDetails": {"AppId": names.SAM_APP_ID},
    "ErrorMessages": [],
}


@dataclass
class Site:
    """The site of the container. `is_ready_again`: after a restart it was not ready and then ready."""

    scene: Scene
    state: str = "Running"
    is_ready_again: bool = True
    others: Sequence[str] = ()
    instances: int = 1
    restarts: list[str] = field(default_factory=list)

    def apps_and_others(self) -> tuple[Sequence[FunctionApp], Sequence[str]]:
        apps = [
            FunctionApp(
                name=SITE,
                kind="WebApp",
                state=self.state,
                is_main=True,
                offload_suffix=None,
                answers_this=False,
                default_host_name=None,
                portal_link="",
            )
        ]
        return apps, self.others

    def restart(self, name: str, *, updates: bool = False) -> Restarted:
        assert updates == (os.environ["KEY_ROTATION_RESTART_CIPP"] == "update")
        self.restarts.append(name)
        moment = self.scene.now() if self.is_ready_again else None
        if moment:
            OwnRestarts(Clients(dict(os.environ))).note(name, moment)
        return Restarted(Controlled(name=name, kind="WebApp", state="Running", seen="It is ready."), moment)

    def addresses(self) -> str:
        return ""


@dataclass
class Image:
    """The image of the container, and why a start may be an update."""

    update: str | None = None
    is_unreachable: bool = False

    def possible_update(self) -> str | None:
        if self.is_unreachable:
            raise AzureUnreachableError("Couldn't read the image: the registry timed out.")
        return self.update


@dataclass
class Container:
    """A CIPP on a container in the sandbox, and the product for it."""

    scene: Scene
    site: Site
    image: Image

    def services(self) -> Services:
        site, image = self.site, self.image

        class OnContainer(Services):
            @made_once
            def hosting(self) -> Any:  # noqa: ANN401 - the parts of `Hosting` that the rotation uses
                processes = ContainerProcesses(self.clients, site, image, lambda: site.instances == 1)
                return SimpleNamespace(processes=processes, apps=site)

        return OnContainer(dict(os.environ))

    def rotate(self, *keys: str, force: bool = False) -> Rotation:
        return self.services().key_rotation.rotate(by="a test", names=keys or None, force=force)

    def weekly(self) -> None:
        self.services().rotation_by_clock.weekly()

    def catch_up(self) -> None:
        self.services().rotation_by_clock.catch_up()

    def is_current(self) -> str:
        (app,) = self.services().key_rotation.overview().apps
        return app.runs_with_current_keys

    def check(self, **details: object) -> None:
        """CIPP's permissions check ends now."""
        data = json.dumps({**DETAILS, **details})
        self.scene.others.row("AccessChecks", "AccessCheck", "AccessPermissions", Data=data)

    def boot(self, at: datetime) -> None:
        key = f"{at:%Y-%m-%dT%H:%M}_boot"
        columns = {"Kind": "boot", "BootTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        self.scene.others.row("InstanceHealth", "InstanceHealth", key, **columns)


@pytest.fixture
def container(scene: Scene, nowhere: pytest.MonkeyPatch) -> Container:
    """A CIPP on a container, on a Tuesday at noon of UTC. A renewal is verified by one sign-in."""
    scene.others.reset(propagation_seconds=0, direct_tenants=1, old_cipp=True)  # no rows but those of the tests
    for name, value in scene.azure.env.items():
        nowhere.setenv(name, value)
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.go_to(scene.sunday() + timedelta(days=2, hours=12))
    return Container(scene, Site(scene), Image())


# What shows that CIPP has its keys


def test_processes_in_azure_show_nothing(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(hours=1)
    container.scene.others.restart(SITE)
    assert container.is_current() == "unknown"


def test_whole_permissions_check_shows_that_cipp_has_its_keys(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(minutes=14)
    container.check()
    assert container.is_current() == "no"  # it may have begun before
    container.scene.go(minutes=2)
    container.check()
    assert container.is_current() == "yes"


@pytest.mark.parametrize(
    "details",
    [
        {"ApplicationTokenDetails": None},
        {"AccessTokenDetails": {}},
        {"ErrorMessages": ["The secret differs from Key Vault."]},
        {"ApplicationTokenDetails": {"AppId": "another"}},
    ],
)
def test_permissions_check_without_its_details_shows_nothing(container: Container, details: dict[str, object]) -> None:
    container.rotate(SECRET)
    container.scene.go(days=1)
    container.check(**details)
    assert container.is_current() == "unknown"


def test_boot_row_shows_that_cipp_has_its_keys(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(hours=1)
    container.boot(container.scene.now())
    assert container.is_current() == "yes"


@pytest.mark.parametrize("change", [{"others": ["cipptest"]}, {"instances": 2}], ids=str)
def test_sign_of_one_process_shows_nothing_of_several(container: Container, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(container.site, name, value)
    container.rotate(SECRET)
    container.scene.go(hours=1)
    container.boot(container.scene.now())
    container.check()
    assert container.is_current() == "unknown"
    container.site.state = "Stopped"
    assert container.is_current() == "unknown"


def test_restart_counts_only_if_cipp_was_ready_again(container: Container, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    container.site.is_ready_again = False
    container.catch_up()
    assert container.site.restarts == [SITE]
    assert container.is_current() == "unknown"
    container.site.is_ready_again = True
    container.scene.go(hours=2)
    container.rotate(SECRET, force=True)
    container.catch_up()  # a request has too little time for a restart
    assert container.site.restarts == [SITE, SITE]
    assert container.is_current() == "yes"


def test_stopped_container_reads_its_keys_at_its_start(container: Container) -> None:
    container.rotate(SECRET)
    container.site.state = "Stopped"
    assert container.is_current() == "yes"


def test_due_secret_waits_until_cipp_has_read_the_last_one(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(days=8)
    (report,) = container.rotate(SECRET).keys
    assert report.outcome == "unchanged"
    assert "00:30" in report.reason
    container.check()
    (report,) = container.rotate(SECRET).keys
    assert report.outcome == "rotated"


def test_old_secret_is_retired_after_the_overlap_and_the_check(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(days=1)
    container.check()
    first = container.scene.served(SECRET)["tags"]["credential-id"]
    container.rotate(SECRET, force=True)
    container.scene.go(days=31)
    container.rotate(SECRET)
    assert first in [one["keyId"] for one in container.scene.secrets_on_app()]
    container.check()
    container.rotate(SECRET)
    assert first not in [one["keyId"] for one in container.scene.secrets_on_app()]


def test_certificate_is_rotated_once_between_two_checks_even_when_forced(container: Container) -> None:
    container.rotate(CERTIFICATE)
    container.scene.go(hours=2)
    container.rotate(CERTIFICATE, force=True)
    container.scene.go(hours=2)
    (report,) = container.rotate(CERTIFICATE, force=True).keys
    assert report.outcome == "unchanged"
    container.check()
    (report,) = container.rotate(CERTIFICATE, force=True).keys
    assert report.outcome == "rotated"


@pytest.mark.parametrize("has_read", [True, False])
def test_forced_certificate_waits_only_until_cipp_has_read_its_own_ones(container: Container, has_read: bool) -> None:
    for certificate in (Certificate(days=300), Certificate(days=350)):  # CIPP's versions, and none of this app
        container.scene.others.give_certificate(certificate)
        container.scene.go(hours=1)
    if has_read:
        container.boot(container.scene.now())
    (report,) = container.rotate(CERTIFICATE, force=True).keys
    assert report.outcome == ("rotated" if has_read else "unchanged")


def test_certificate_of_cipp_is_renewed_in_time_if_cipp_has_read_it(container: Container) -> None:
    """CIPP stored two versions itself. Nothing on the app was created by this app."""
    container.scene.others.give_certificate(Certificate())
    container.scene.go(seconds=2)
    container.scene.others.give_certificate(Certificate(days=40, age=325))
    container.scene.go(minutes=16)
    (report,) = container.rotate(CERTIFICATE).keys
    assert report.outcome == "unchanged"
    assert "00:30" in report.reason
    container.check()
    (report,) = container.rotate(CERTIFICATE).keys
    assert report.outcome == "rotated"


# Restarts


@pytest.mark.parametrize("image", [Image(UPDATE), Image(is_unreachable=True)], ids=["update", "unknown"])
def test_restart_that_may_update_waits_for_the_night(
    container: Container, nowhere: pytest.MonkeyPatch, image: Image
) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    container.image = image
    warnings = " ".join(container.rotate(SECRET).warnings)
    assert container.site.restarts == []
    assert f"KEY_ROTATION_RESTART_CIPP {phrases.UPDATE_AND_RESTART}" in warnings
    assert "00:30" in warnings
    assert container.is_current() == "unknown"
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "update")
    container.catch_up()
    assert container.site.restarts == [SITE]
    assert container.is_current() == "yes"


def test_restart_without_an_update_is_made(container: Container, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    container.rotate(SECRET)
    container.scene.go(hours=1)
    container.catch_up()
    assert container.site.restarts == [SITE]


def test_nothing_is_restarted_in_the_evening(container: Container, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "update")
    container.scene.go(hours=10, minutes=30)  # 22:30
    container.rotate(SECRET)
    assert container.site.restarts == []
    container.scene.go(hours=2, minutes=20)
    container.catch_up()
    assert container.site.restarts == [SITE]


def test_certificate_is_the_reason_for_a_restart_in_certificate_only_mode(
    container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    container.rotate(CERTIFICATE)
    container.scene.others.row("FeatureFlags", "FeatureFlag", "CertificateAuthentication", Enabled=True)
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    container.scene.go(hours=2)
    container.rotate(CERTIFICATE, force=True)
    container.catch_up()
    assert container.site.restarts == [SITE]


def test_unconfirmed_restart_is_not_repeated_and_the_night_is_named(
    container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "update")
    container.site.is_ready_again = False
    container.rotate(SECRET)
    container.catch_up()
    warnings = container.rotate(SECRET).warnings
    (warning,) = [text for text in warnings if phrases.NOT_REPEATED in text]
    assert container.site.restarts == [SITE]
    assert f"{phrases.READS_KEYS_ON} {container.scene.now() + timedelta(days=1):%Y-%m-%d} at 00:30 UTC" in warning
    assert "Azure shows" not in warning


def test_overview_names_the_night_for_keys_that_cipp_may_still_use(container: Container) -> None:
    container.rotate(SECRET)
    container.scene.go(days=8)
    container.rotate(SECRET, force=True)
    overview = container.services().key_rotation.overview()
    (state,) = [key for key in overview.keys if key.name.lower() == SECRET.lower()]
    assert state.overlapping
    assert all("00:30" in text for text in state.overlapping)


# When


def is_renewed(container: Container) -> bool:
    return "rotated-by" in container.scene.served(SECRET)["tags"]


def test_result_states_when_cipp_reads_the_new_keys(container: Container) -> None:
    container.scene.others.zone("Europe/Amsterdam")
    tonight = f"{container.scene.now():%Y-%m-%d} at 22:30 UTC (00:30 "
    assert any(tonight in text for text in container.rotate().warnings)
    assert not any(tonight in text for text in container.rotate().warnings)


@pytest.mark.parametrize("timer", ["weekly", "catch_up"])
def test_timers_renew_after_the_night(container: Container, timer: str) -> None:
    run = container.weekly if timer == "weekly" else container.catch_up
    sunday = container.scene.sunday()
    for wait in (timedelta(hours=-1, minutes=-40), timedelta(), timedelta(minutes=20), timedelta(minutes=34)):
        container.scene.go_to(sunday + wait)
        run()
        assert not is_renewed(container)
    container.scene.go_to(sunday + timedelta(minutes=36))
    run()
    assert is_renewed(container)


def test_timers_follow_the_time_of_cipps_own_update(container: Container) -> None:
    container.scene.others.row("ContainerUpdateSettings", "Settings", "UpdateConfig", CheckTime="12")
    container.catch_up()
    assert not is_renewed(container)
    container.scene.go(hours=1)
    container.catch_up()
    assert is_renewed(container)


@pytest.mark.parametrize(
    ("settings", "waits"),
    [
        ({}, True),
        ({"CheckTime": "3"}, False),
        ({"CheckTime": ""}, False),
        ({"AutoUpdate": "False"}, False),
        ({"CheckInterval": "0"}, False),
    ],
)
def test_evening_is_left_out_only_for_an_update(container: Container, settings: dict[str, str], waits: bool) -> None:
    container.scene.go(hours=11)  # 23:00
    container.scene.others.row("ContainerUpdateSettings", "Settings", "UpdateConfig", **settings)
    until = container.services().key_rotation.paused_until()
    assert (until is not None) == waits


def test_person_is_not_restricted(container: Container) -> None:
    container.scene.go(hours=11)  # 23:00
    container.rotate(SECRET)
    assert is_renewed(container)


def test_revoked_key_is_repaired_in_the_night(container: Container, nowhere: pytest.MonkeyPatch) -> None:
    container.rotate()
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    container.scene.go(hours=11)
    container.scene.others.remove_secret(container.scene.served(SECRET)["tags"]["credential-id"])
    container.catch_up()
    assert container.scene.signs_in()
