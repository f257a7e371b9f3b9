"""What every write answers: what it would do, or what it did, in sentences without a value."""

from backend.values import Value


class Act(Value, frozen=True):
    """A write. A dry run changes nothing and fills `would_do`; the others fill `done`."""

    dry_run: bool
    would_do: list[str] = []  # noqa: RUF012 - msgspec copies the default
    done: list[str] = []  # noqa: RUF012 - the same
