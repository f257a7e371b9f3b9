"""What this app remembers of CIPP's main app, so that it notices a migration under the same name."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.hosting.installation_memory import REMEMBERED, Memory
from backend.installation.main_app import MainApp
from backend.installation.shape import Shape

NOW = datetime(2026, 9, 16, 12, tzinfo=UTC)


def app(shape: Shape, site: str = "/sites/cipp", principal: str = "old") -> MainApp:
    return MainApp(shape, {"id": site, "identity": {"principalId": principal}})


FUNCTIONS = Memory().with_seen(app(Shape.FUNCTIONS), NOW)
MIGRATED = FUNCTIONS.with_seen(app(Shape.CONTAINER, "/Sites/CIPP", "new"), NOW)


def test_function_apps_that_become_a_container_were_migrated() -> None:
    assert (MIGRATED.migrated, MIGRATED.former_principal, MIGRATED.principal) == (NOW, "old", "new")


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        (Memory(), app(Shape.CONTAINER)),
        (FUNCTIONS, app(Shape.FUNCTIONS)),
        (FUNCTIONS, app(Shape.CONTAINER, "/sites/other")),
        (Memory().with_seen(app(Shape.CONTAINER), NOW), app(Shape.CONTAINER, principal="new")),
        (Memory().with_seen(app(Shape.CONTAINER), NOW), app(Shape.FUNCTIONS)),
    ],
)
def test_other_changes_are_not_seen_as_a_migration(before: Memory, seen: MainApp) -> None:
    assert before.with_seen(seen, NOW).migrated is None


def test_migration_is_remembered_for_a_month() -> None:
    later = MIGRATED.with_seen(app(Shape.CONTAINER, principal="new"), NOW + timedelta(days=1))
    assert later == MIGRATED
    assert later.is_recent_migration(NOW + REMEMBERED - timedelta(seconds=1))
    assert not later.is_recent_migration(NOW + REMEMBERED)
    assert not FUNCTIONS.is_recent_migration(NOW)
