"""What this app remembers of CIPP's main app, so that it notices a migration under the same name."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from backend.hosting import installation_states
from backend.hosting.installation_memory import REMEMBERED, TABLE, Memory
from backend.installation.main_app import NOT_READ, MainApp
from backend.installation.shape import Shape
from settings.http.process import services
from tests.support import phrases
from tests.support.api import Api, functions
from tests.support.sandbox_client import Sandbox

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


@pytest.mark.parametrize("unknown", [NOT_READ, app(Shape.UNKNOWN, "/sites/other")], ids=["not read", "of no shape"])
def test_app_of_an_unknown_shape_changes_no_memory(unknown: MainApp) -> None:
    assert FUNCTIONS.with_seen(unknown, NOW) == FUNCTIONS
    assert MIGRATED.with_seen(unknown, NOW) == MIGRATED


def migration_seen(azure: Sandbox) -> list[str]:
    """Migrate CIPP under the same name, and return what a new process warns of."""
    azure.reset(propagation_seconds=0, shape="container")
    warnings = Api().get("ExecBackendURLs").results["Warnings"]
    return [warning for warning in warnings if phrases.IDENTITY_CHANGED in warning]


@pytest.mark.slow("the timer also rotates and checks keys")
def test_hourly_timer_remembers_function_apps_before_a_migration(azure: Sandbox) -> None:
    Api()
    functions()["keyrotationcatchup"].get_user_function()(None)
    assert migration_seen(azure)


def test_memory_does_not_wait_for_a_table_that_hangs(
    azure: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(installation_states, "REMEMBER_SECONDS", 0.3)
    Api()
    services().discovery.main_app.seen()
    azure.faults([{"host": "127.0.0.1", "path": TABLE, "mode": "hang", "times": 0}])
    with caplog.at_level(logging.INFO):
        services().installation_states.remember()
    azure.faults([])
    assert phrases.NOT_REMEMBERED in caplog.text


def test_memory_that_cannot_be_stored_is_only_logged(azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    Api()
    azure.faults([{"host": "127.0.0.1", "path": TABLE, "mode": "refuse", "status": 403, "times": 0}])
    with caplog.at_level(logging.INFO):
        services().installation_states.remember()
    azure.faults([])
    assert phrases.MEMORY_OF_MAIN_APP in caplog.text
