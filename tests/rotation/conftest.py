"""Fixtures of the rotation's tests."""

import pytest

from tests.rotation.deployment import Deployment
from tests.rotation.others import Others
from tests.rotation.scene import Scene
from tests.sandbox_client import Sandbox


@pytest.fixture
def scene(azure: Sandbox) -> Scene:
    """The seeded CIPP with one direct tenant, and CIPP's storage without a table: nothing was ever rotated."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    others = Others(azure)
    for table in others.tables.list_tables():
        others.tables.delete_table(table.name)
    return Scene(azure, others)


@pytest.fixture(scope="module")
def deployment(sandbox: Sandbox) -> Deployment:
    """The same CIPP, begun anew as often as a sweep asks."""
    return Deployment(sandbox)
