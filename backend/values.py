"""The values that services return: frozen, with PascalCase names in JSON and times in UTC."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A value that a service returns. JSON has its fields in PascalCase. None means unknown."""


class SecretText:
    """A secret's text. It never appears in a repr, a log, an f-string or JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself. Use it only to send it to Azure."""
        return self._text

    def __repr__(self) -> str:
        return "SecretText(***)"

    def __format__(self, _spec: str) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:  # noqa: ANN401 - object's own signature
        raise TypeError("A secret can't be pickled.")


def in_whole_seconds(moment: datetime | None) -> datetime | None:
    """Return a time without its fraction of a second, as Azure stores it."""
    return moment.replace(microsecond=0) if moment else None


class ActionResult(Value, frozen=True):
    """What a write operation did, or would do in a dry run. Each kind of write has its own fields."""

    @property
    def summary(self) -> str:
        """The result in sentences for the audit log, without a value."""
        return "Done."

    @property
    def continues(self) -> bool:
        """Whether the operation continues after the response, which is then 202 (Accepted)."""
        return False

    @property
    def is_repeated(self) -> bool:
        """Whether the caller repeats this call until something else happens. The audit log has one entry a minute."""
        return False


class Act(ActionResult, frozen=True):
    """The result of a write operation. A dry run changes nothing and fills `would_do`. Any other fills `done`."""

    dry_run: bool
    would_do: list[str] = []
    done: list[str] = []

    @property
    def summary(self) -> str:
        """What the operation would do or did, as in the response."""
        return " ".join([*self.would_do, *self.done])


def counted(outcomes: Iterable[str]) -> str:
    """Return how often each outcome occurs, as a sentence."""
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(Counter(outcomes).items())) or "Nothing to do."
