"""What the registry has of CIPP's image, also if its responses are unusual."""

import hashlib
import json
from typing import Any

import pytest

from backend.azure.public_web import PublicWeb
from backend.concurrency.deadline import Deadline
from backend.configuration.timeouts import Limits
from backend.hosting.container.updates.reference import ImageReference, reference_of
from backend.hosting.container.updates.registry import NotComparableError, Registry
from tests.support.sandbox_client import Sandbox

REPOSITORY = "ghcr.io/cyberdrain/cipp"
LABEL = "org.opencontainers.image.version"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def registry(azure: Sandbox) -> Registry:
    azure.reset(shape="container")
    return Registry(PublicWeb(Limits()))


def image(tag: str) -> ImageReference:
    reference = reference_of(f"DOCKER|{REPOSITORY}:{tag}")
    assert reference is not None
    return reference


def answer(path: str, body: object, kind: str = MANIFEST) -> dict[str, Any]:
    sent = {"body": json.dumps(body), "headers": {"Content-Type": kind}}
    return {"host": "ghcr.io", "path": path, "times": 0, "answer": sent}


@pytest.mark.parametrize(
    ("tag", "version"),
    [("latest", "10.8.5"), ("10.8.4", "10.8.4"), ("dev", "10.8.5+dev.4f1c9ab"), ("preview-tables", None)],
)
def test_version_is_read_from_the_label(registry: Registry, tag: str, version: str | None) -> None:
    found = registry.image(image(tag), Deadline.after(10))
    assert found.version == version or (version is None and "+preview." in found.version)
    assert found.digest.startswith("sha256:")
    pinned = reference_of(f"DOCKER|{REPOSITORY}@{found.digest}")
    assert pinned is not None
    assert registry.image(pinned, Deadline.after(10)).version == found.version


def test_annotation_saves_the_read_of_the_configuration(azure: Sandbox, registry: Registry) -> None:
    azure.faults([answer("/manifests/latest$", {"annotations": {LABEL: "11.0.0"}})])
    assert registry.image(image("latest"), Deadline.after(10)).version == "11.0.0"
    assert not any("/blobs/" in call["path"] for call in azure.calls("ghcr.io"))


@pytest.mark.parametrize(
    "fault",
    [
        answer("/token$", {}, "application/json"),
        answer("/token$", {"token": "a b"}, "application/json"),
        answer("/token$", {"token": 7}, "application/json"),
        answer("/token$", {"token": "x"}, "text/html"),
        answer("/manifests/latest$", []),
        answer("/manifests/latest$", {}),
        answer("/manifests/latest$", {"config": {"digest": "sha256:../../x"}}),
        answer("/manifests/latest$", {"manifests": [{"platform": {"os": "unknown"}, "digest": "sha256:" + "0" * 64}]}),
        answer("/manifests/latest$", {"annotations": {LABEL: "<b>1</b>"}}),
        answer("/manifests/latest$", {"annotations": {LABEL: "1" * 200}}),
        answer("/manifests/latest$", {"x": "y" * 3_000_000}),
        answer("/manifests/sha256", {"annotations": {LABEL: "6.6.6"}}),  # not the content of this digest
        answer("/blobs/", {"config": {"Labels": {LABEL: "6.6.6"}}}),
    ],
)
def test_unusual_response_makes_the_version_unknown(azure: Sandbox, registry: Registry, fault: dict[str, Any]) -> None:
    azure.faults([fault])
    with pytest.raises(NotComparableError):
        registry.image(image("latest"), Deadline.after(10))


def test_missing_label_makes_the_version_unknown(azure: Sandbox, registry: Registry) -> None:
    config = json.dumps({"config": {"Labels": None}})
    digest = f"sha256:{hashlib.sha256(config.encode()).hexdigest()}"
    blob = answer("/blobs/", {})
    blob["answer"]["body"] = config
    azure.faults([answer("/manifests/latest$", {"config": {"digest": digest}}), blob])
    with pytest.raises(NotComparableError, match="label"):
        registry.image(image("latest"), Deadline.after(10))


@pytest.mark.parametrize("mode", ["drop-before", "hang"])
def test_unreachable_registry_makes_the_version_unknown(azure: Sandbox, registry: Registry, mode: str) -> None:
    azure.faults([{"host": "ghcr.io", "mode": mode, "times": 0}])
    with pytest.raises(NotComparableError, match=r"ghcr\.io"):
        registry.image(image("latest"), Deadline.after(0.5))
