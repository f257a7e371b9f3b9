"""The shape in which CIPP is installed, as its main app in Azure shows it. Pure."""

from enum import StrEnum
from typing import Final, TypeVar

_FUNCTIONS: Final = "functionapp"
_CONTAINER: Final = "container"
_IMAGES: Final = ("docker", "compose", "sitecontainers")  # what linuxFxVersion begins with, up to its first bar

T = TypeVar("T")


class Shape(StrEnum):
    """A way to install CIPP.

    - `FUNCTIONS`: function apps with a static web app.
    - `CONTAINER`: one container on App Service.
    - `UNKNOWN`: the main app was not read, or looks like neither. Nothing may be concluded from it.

    It is compared only here. The protocols of `backend.hosting.hosting` hide all differences but the links.
    """

    FUNCTIONS = "functions"
    CONTAINER = "container"
    UNKNOWN = "unknown"

    @property
    def is_known(self) -> bool:
        """Whether something may be concluded from it."""
        return self is not Shape.UNKNOWN

    @property
    def is_container(self) -> bool:
        """Whether CIPP is a container."""
        return self is Shape.CONTAINER

    def choose(self, *, functions: T, container: T, unknown: T) -> T:
        """Return the value for this shape."""
        return {Shape.FUNCTIONS: functions, Shape.CONTAINER: container, Shape.UNKNOWN: unknown}[self]

    def replaced(self, before: str) -> bool:
        """Return whether CIPP was function apps `before`, by the text of its shape then, and is a container now."""
        return before == Shape.FUNCTIONS.value and self.is_container


def remembered_shape(text: str) -> Shape:
    """Return the shape with that text, `UNKNOWN` if none has it."""
    return next((shape for shape in Shape if shape.value == text), Shape.UNKNOWN)


def is_of_a_container(kind: str) -> bool:
    """Return whether a site of this kind is a container, CIPP's or another one."""
    return _CONTAINER in _parts_of(kind)


def may_be_container(kind: str) -> bool:
    """Return whether a site of this kind can be CIPP's container, so that its image must be read to decide."""
    parts = _parts_of(kind)
    return _CONTAINER in parts and _FUNCTIONS not in parts


def app_of_slot(name: str) -> str:
    """Return the name of a deployment slot's app, "" if a site of this name is not a slot."""
    app, slash, _ = name.partition("/")
    return app if slash else ""


def shape_of(kind: str, linux_fx_version: str | None) -> Shape:
    """Return the shape of CIPP by its site's `kind` and the `linuxFxVersion` of its `config/web`, None if not read.

    Source: the kinds of Microsoft.Web. A site document shows linuxFxVersion as null, so only `config/web` counts.
    """
    if _FUNCTIONS in _parts_of(kind):
        return Shape.FUNCTIONS
    image = (linux_fx_version or "").partition("|")[0].strip().lower()
    return Shape.CONTAINER if may_be_container(kind) and image in _IMAGES else Shape.UNKNOWN


def _parts_of(kind: str) -> list[str]:
    return [part.strip().lower() for part in kind.split(",")]
