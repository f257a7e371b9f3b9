"""The shape in which CIPP is installed, as its main app in Azure shows it. Pure."""

from enum import StrEnum
from typing import Final

_FUNCTIONS: Final = "functionapp"
_CONTAINER: Final = "container"
_IMAGES: Final = ("docker", "compose", "sitecontainers")  # what linuxFxVersion begins with, up to its first bar


class Shape(StrEnum):
    """A way to install CIPP.

    - `FUNCTIONS`: function apps with a static web app.
    - `CONTAINER`: one container on App Service.
    - `UNKNOWN`: the main app was not read, or looks like neither. Nothing may be concluded from it.

    `backend.hosting.current` alone chooses by it. The protocols of `backend.hosting.hosting` hide all differences.
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


def may_be_container(kind: str) -> bool:
    """Return whether a site of this kind can be CIPP's container, so that its image must be read to decide."""
    parts = _parts_of(kind)
    return _CONTAINER in parts and _FUNCTIONS not in parts


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
