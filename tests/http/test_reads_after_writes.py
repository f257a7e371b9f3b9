"""After each write of this process, the next read is fresh: no cached value from before the write counts."""

import pytest

import function_app
from backend.concurrency.cached import Cached
from sandbox import names
from settings.http.routes import Route, all_routes
from tests.support.api import Api
from tests.support.bodies import body_of, can_be_dry
from tests.support.sandbox_client import Sandbox

POSTS = [route for route in all_routes(function_app.PAGES) if route.body]


class Reads:
    """Something that is read from Azure, and cached for a long time."""

    def __init__(self) -> None:
        self.count = 0
        self.cached = Cached(self._read, action="read", lifetime=3_600.0)

    def _read(self) -> int:
        self.count += 1
        return self.count


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.name)
def test_cached_value_is_read_again_after_each_write(nowhere: pytest.MonkeyPatch, route: Route) -> None:
    del nowhere  # without Azure the write fails, which counts too: it may have taken effect
    api, reads = Api(), Reads()
    assert reads.cached.get() == 1
    api.post(route.name, {"NoSuchField": 1})
    if can_be_dry(route):
        api.post(route.name, body_of(route, dry_run=True))
    api.call("POST", route.name, b"{}", role="readonly")
    assert reads.cached.get() == 1
    api.post(route.name, body_of(route, dry_run=False))
    assert reads.cached.get() == 2


@pytest.mark.parametrize("shape", ["functions", "container"])
def test_overview_shows_a_write_of_this_process(azure: Sandbox, shape: str) -> None:
    azure.reset(shape=shape, propagation_seconds=0)
    api = Api()

    def main_app() -> tuple[str, str]:
        overview = api.get("ListBackend").results
        card = next(card for card in overview["Cards"] if card["Name"] == names.MAIN_SITE and card["Condition"])
        return card["State"], overview["Status"]["Condition"]

    assert main_app() == ("Running", "Up")
    assert api.post("ExecFunctionAppStop").status == 200
    assert main_app() == ("Stopped", "Down")
    assert api.get("ListBackendStatus").results["Condition"] == "Down"
