"""A cached property that concurrent first callers share."""

import threading
from functools import cached_property
from typing import Any, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)
_MAKING = threading.RLock()


class made_once(cached_property[T_co]):  # noqa: N801 - a decorator, named as such
    """A cached property with a lock, which `functools` has not had since Python 3.12.

    An object with its own lock, or with a shared call, must not be created twice.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T_co: ...

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T_co:
        """Return the value, which the first call creates."""
        with _MAKING:
            return super().__get__(instance, owner)
