"""A certificate that is stored or restored by hand, while CIPP's weekly run keeps only the newest two on its app."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from backend.credentials.certificate_gate import LastRead, dropped, refuse_old, refuse_used
from backend.errors import ConflictError
from backend.key_vault.secrets import Version
from backend.key_vault.tags import CREDENTIAL_ID
from tests.support import phrases
from tests.support.by_hand import DRY, FORCE, fresh, restore, set_secret
from tests.support.rotation.others import Others
from tests.support.rotation.scene import CERTIFICATE, Scene
from tests.support.sandbox.certificate import Certificate

NOW: Final = datetime(2026, 9, 16, 12, tzinfo=UTC)
READ: Final = NOW.replace(hour=22, minute=30)


def version(name: str, days_old: float, *, enabled: bool = True, credential: str = "", left: float = 99) -> Version:
    return Version(
        id=name,
        created=NOW - timedelta(days=days_old),
        updated=None,
        enabled=enabled,
        expires=NOW + timedelta(days=left),
        tags={CREDENTIAL_ID: credential} if credential else {},
        content_type=None,
        managed=False,
    )


def last_read(days_ago: float | None) -> LastRead:
    since = None if days_ago is None else NOW - timedelta(days=days_ago)
    return LastRead(since, NOW, READ, UTC)


C, B, A = version("c", 1), version("b", 5), version("a", 9)
USED: Final[dict[str, tuple[list[Version], Version | None, float | None, bool]]] = {
    "CIPP has read the current one": ([C, B, A], None, 0.5, False),
    "CIPP has read none since": ([C, B], None, 3, True),
    "CIPP has read it in that second": ([C, B], None, 1, True),
    "unknown": ([C, B], None, None, True),
    "one version": ([C], None, None, False),
    "no version": ([], None, None, False),
    "the second one is restored": ([C, B], B, None, False),
    "the second one is restored, and there is a third": ([C, B, A], B, None, True),
    "the second one is restored, which CIPP has read": ([C, B, A], B, 3, False),
    "the earlier one is disabled": ([C, version("b", 5, enabled=False)], None, None, False),
    "the earlier one is expired": ([C, version("b", 5, left=0)], None, None, False),
    "the earlier one is the current certificate": (
        [version("c", 1, credential="X"), version("b", 5, credential="x")],
        None,
        None,
        False,
    ),
    "the earlier one is another certificate of this app": (
        [version("c", 1, credential="x"), version("b", 5, credential="y")],
        None,
        None,
        True,
    ),
}


@pytest.mark.parametrize(("versions", "restored", "days_ago", "refused"), USED.values(), ids=USED)
def test_certificate_that_cipp_might_use_stays_among_the_newest_two(
    versions: list[Version], restored: Version | None, days_ago: float | None, refused: bool
) -> None:
    candidates = dropped(versions, restored)
    if not refused:
        refuse_used(candidates, last_read(days_ago))
        return
    with pytest.raises(ConflictError, match="Force") as error:
        refuse_used(candidates, last_read(days_ago))
    assert "2026-09-16 at 22:30 UTC" in error.value.advice


def test_refusal_without_a_time_of_the_next_read_names_the_restart() -> None:
    with pytest.raises(ConflictError) as error:
        refuse_used(dropped([C, B], None), LastRead(None, NOW, None, UTC))
    assert "ExecFunctionAppRestart" in error.value.advice


def test_only_the_newest_two_enabled_versions_may_be_restored() -> None:
    off = version("b", 5, enabled=False)
    refuse_old(B, [C, B, A])
    refuse_old(A, [C, off, A])
    for old, versions in ((A, [C, B, A]), (off, [C, off, A])):
        with pytest.raises(ConflictError, match=old.id):
            refuse_old(old, versions)


@pytest.fixture
def container(azure: Any, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:  # noqa: ANN401 - as in the other fixtures
    """A CIPP in a container with three certificates on its app, of which it has read none. Its zone is Amsterdam."""
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    azure.reset(shape="container", propagation_seconds=0, direct_tenants=0, no_instance_health=True)
    scene = Scene(azure, Others(azure))
    scene.others.zone("Europe/Amsterdam")
    for days in (300, 320, 350):
        scene.others.give_certificate(Certificate(days=days))
        scene.go(minutes=1)
    yield scene
    azure.faults([])


def ids(scene: Scene) -> list[str]:
    """Return the ids of the versions, newest first."""
    return [one["version"] for one in scene.versions(CERTIFICATE)][::-1]


def test_third_certificate_is_restored_only_with_force(container: Scene) -> None:
    before = ids(container)
    refused = restore(CERTIFICATE, before[2])
    assert refused.status == 409
    assert restore(CERTIFICATE, before[2], **DRY).results["WouldDo"][0].startswith("Refuse")
    assert phrases.NEWEST_TWO in refused.text
    assert "Force" in refused.text
    assert ids(container) == before
    assert restore(CERTIFICATE, before[2], **FORCE).status == 200
    assert container.certificate_signs_in()


@pytest.mark.slow("four sign-ins with certificates")
def test_set_and_restore_wait_until_cipp_has_read_its_keys(container: Scene) -> None:
    before, value = ids(container), fresh(container, "Certificate")
    for refused in (set_secret(CERTIFICATE.upper(), value), restore(CERTIFICATE, before[1])):
        assert refused.status == 409
        assert phrases.CIPPS_NIGHTLY_READ in refused.text
        assert value not in refused.text
    assert ids(container) == before
    container.go(days=1)  # CIPP reads its keys at 00:30, and writes its row of the check
    assert set_secret(CERTIFICATE, value).status == 200
    assert container.certificate_signs_in()
    assert set_secret(CERTIFICATE, fresh(container, "Certificate")).status == 409
    assert set_secret(CERTIFICATE, fresh(container, "Certificate"), **FORCE).status == 200


def test_first_certificate_by_hand_needs_no_look_at_cipp(container: Scene) -> None:
    for old in ids(container)[1:]:
        container.others.disable(CERTIFICATE, old)
    before = len(container.calls("management.azure.com"))
    assert set_secret(CERTIFICATE, fresh(container, "Certificate")).status == 200
    assert not [call for call in container.calls("management.azure.com")[before:] if "/sites" in call["path"]]
