"""Fixtures of the rotation's tests."""

from pathlib import Path

import pytest

from tests.rotation.deployment import Deployment
from tests.rotation.others import Others
from tests.rotation.scene import Scene
from tests.sandbox_client import Sandbox


@pytest.fixture(scope="session")
def authority(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sandbox's own certificate authority alone: all that a machine trusts takes 20 ms a connection to read."""
    begin = "-----BEGIN CERTIFICATE-----"
    trusted = Path(sandbox.env["SSL_CERT_FILE"]).read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    path.write_text(begin + trusted.rpartition(begin)[2], encoding="utf-8")
    return str(path)


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch, authority: str) -> Scene:
    """The seeded CIPP with one direct tenant, and CIPP's storage without a table: nothing was ever rotated."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if name in azure.env:
            nowhere.setenv(name, authority)
    others = Others(azure, authority)
    for table in others.tables.list_tables():
        others.tables.delete_table(table.name)
    return Scene(azure, others)


@pytest.fixture(scope="module")
def deployment(sandbox: Sandbox) -> Deployment:
    """The same CIPP, begun anew as often as a sweep asks."""
    return Deployment(sandbox)
