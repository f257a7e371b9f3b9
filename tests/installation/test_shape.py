"""The shape of CIPP, by the kind of its main app and its image."""

import pytest

from backend.installation.shape import Shape, shape_of

IMAGE = "DOCKER|ghcr.io/cyberdrain/cipp:latest"


@pytest.mark.parametrize(
    ("kind", "image", "shape"),
    [
        ("functionapp", None, Shape.FUNCTIONS),
        ("functionapp,linux", None, Shape.FUNCTIONS),
        ("FunctionApp,Linux,Container", IMAGE, Shape.FUNCTIONS),
        ("functionapp,workflowapp", None, Shape.FUNCTIONS),
        ("app,linux,container", IMAGE, Shape.CONTAINER),
        ("App, Linux, Container", "docker|registry.example.com/cipp:1", Shape.CONTAINER),
        ("app,linux,container", "COMPOSE|dmVyc2lvbg==", Shape.CONTAINER),
        ("app,linux,container", "sitecontainers", Shape.CONTAINER),
        ("app,linux,container", "PYTHON|3.11", Shape.UNKNOWN),
        ("app,linux,container", "", Shape.UNKNOWN),
        ("app,linux,container", None, Shape.UNKNOWN),
        ("app,linux", IMAGE, Shape.UNKNOWN),
        ("app,linux,containers", IMAGE, Shape.UNKNOWN),
        ("app", None, Shape.UNKNOWN),
        ("", None, Shape.UNKNOWN),
    ],
)
def test_shape_follows_from_the_kind_and_the_image(kind: str, image: str | None, shape: Shape) -> None:
    assert shape_of(kind, image) is shape
