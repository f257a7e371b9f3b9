"""The image of a container, as `linuxFxVersion` names it. Pure.

Sources: the reference grammar of distribution/reference (a name, then a tag or a digest), and the form that CIPP and
App Service use: `DOCKER|<reference>`.
"""

import re
from dataclasses import dataclass
from typing import Final

REGISTRY: Final = "ghcr.io"  # the only registry that this app calls
REPOSITORY: Final = "cyberdrain/cipp"
CHANNELS: Final = ("latest", "dev", "nightly")
_LONGEST: Final = 512
_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?::[0-9]{1,5})?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<repository>{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)


@dataclass(frozen=True)
class ImageReference:
    """One image. `digest` is "" unless the image is pinned by it. Then the tag does not matter."""

    host: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def is_cipps(self) -> bool:
        """Whether CIPP's own registry has it. The images of forks and private registries can't be compared."""
        return (self.host, self.repository) == (REGISTRY, REPOSITORY)

    @property
    def is_pinned(self) -> bool:
        """Whether it is outside CIPP's channels: a version, a branch build or a digest."""
        return bool(self.digest) or self.tag not in CHANNELS

    @property
    def pointer(self) -> str:
        """What a registry looks up: the digest or the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        name = f"{self.host}/{self.repository}"
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"


def reference_of(linux_fx_version: str | None) -> ImageReference | None:
    """Return the image of a `linuxFxVersion`, None if it names none in the form `DOCKER|<reference>`.

    Other forms are not images of CIPP. That of Docker Compose can contain secrets, so it is never repeated.
    """
    scheme, _, text = (linux_fx_version or "").partition("|")
    text = text.strip()
    if scheme.strip().lower() != "docker" or len(text) > _LONGEST:
        return None
    found = _REFERENCE.fullmatch(text)
    if not found:
        return None
    return ImageReference(
        host=found["host"] or "docker.io",
        repository=found["repository"],
        tag="" if found["digest"] else found["tag"] or "latest",
        digest=found["digest"] or "",
    )
