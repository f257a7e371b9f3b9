"""The shape of CIPP, by the kind of its main app and its image."""

import pytest

from backend.installation.main_app import MainApp
from backend.installation.shape import Shape, remembered_shape, shape_of

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
    ("tier", "capacity", "workers", "scales", "is_single"),
    [
        ("Basic", 1, None, None, True),
        ("BASIC", 1, 1, False, True),
        ("Basic", 2, None, None, False),
        ("Basic", None, None, None, False),
        ("Basic", 1, 2, None, False),
        ("Basic", 1, None, True, False),  # it may have had another instance
        ("Basic", 1, None, "true", False),
        ("Standard", 1, None, None, False),
        ("PremiumV3", 1, 1, False, False),
        (None, 1, None, None, False),
    ],
)
def test_container_is_single_on_one_instance_without_scaling(
    tier: object, capacity: object, workers: object, scales: object, *, is_single: bool
) -> None:
    plan = {"sku": {"tier": tier, "capacity": capacity}, "properties": {"elasticScaleEnabled": scales}}
    app = MainApp(Shape.CONTAINER, {}, {"properties": {"numberOfWorkers": workers}}, plan)
    assert app.is_single is is_single


@pytest.mark.parametrize(
    ("text", "shape"),
    [("functions", Shape.FUNCTIONS), ("container", Shape.CONTAINER), ("unknown", Shape.UNKNOWN), ("", Shape.UNKNOWN)],
)
def test_remembered_shape_is_known_only_by_its_own_text(text: str, shape: Shape) -> None:
    assert remembered_shape(text) is shape
