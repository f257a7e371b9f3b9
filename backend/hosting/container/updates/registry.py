"""What CIPP's registry has of an image. GitHub's registry is called anonymously, and no other one is called.

Sources: the OCI distribution specification, and the calls that CIPP makes. Never run against the real registry.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.azure.public_web import NoResponseError, PublicWeb, WebResponse
from backend.concurrency.deadline import Deadline
from backend.hosting.container.updates.reference import REGISTRY, REPOSITORY, ImageReference
from backend.readings import Json, object_of, objects_of, text_of, texts_of, time_or_none

VERSION: Final = "org.opencontainers.image.version"  # an annotation of a manifest, or a label of the image
_COMMIT: Final = "org.opencontainers.image.revision"
_CREATED: Final = "org.opencontainers.image.created"
_BASE: Final = f"https://{REGISTRY}/v2/{REPOSITORY}"
_TOKEN: Final = f"https://{REGISTRY}/token?scope=repository:{REPOSITORY}:pull"
_OCI: Final = "application/vnd.oci.image"
_DOCKER: Final = "application/vnd.docker.distribution.manifest"
_ACCEPT: Final = f"{_OCI}.manifest.v1+json, {_DOCKER}.v2+json, {_OCI}.index.v1+json, {_DOCKER}.list.v2+json"
_TAGS: Final = f"{_BASE}/tags/list?n=100"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_MOST_PAGES: Final = 20  # as CIPP itself reads
_PLATFORM: Final = ("linux", "amd64")
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_SHOWABLE: Final = r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}"
_MOST_BYTES: Final = 2_000_000  # of a manifest or an image's configuration
_REDIRECTS: Final = 3
_OK, _NOT_FOUND = 200, 404


class NotComparableError(Exception):
    """The version in the registry is unknown. The text is a sentence that states why."""


@dataclass(frozen=True)
class RegistryImage:
    """The image of a tag or digest: its version by label, and the digest of its manifest, "" if it is unknown.

    `commit` and `built` are of its labels, "" and None if they are missing.
    """

    version: str
    digest: str
    commit: str = ""
    built: datetime | None = None


class MissingImageError(NotComparableError):
    """The registry does not have the tag or digest."""


class Registry:
    """The service of CIPP's registry."""

    def __init__(self, web: PublicWeb) -> None:
        self._web = web

    def image(self, reference: ImageReference, deadline: Deadline) -> RegistryImage:
        """Return what the registry has now.

        Raises:
            NotComparableError: It is not an image of CIPP's registry, or the registry did not show its version.
        """
        if not reference.is_cipps:
            raise NotComparableError(
                f"Only images of {REGISTRY}/{REPOSITORY} can be compared, and no other registry is called."
            )
        try:
            return self._image(reference, deadline)
        except NoResponseError as error:
            raise NotComparableError(f"Couldn't read the registry: {error}.") from error

    def _image(self, reference: ImageReference, deadline: Deadline) -> RegistryImage:
        token = self._token(deadline)
        first = self._manifest(reference.pointer, token, deadline)
        digest = first.headers.get("docker-content-digest", "")
        manifest = first.json()
        if objects_of(manifest.get("manifests")):
            manifest = self._manifest(_of_platform(manifest), token, deadline).json()
        annotations = object_of(manifest.get("annotations"))
        labels = annotations if text_of(annotations.get(VERSION)) else self._labels(manifest, token, deadline)
        version, commit = text_of(labels.get(VERSION)), text_of(labels.get(_COMMIT))
        if not re.fullmatch(_SHOWABLE, version):
            raise NotComparableError("The image in the registry has no readable version label.")
        return RegistryImage(
            version,
            digest if re.fullmatch(_DIGEST, digest) else "",
            commit if re.fullmatch(r"[0-9a-fA-F]{7,64}", commit) else "",
            time_or_none(labels.get(_CREATED)),
        )

    def tags(self, deadline: Deadline) -> list[str]:
        """Return all tags of CIPP's repository.

        Raises:
            NotComparableError: The registry did not list them, or the list does not end.
        """
        try:
            token, link, found = self._token(deadline), _TAGS, list[str]()
            for _ in range(_MOST_PAGES):
                response = self._get(link, token, deadline)
                found += texts_of(response.json().get("tags"))
                if not (link := _next(response.headers.get("link", ""))):
                    return [tag for tag in found if re.fullmatch(_TAG, tag)]
        except NoResponseError as error:
            raise NotComparableError(f"Couldn't read the registry: {error}.") from error
        raise NotComparableError(f"Couldn't read the registry: its list of tags has more than {_MOST_PAGES} pages.")

    def _token(self, deadline: Deadline) -> str:
        token = text_of(self._get(_TOKEN, "", deadline).json().get("token"))
        if not re.fullmatch(r"[!-~]{1,16384}", token):
            raise NotComparableError(f"Couldn't read the registry: {REGISTRY} returned no token.")
        return token

    def _manifest(self, pointer: str, token: str, deadline: Deadline) -> WebResponse:
        """Return the response with the manifest of a tag or a digest."""
        response = self._get(f"{_BASE}/manifests/{pointer}", token, deadline, is_missing=f"'{pointer}'")
        _check(response, pointer)
        return response

    def _labels(self, manifest: Json, token: str, deadline: Deadline) -> Json:
        """Return the labels of an image's configuration."""
        digest = text_of(object_of(manifest.get("config")).get("digest"))
        if not re.fullmatch(_DIGEST, digest):
            raise NotComparableError("The registry's manifest of the image is not readable.")
        response = self._get(f"{_BASE}/blobs/{digest}", token, deadline)
        _check(response, digest)
        # The host of blobs sends them as application/octet-stream.
        readable = WebResponse(response.status, {"content-type": "application/json"}, response.body)
        return object_of(object_of(readable.json().get("config")).get("Labels"))

    def _get(self, url: str, token: str, deadline: Deadline, *, is_missing: str = "") -> WebResponse:
        headers = {"Accept": _ACCEPT, **({"Authorization": f"Bearer {token}"} if token else {})}
        response = self._web.get(url, deadline=deadline, headers=headers, most_bytes=_MOST_BYTES, redirects=_REDIRECTS)
        if response.status == _NOT_FOUND and is_missing:
            raise MissingImageError(f"The registry does not have {is_missing}, so a start may fail.")
        if response.status != _OK:
            raise NotComparableError(f"Couldn't read the registry: {REGISTRY} returned {response.status}.")
        return response


def _next(link: str) -> str:
    """Return the address of the next page of a list of tags, "" on the last one. It must be of the same list."""
    found = re.search(r"<([^<>]*)>\s*;\s*rel=\"?next\"?", link)
    if found is None:
        return ""
    path = found[1].removeprefix(f"https://{REGISTRY}")
    if not path.startswith(f"/v2/{REPOSITORY}/tags/list?"):
        raise NotComparableError("Couldn't read the registry: the link to the next page leads elsewhere.")
    return f"https://{REGISTRY}{path}"


def _of_platform(index: Json) -> str:
    """Return the digest of the manifest for App Service in an index of several platforms."""
    for entry in objects_of(index.get("manifests")):
        platform = object_of(entry.get("platform"))
        digest = text_of(entry.get("digest"))
        if (platform.get("os"), platform.get("architecture")) == _PLATFORM and re.fullmatch(_DIGEST, digest):
            return digest
    raise NotComparableError(f"The image in the registry is not for {'/'.join(_PLATFORM)}.")


def _check(response: WebResponse, pointer: str) -> None:
    """Check content that was requested by its digest: another host may have sent it."""
    if pointer.startswith("sha256:") and hashlib.sha256(response.body).hexdigest() != pointer.removeprefix("sha256:"):
        raise NotComparableError("The registry's content does not match its digest.")
