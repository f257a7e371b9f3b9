"""How values travel: frozen, named in PascalCase on the wire, times in UTC."""

from datetime import datetime
from typing import Any

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a service answers. Fields become PascalCase, unknown is None."""


class SecretText:
    """A secret's text, which never shows: not in a repr, a log, an f-string or JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Answer the text itself: only to hand it to Azure."""
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
        raise TypeError("A secret is not pickled.")


def in_whole_seconds(moment: datetime | None) -> datetime | None:
    """Drop what Azure does not keep: its times have whole seconds."""
    return moment.replace(microsecond=0) if moment else None
