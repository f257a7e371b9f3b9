"""The shape of CIPP, by the kind of its main app and its image."""

import pytest

from backend.installation.main_app import MainApp
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


@pytest.mark.parametrize(
    ("capacity", "workers", "scales", "is_single"),
    [
        (1, None, None, True),
        (1, 1, False, True),
        (2, None, None, False),
        (None, None, None, False),
        (1, 2, None, False),
        (1, None, True, False),  # it may have had another instance
        (1, None, "true", False),
    ],
)
def test_container_is_single_on_one_instance_without_scaling(
    capacity: object, workers: object, scales: object, *, is_single: bool
) -> None:
    plan = {"sku": {"capacity": capacity}, "properties": {"elasticScaleEnabled": scales}}
    app = MainApp(Shape.CONTAINER, {}, {"properties": {"numberOfWorkers": workers}}, plan)
    assert app.is_single is is_single
