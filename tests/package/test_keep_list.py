"""The keep-list, on a small SDK of the same form as Microsoft Graph's, and on the real one."""

import sys

import pytest

from deploy.package.keep_list import GENERATED, KeepListError, keep_list
from tests.support.keep_list import installed_source, kept, loaded

CLIENT = """
from typing import TYPE_CHECKING
from kiota_abstractions.base import BaseRequestBuilder
from .generated.base import BaseClient
if TYPE_CHECKING:
    from .generated.users.users_request_builder import UsersRequestBuilder

class GraphServiceClient(BaseClient):
    def __init__(self, adapter):
        super().__init__(adapter)

    @property
    def me(self) -> UsersRequestBuilder:
        from .generated.users.users_request_builder import UsersRequestBuilder
        return UsersRequestBuilder(self.adapter)
"""
BASE = """
from __future__ import annotations
from typing import TYPE_CHECKING
from kiota_abstractions.base import BaseRequestBuilder
if TYPE_CHECKING:
    from .apps.apps_request_builder import AppsRequestBuilder

class BaseClient(BaseRequestBuilder):
    def __init__(self, adapter):
        from .models.atstart import AtStart

    @property
    def apps(self) -> AppsRequestBuilder:
        from .apps.apps_request_builder import AppsRequestBuilder
        return AppsRequestBuilder(self.adapter)
"""
APPS = """
from typing import TYPE_CHECKING
from kiota_abstractions.base import BaseRequestBuilder
if TYPE_CHECKING:
    from ..models.app import App
    from .item.app_item_request_builder import AppItemRequestBuilder

class AppsRequestBuilder(BaseRequestBuilder):
    def by_id(self, app_id: str) -> AppItemRequestBuilder:
        from .item.app_item_request_builder import AppItemRequestBuilder
        return AppItemRequestBuilder(self.adapter)

    def count(self) -> int:
        from ..models.count import Count
"""
ITEM = """
from typing import TYPE_CHECKING
from kiota_abstractions.base import BaseRequestBuilder
if TYPE_CHECKING:
    from ...models.app import App

class AppItemRequestBuilder(BaseRequestBuilder):
    async def get(self) -> "Optional[App]":
        self.to_get()
        from ...models.app import App
        return await self.adapter.send(App)

    def to_get(self):
        from ...models.configuration import Configuration

    async def delete(self) -> None:
        from ...models.deleted import Deleted
"""
APP = """
from .parent import Parent

class App(Parent):
    def get_field_deserializers(self):
        from .field import Field

    def unused(self):
        from .unused import Unused
"""
ONE_CLASS = "class {}:\n    pass\n"
SDK = {
    "msgraph.graph_service_client": CLIENT,
    "msgraph.generated.base": BASE,
    "msgraph.generated.apps.apps_request_builder": APPS,
    "msgraph.generated.apps.item.app_item_request_builder": ITEM,
    "msgraph.generated.models.app": APP,
    "msgraph.generated.users.users_request_builder": ONE_CLASS.format("UsersRequestBuilder"),
    **{
        f"msgraph.generated.models.{name.lower()}": ONE_CLASS.format(name)
        for name in ("AtStart", "Count", "Configuration", "Deleted", "Parent", "Field", "Unused", "Other")
    },
}
AT_START = {"base", "models.atstart"}
TO_ITEM = AT_START | {"apps.apps_request_builder", "apps.item.app_item_request_builder"}
GET = TO_ITEM | {"models.app", "models.parent", "models.field", "models.configuration"}
IMPORTED = "from msgraph.graph_service_client import GraphServiceClient\n"


def kept_of(source: str) -> set[str]:
    return {name.removeprefix(GENERATED) for name in keep_list([source], SDK.get)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json", set()),
        (IMPORTED, AT_START),
        ("NEEDED = ('msgraph.generated.models.other',)", {"models.other"}),
        (
            "def f():\n    from msgraph.generated.models import app as model",
            {"models.app", "models.parent", "models.field"},
        ),
        ("async def f(c: GraphServiceClient):\n    return await c.apps.by_id('1').get()", GET),
        ("async def f(c: 'x.GraphServiceClient'):\n    await c.apps.by_id('1').delete()", TO_ITEM | {"models.deleted"}),
        (
            "def f():\n    c = GraphServiceClient(1)\n    c.apps.count()",
            AT_START | {"apps.apps_request_builder", "models.count"},
        ),
        ("def f(*, c: 'GraphServiceClient'):\n    return c.request_adapter.send(1)", AT_START),
        ("def f(c: GraphServiceClient):\n    g(c)", AT_START),
    ],
)
def test_keep_list_is_what_the_code_can_load(source: str, expected: set[str]) -> None:
    assert kept_of(source) == expected


@pytest.mark.parametrize(
    "line",
    ["apps = c.apps", "g(c.apps.by_id('1'))", "c.me", "c.apps.by_id('1').patch()"],
)
def test_keep_list_refuses_what_it_cannot_follow(line: str) -> None:
    source = f"def f(c: 'GraphServiceClient'):\n    {line}"
    if "patch" in line:  # it may be inherited from outside of the SDK
        assert kept_of(source) == TO_ITEM
    else:
        with pytest.raises(KeepListError, match="Line 2"):
            kept_of(source)


def test_keep_list_refuses_a_name_that_no_class_has() -> None:
    whole = SDK | {"msgraph.generated.base": BASE.replace("(BaseRequestBuilder)", "")}
    with pytest.raises(KeepListError, match="does not have missing"):
        keep_list(["def f(c: GraphServiceClient):\n    c.missing.get()"], whole.get)


def test_keep_list_of_the_app_is_small_and_exists() -> None:
    assert 0 < len(kept()) < 100
    assert all(installed_source(name) for name in kept())
    assert installed_source("msgraph.generated.models") is None


def test_loaded_modules_leave_out_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(kept()))
    for module in (name, name.rpartition(".")[0]):
        monkeypatch.setitem(sys.modules, module, sys)
    assert name in loaded()
    assert name.rpartition(".")[0] not in loaded()
