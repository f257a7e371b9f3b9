"""Weeks and years of a CIPP in the sandbox: what its processes have read signs in, and few credentials are live."""

from datetime import timedelta

import pytest

from sandbox import names
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.scene import CERTIFICATE, GRAPH, SECRET, Scene
from tests.support.rotation.year import HOURLY_SUNDAYS, KINDS, Year, weeks_of
from tests.support.tiers import chosen

START_SECONDS = 0.3


@pytest.fixture
def container(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    scene.others.reset(shape="container", start_seconds=START_SECONDS, propagation_seconds=0)
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    return scene


def works(scene: Scene) -> list[bool]:
    return [process["works"] for process in scene.azure.state()["cipp"]]


def test_cipp_reads_the_new_keys_at_night_and_old_ones_are_retired(
    container: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("KEY_ROTATION_OVERLAP_DAYS", "7")
    first = container.served(SECRET)["version"]
    for _ in range(3):
        container.go_to(container.sunday() + timedelta(minutes=20))
        container.tick("WeeklyKeyRotation")
        container.go(hours=1)
        container.tick("KeyRotationCatchUp")
        assert works(container) == [True]
        container.go(days=1)
        assert works(container) == [True]
        (process,) = container.azure.state()["cipp"]
        assert process["holds"][SECRET] == container.served(SECRET)["version"] != first
        (app,) = container.overview()["Apps"]
        assert app["RunsWithCurrentKeys"] == "yes"
    assert len([one for one in container.secrets_on_app() if one["displayName"].startswith("CIPP Backend")]) <= 3


def test_certificate_only_container_keeps_its_placeholder(container: Scene) -> None:
    container.others.reset(shape="container", start_seconds=START_SECONDS, propagation_seconds=0, certificate_only=True)
    container.rotate()
    container.rotate(CERTIFICATE, force=True)
    assert works(container) == [True]
    container.go(days=1)
    assert works(container) == [True]
    assert not container.calls(GRAPH, "POST", "/addPassword")


@pytest.mark.timeout(1800)
@pytest.mark.larger_in_full_tier
@pytest.mark.slow("the timers of some weeks, or of a year")
@pytest.mark.parametrize("kind", KINDS)
def test_keys_that_cipp_holds_sign_in_and_live_credentials_stay_few(deployment: Deployment, kind: str) -> None:
    """In the full tier for a year or twelve weeks, otherwise for three. Most Sundays leave out most hours."""
    year = Year(deployment, KINDS[kind])
    figures = year.weeks(chosen(reduced=3, full=weeks_of(kind)), hourly=HOURLY_SUNDAYS)
    assert figures.problems == []
    assert figures.late == []
    assert (figures.failed, figures.most_secrets <= 6, figures.most_certificates <= 3) == (0, True, True)
    assert figures.most_secrets > 0 or KINDS[kind].options.get("certificate_only")


@pytest.mark.parametrize("kind", ["function apps", "container"])
def test_year_notices_a_key_that_was_removed_while_cipp_holds_it(deployment: Deployment, kind: str) -> None:
    year = Year(deployment, KINDS[kind])
    assert year.weeks(1).problems == []
    app = deployment.sandbox.state()["applications"][names.SAM_APP_ID]
    held = app["passwordCredentials"][-1 if kind == "container" else 0]  # the offload app reads at a start alone
    deployment.others.remove_secret(held["keyId"])
    figures = year.weeks(1)
    assert figures.failed > 0
    assert any("holds ApplicationSecret, which does not sign in" in problem for problem in figures.problems)


def test_year_notices_too_many_credentials(deployment: Deployment) -> None:
    year = Year(deployment, KINDS["container"])
    made = [deployment.others.add_secret()["keyId"] for _ in range(7)]
    year.look()
    deployment.others.made.secrets -= {*made}  # as if this app had made them
    figures = year.weeks(1)
    assert figures.most_secrets > 6
    assert any("live passwordCredentials of the product" in problem for problem in figures.problems)
