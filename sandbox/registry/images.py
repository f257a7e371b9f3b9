"""The images of CIPP that the registry has, and the references that name them."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

from sandbox.moment import moment

NAME: Final = "cyberdrain/cipp"
REPOSITORY: Final = f"ghcr.io/{NAME}"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LATEST: Final = "10.8.5"
NEXT: Final = "10.8.6"  # the version to which `latest` moves
_CHANNELS: Final = ("dev", "nightly")
_REFERENCE: Final = re.compile(r"DOCKER\|(?P<base>[^@|]+?)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
# By tag, the version label, and how many days ago it was made.
_SEEDED: Final = {
    "10.8.2": ("10.8.2", 96),
    "10.8.3": ("10.8.3", 75),
    "10.8.4": ("10.8.4", 54),
    "10.8.5": (LATEST, 33),
    "latest": (LATEST, 33),
    "dev": ("10.8.5+dev.4f1c9ab", 1),
    "nightly": ("10.8.5+nightly.4f1c9ab", 1),
    "preview-tables": ("10.8.5+preview.tables.93be20d", 9),
}


@dataclass(frozen=True)
class Image:
    """One build: an index with a manifest for linux/amd64, whose configuration has the labels."""

    version: str
    created: datetime

    @property
    def revision(self) -> str:
        """The whole hash of the commit that it was built from."""
        return hashlib.sha1(self.version.encode(), usedforsecurity=False).hexdigest()

    @property
    def tag(self) -> str:
        """The tag that the image itself names. A build of a version is also the build of `latest`."""
        kind, _, rest = self.version.partition("+")[2].partition(".")
        return "latest" if not kind else kind if kind in _CHANNELS else f"{kind}-{rest.rpartition('.')[0]}"

    @cached_property
    def config(self) -> bytes:
        """The configuration of the image, with its labels."""
        labels = {
            "org.opencontainers.image.version": self.version,
            "org.opencontainers.image.created": moment(self.created),
            "org.opencontainers.image.revision": self.revision,
            "org.opencontainers.image.source": "https://github.com/CyberDrain/CIPP",
            "org.opencontainers.image.description": "CIPP",
        }
        return _json({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}})

    @cached_property
    def manifest(self) -> bytes:
        """The manifest for linux/amd64."""
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest_of(b"layer"), "size": 5}
        return _json(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": _entry(CONFIG, self.config), "layers": [layer]}
        )

    @cached_property
    def attestation(self) -> bytes:
        """The manifest of the build's attestation, beside that of the image."""
        return _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": _entry(CONFIG, b"{}"), "layers": []})

    @cached_property
    def index(self) -> bytes:
        """The index that a tag names."""
        image = _entry(MANIFEST, self.manifest) | {"platform": {"architecture": "amd64", "os": "linux"}}
        other = _entry(MANIFEST, self.attestation) | {"platform": {"architecture": "unknown", "os": "unknown"}}
        return _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image, other]})

    @property
    def digest(self) -> str:
        """The digest of the index."""
        return digest_of(self.index)

    def manifests(self) -> dict[str, tuple[str, bytes]]:
        """Return media type and content of what it has below `/manifests/`, by digest."""
        found = ((INDEX, self.index), (MANIFEST, self.manifest), (MANIFEST, self.attestation))
        return {digest_of(content): (kind, content) for kind, content in found}


@dataclass
class Registry:
    """The tags of CIPP's repository. An image without a tag can still be read by its digest."""

    tags: dict[str, Image]
    _untagged: list[Image] = field(default_factory=list)

    def move(self, tag: str, version: str, now: datetime) -> None:
        """Let a tag name a new image with this version. A tag of the version itself names it, too."""
        image = Image(version, now.replace(microsecond=0))
        if tag in self.tags:
            self._untagged.append(self.tags[tag])
        self.tags[tag] = image
        if "+" not in version:
            self.tags[version] = image

    def image(self, name: str) -> Image | None:
        """Return the image that a setting `linuxFxVersion` names, or None if the registry does not have it."""
        match = _REFERENCE.fullmatch(name)
        if match is None or match["base"].lower() != REPOSITORY:
            return None
        if match["digest"]:
            return next((one for one in self._images() if match["digest"] in one.manifests()), None)
        return self.tags.get(match["tag"] or "latest")

    def manifest(self, name: str) -> tuple[str, bytes] | None:
        """Return media type and content of a manifest, by tag or digest."""
        if name in self.tags:
            return INDEX, self.tags[name].index
        return next((one.manifests()[name] for one in self._images() if name in one.manifests()), None)

    def blob(self, digest: str) -> bytes | None:
        """Return the configuration of an image by digest."""
        return next((one.config for one in self._images() if digest_of(one.config) == digest), None)

    def _images(self) -> list[Image]:
        return [*self.tags.values(), *self._untagged]

    def snapshot(self) -> dict[str, Any]:
        """Return what `/sandbox/state` shows: version and digest of each tag."""
        return {tag: {"version": one.version, "digest": one.digest} for tag, one in self.tags.items()}


def seeded_registry(now: datetime) -> Registry:
    """Return the registry before a tag moved."""
    day = now.replace(microsecond=0)
    made = {version: _image(version, day - timedelta(days=days)) for version, days in _SEEDED.values()}
    return Registry({tag: made[version] for tag, (version, _) in _SEEDED.items()})


_image = lru_cache(100)(Image)  # a reset makes the same ones again, and shows their digests


def reference(pinned: str, registry: Registry) -> str:
    """Return the image of a container: that of a tag, by default `latest`, or `latest` by its digest."""
    if pinned == "digest":
        return f"{REPOSITORY}@{registry.tags['latest'].digest}"
    return f"{REPOSITORY}:{pinned or 'latest'}"


def is_cipps(name: str) -> bool:
    """Return whether a setting `linuxFxVersion` names an image of CIPP's own repository."""
    match = _REFERENCE.fullmatch(name)
    return match is not None and match["base"].lower() == REPOSITORY


def tag_of(name: str) -> str:
    """Return the tag in a setting `linuxFxVersion`, or nothing if it names a digest."""
    match = _REFERENCE.fullmatch(name)
    return "" if match is None or match["digest"] else match["tag"] or "latest"


def digest_of(content: bytes) -> str:
    """Return the digest of a manifest or blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _entry(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()
