"""The image of a container is read strictly from `linuxFxVersion`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError
from backend.hosting.container.site_address import address_of
from backend.hosting.container.updates.reference import reference_of
from backend.hosting.container.versions.request import requested_tag

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


HOSTS = st.from_regex(r"([a-z][a-z0-9]{0,6}\.){1,3}[a-z]{2,4}(:[0-9]{2,5})?", fullmatch=True)
PATHS = st.from_regex(
    r"[a-z0-9]{1,8}((_|__|-{1,2})[a-z0-9]{1,8}){0,2}(/[a-z0-9]{1,8}(\.[a-z0-9]{1,4})?){0,2}", fullmatch=True
)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@given(HOSTS | st.just(""), PATHS, TAGS | st.just(""), DIGESTS | st.just(""))
def test_every_reference_is_taken_apart_and_put_together(host: str, path: str, tag: str, digest: str) -> None:
    """Also of a registry with a port, which has a colon like a tag, without a tag, and with a tag and a digest."""
    text = f"{host}/{path}" if host else path
    text += (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    found = reference_of(f"DOCKER|{text}")
    assert found
    assert (found.host, found.repository) == (host or "docker.io", path)
    assert (found.tag, found.digest) == ("" if digest else tag or "latest", digest)
    assert reference_of(f"DOCKER|{found}") == found  # what this app would write means the same
    assert found.is_pinned is (bool(digest) or (tag or "latest") not in ("latest", "dev", "nightly"))


@given(st.text(max_size=80))
def test_text_without_its_name_is_not_an_image_of_cipp(text: str) -> None:
    found = reference_of(text)
    if found and found.is_cipps:
        assert "ghcr.io/cyberdrain/cipp" in text


@given(st.text(max_size=80) | TAGS | DIGESTS)
def test_requested_tag_is_never_a_digest_nor_breaks_the_reference(text: str) -> None:
    for request in ({"channel": text, "version": None}, {"channel": None, "version": text}):
        try:
            tag = requested_tag(**request)
        except InvalidInputError:
            continue
        written = reference_of(f"DOCKER|ghcr.io/cyberdrain/cipp:{tag}")
        assert written
        assert (written.is_cipps, written.tag, written.digest) == (True, tag, "")
