"""The image of a container is read strictly from `linuxFxVersion`."""

import pytest

from backend.hosting.container.site_address import address_of
from backend.hosting.container.updates.reference import reference_of

DIGEST = f"sha256:{'a1' * 32}"


@pytest.mark.parametrize(
    ("text", "shown", "is_cipps", "is_pinned"),
    [
        ("DOCKER|ghcr.io/cyberdrain/cipp:latest", "ghcr.io/cyberdrain/cipp:latest", True, False),
        ("docker|ghcr.io/cyberdrain/cipp", "ghcr.io/cyberdrain/cipp:latest", True, False),
        ("DOCKER|ghcr.io/cyberdrain/cipp:dev", "ghcr.io/cyberdrain/cipp:dev", True, False),
        ("DOCKER|ghcr.io/cyberdrain/cipp:10.8.5", "ghcr.io/cyberdrain/cipp:10.8.5", True, True),
        ("DOCKER|ghcr.io/cyberdrain/cipp:feat-x", "ghcr.io/cyberdrain/cipp:feat-x", True, True),
        (f"DOCKER|ghcr.io/cyberdrain/cipp@{DIGEST}", f"ghcr.io/cyberdrain/cipp@{DIGEST}", True, True),
        (f"DOCKER|ghcr.io/cyberdrain/cipp:dev@{DIGEST}", f"ghcr.io/cyberdrain/cipp@{DIGEST}", True, True),
        ("DOCKER|ghcr.io/someone/cipp:latest", "ghcr.io/someone/cipp:latest", False, False),
        ("DOCKER|someone.azurecr.io/cyberdrain/cipp:latest", "someone.azurecr.io/cyberdrain/cipp:latest", False, False),
        ("DOCKER|registry.example:5000/cipp:1", "registry.example:5000/cipp:1", False, True),
        ("DOCKER|cyberdrain/cipp:latest", "docker.io/cyberdrain/cipp:latest", False, False),
        ("DOCKER|ghcr.io.example/cyberdrain/cipp:latest", "ghcr.io.example/cyberdrain/cipp:latest", False, False),
        ("DOCKER|ghcr.io/cyberdrain/cipp/other:latest", "ghcr.io/cyberdrain/cipp/other:latest", False, False),
    ],
)
def test_image_is_read(text: str, shown: str, *, is_cipps: bool, is_pinned: bool) -> None:
    reference = reference_of(text)
    assert reference is not None
    assert (str(reference), reference.is_cipps, reference.is_pinned) == (shown, is_cipps, is_pinned)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "DOCKER|",
        "DOCKER",
        "PYTHON|3.11",
        "COMPOSE|dmVyc2lvbjogJzMn",
        "SITECONTAINERS",
        "ghcr.io/cyberdrain/cipp:latest",
        "DOCKER|https://ghcr.io/cyberdrain/cipp:latest",
        "DOCKER|ghcr.io/cyberdrain/cipp:",
        "DOCKER|ghcr.io/cyberdrain/cipp:a b",
        "DOCKER|ghcr.io/cyberdrain/cipp:latest?x=1",
        "DOCKER|ghcr.io/cyberdrain/cipp@sha256:latest",
        "DOCKER|ghcr.io/cyberdrain/../cipp:latest",
        "DOCKER|user@ghcr.io/cyberdrain/cipp:latest",
        "DOCKER|ghcr.io/Cyberdrain/cipp:latest",
        f"DOCKER|ghcr.io/cyberdrain/cipp:{'x' * 600}",
    ],
)
def test_other_text_is_not_an_image(text: str | None) -> None:
    assert reference_of(text) is None


@pytest.mark.parametrize(
    ("host", "bound", "address"),
    [
        ("cipp.azurewebsites.net", [], "https://cipp.azurewebsites.net"),
        ("cipp-a1b2.westeurope-01.azurewebsites.net", [], "https://cipp-a1b2.westeurope-01.azurewebsites.net"),
        ("CIPP.azurewebsites.net", [], "https://cipp.azurewebsites.net"),
        ("cipp.ase.example", ["CIPP.ase.example"], "https://cipp.ase.example"),
        ("cipp.ase.example", ["other.example"], None),
        ("cippazurewebsites.net", [], None),
        ("cipp.azurewebsites.net.example", [], None),
        ("cipp.azurewebsites.net:8080", [], None),
        ("x@cipp.azurewebsites.net", [], None),
        ("a/b.azurewebsites.net", [], None),
        ("127.0.0.1", ["127.0.0.1"], None),
        ("", [], None),
        (None, [], None),
    ],
)
def test_address_is_a_host_of_the_site(host: str | None, bound: list[str], address: str | None) -> None:
    site = {"properties": {"defaultHostName": host, "hostNames": bound}}
    assert address_of(site, ".azurewebsites.net") == address
