"""The images of CIPP that the registry has, and the references that name them."""

from typing import Final

NAME: Final = "cyberdrain/cipp"
REPOSITORY: Final = f"ghcr.io/{NAME}"


def reference(pinned: str) -> str:
    """Return the image of a container: a tag's, by default that of `latest`."""
    return f"{REPOSITORY}:{pinned or 'latest'}"
