"""The ways to install CIPP that the sandbox emulates. The first is the default."""

from typing import Final

SHAPES: Final = ("functions", "container")
