"""The fake registry: tokens, tags, manifests, blobs, and a tag that moves."""

import json
from typing import Any

import pytest
import requests

from tests.support.sandbox_client import Sandbox

V2 = "https://ghcr.io/v2/cyberdrain/cipp"
TOKEN = "https://ghcr.io/token?scope=repository:cyberdrain/cipp:pull"
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


class Registry:
    """The registry as CIPP reads it."""

    def __init__(self, sandbox: Sandbox, **options: object) -> None:
        sandbox.reset(**options)
        self.web = sandbox.web()
        self.token: str = self.web.get(TOKEN).json()["token"]

    def get(self, url: str, accept: str = ACCEPT, method: str = "GET", **more: Any) -> requests.Response:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        return self.web.request(method, url, headers=headers, allow_redirects=False, **more)

    def version(self, tag: str) -> str:
        index = self.get(f"{V2}/manifests/{tag}").json()
        (image,) = (one for one in index["manifests"] if one["platform"]["os"] == "linux")
        manifest = self.get(f"{V2}/manifests/{image['digest']}").json()
        there = self.get(f"{V2}/blobs/{manifest['config']['digest']}")
        assert there.status_code == 307
        labels = self.web.get(there.headers["location"]).json()["config"]["Labels"]
        version: str = labels["org.opencontainers.image.version"]
        return version


def test_version_of_a_tag_is_read_through_index_manifest_and_blob(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    assert registry.version("latest") == registry.version("10.8.5") == "10.8.5"
    assert registry.version("10.8.4") == "10.8.4"
    assert registry.version("dev").startswith("10.8.5+dev.")


def test_blob_with_a_token_is_refused(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    index = registry.get(f"{V2}/manifests/latest").json()
    manifest = registry.get(f"{V2}/manifests/{index['manifests'][0]['digest']}").json()
    there = registry.get(f"{V2}/blobs/{manifest['config']['digest']}").headers["location"]
    assert there.startswith("https://pkg-containers.githubusercontent.com/")
    assert registry.get(there).status_code == 400


def test_manifest_has_its_digest_and_a_media_type_without_charset(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    got, head = (registry.get(f"{V2}/manifests/latest", method=method) for method in ("GET", "HEAD"))
    assert got.headers["content-type"] == "application/vnd.oci.image.index.v1+json"
    digest = got.headers["docker-content-digest"]
    assert digest == head.headers["docker-content-digest"] == sandbox.state()["registry"]["latest"]["digest"]
    assert (head.status_code, head.content) == (200, b"")
    assert registry.get(f"{V2}/manifests/{digest}").content == got.content


def test_tags_come_in_pages(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    url, found = f"{V2}/tags/list?n=3", []
    while url:
        response = registry.get(url)
        found += response.json()["tags"]
        url = f"https://ghcr.io{response.links['next']['url']}" if response.links else ""
    assert {"latest", "dev", "nightly", "10.8.4", "10.8.5"} < set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("path", "status"), [("manifests/none", 404), ("blobs/sha256:0", 404), ("uploads/1", 501), ("tags/list?n=x", 200)]
)
def test_unknown_path_is_not_found(sandbox: Sandbox, path: str, status: int) -> None:
    assert Registry(sandbox).get(f"{V2}/{path}").status_code == status


def test_call_without_a_token_is_denied(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    denied = registry.web.get(f"{V2}/manifests/latest")
    assert denied.status_code == 401
    assert 'realm="https://ghcr.io/token"' in denied.headers["www-authenticate"]
    assert registry.web.get(TOKEN.replace("cipp:", "other:")).status_code == 403
    assert registry.get("https://ghcr.io/v2/someone/fork/manifests/latest").status_code == 404


def test_manifest_needs_an_accept_header_that_fits(sandbox: Sandbox) -> None:
    refused = Registry(sandbox).get(f"{V2}/manifests/latest", "application/json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")


def test_tag_moves_by_an_option_and_by_a_call(sandbox: Sandbox) -> None:
    assert Registry(sandbox, shape="container", update_available=True).version("latest") == "10.8.6"
    registry = Registry(sandbox)
    sandbox.control("POST", "registry", {"tag": "latest", "version": "10.9.0"})
    assert registry.version("latest") == registry.version("10.9.0") == "10.9.0"
    assert registry.version("10.8.5") == "10.8.5"
    assert sandbox.refused("registry", json.dumps({"tag": "latest"}).encode())[0] == 400


def test_refusal_of_the_registry_has_its_own_form(sandbox: Sandbox) -> None:
    registry = Registry(sandbox)
    sandbox.faults([{"host": "ghcr.io", "mode": "refuse", "status": 429}])
    refused = registry.get(f"{V2}/tags/list")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "TOOMANYREQUESTS")


def test_container_can_be_pinned_by_digest(sandbox: Sandbox) -> None:
    state = sandbox.reset(shape="container", pinned="digest")
    image = state["sites"]["cippabc12"]["siteConfig"]["linuxFxVersion"]
    assert image == f"DOCKER|ghcr.io/cyberdrain/cipp@{state['registry']['latest']['digest']}"
