"""The versions of a secret that a restore left enabled, as a table of cases."""

from datetime import UTC, datetime

from backend.key_vault.left_enabled import left_enabled
from backend.key_vault.secrets import ENABLED_FOR_RESTORE, Version

MARK = {ENABLED_FOR_RESTORE: "2026-08-02T00:00:00Z"}


def version(name: str, *, enabled: bool, tags: dict[str, str]) -> Version:
    made = datetime(2026, 8, 2, tzinfo=UTC)
    return Version(name, made, None, enabled=enabled, expires=None, tags=tags, content_type=None, managed=False)


def test_old_enabled_versions_with_the_mark_are_left_enabled() -> None:
    versions = [
        version("served", enabled=True, tags=MARK),
        version("marked", enabled=True, tags=MARK),
        version("disabled", enabled=False, tags=MARK),
        version("unmarked", enabled=True, tags={}),
    ]
    assert [found.id for found in left_enabled(versions)] == ["marked"]
