"""The shape in which CIPP is installed."""

from enum import StrEnum


class Shape(StrEnum):
    """A way to install CIPP. `FUNCTIONS` is function apps with a static web app.

    The shape is chosen in `backend.services.Services.hosting`, and compared nowhere else: the protocols of
    `backend.hosting.hosting` hide all differences.
    """

    FUNCTIONS = "functions"
