"""A cached property that concurrent first callers share."""

import threading
from functools import cached_property
from typing import Any, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)
_MAKING = threading.RLock()


class made_once(cached_property[T_co]):  # noqa: N801 - a decorator, named as such
    """A cached property with a lock, which `functools` has no more since Python 3.12.

    What holds a lock of its own, or a call that others join, must not be made twice.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T_co: ...

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T_co:
        """Return the value, made at the first call."""
        with _MAKING:
            return super().__get__(instance, owner)
