"""Every view of the console under axe-core, in each of its states, light and dark, at 360 and 1,440 pixels."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from sandbox import names
from tests.browser.console import ConsolePage
from tests.browser.states import STATES, State
from tests.browser.views import NOT_FOUND, PLACES, places, views
from tests.browser.writes import dialog_of

pytestmark = pytest.mark.slow("a browser, and every view")
Pages = Callable[..., ConsolePage]
MAIN = names.MAIN_SITE
full = pytest.mark.full_tier("test_no_view_has_a_violation_of_axe opens each view")


def matrix(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in both shapes, light and dark, narrow and wide. The reduced tier has one of these."""
    for name, values in {
        "shape": ("functions", "container"),
        "scheme": ("light", "dark"),
        "width": (360, 1440),
    }.items():
        test = pytest.mark.parametrize(name, values)(test)
    return test


def problems(opened: ConsolePage) -> list[str]:
    """Return the violations of axe-core, and whether the page is wider than the window."""
    pixels = opened.overflow()
    return [*opened.axe(), *([f"{pixels} pixels too wide"] if pixels > 0 else [])]


def edit_responses(page: Page, state: State) -> None:
    """Let the responses have the members of a state."""

    def edited(route: Route) -> None:
        response = route.fetch()
        body = response.json() if response.ok else {"Results": {}}  # a run that does not exist
        state.edits[urlsplit(route.request.url).path.removeprefix("/api/")](body["Results"])
        route.fulfill(response=response, status=200, json=body)

    for endpoint in state.edits:
        page.route(re.compile(rf"/api/{endpoint}(\?|$)"), edited)


def test_each_view_of_the_console_has_places_here() -> None:
    assert {*views(), "nowhere"} == set(PLACES)
    assert len(views()) >= 11


@matrix
def test_no_view_has_a_violation_of_axe(page_as: Pages, shape: str, scheme: str, width: int) -> None:
    opened = page_as("superadmin", shape, scheme=scheme, width=width, allows=(404,))
    opened.open()
    assert set(opened.views()) <= set(views())
    found = {}
    for place in places(shape):
        page = opened.open(place)
        expect(page.get_by_role("group", name="Problem")).to_have_count(int(place in NOT_FOUND))
        if bad := problems(opened):
            found[place] = bad
    assert found == {}


@full
@matrix
def test_no_state_of_a_view_has_a_violation_of_axe(page_as: Pages, shape: str, scheme: str, width: int) -> None:
    opened = page_as("superadmin", shape, scheme=scheme, width=width)
    found = {}
    for name, state in STATES.items():
        if shape not in state.shapes:
            continue
        opened.page.unroute_all()
        opened.page.goto("about:blank")
        edit_responses(opened.page, state)
        page = opened.open(state.place)
        assert state.shows in page.locator("main").inner_html(), name
        expect(page.get_by_text("bug in the console")).to_have_count(0)
        page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        if bad := problems(opened):
            found[name] = bad
    assert found == {}


@full
@matrix
def test_no_part_that_opens_has_a_violation_of_axe(page_as: Pages, shape: str, scheme: str, width: int) -> None:
    opened = page_as("superadmin", shape, scheme=scheme, width=width)
    page = opened.open("keys")
    page.get_by_role("button", name="Table", exact=True).click()
    found = {"table": problems(opened)}
    page.get_by_role("checkbox", name="Select RefreshToken").check()
    found["selection"] = problems(opened)
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("region", name="Result of the check")).to_be_visible(timeout=30_000)
    found["check"] = problems(opened)
    page = opened.open(f"settings/{MAIN}")
    form = page.get_by_role("form", name="New setting")
    form.get_by_label("Name").fill("CIPP_ONE")
    form.get_by_role("button").click()
    page.get_by_role("button", name="Change ").first.click()
    found["edits"] = problems(opened)
    page = opened.open("users")
    page.get_by_role("button", name="Change roles of ").first.click()
    found["roles"] = problems(opened)
    page = opened.open()
    for verb in ("Stop", "Restart"):
        page.get_by_role("button", name=f"{verb} {MAIN}", exact=True).click()
        dialog_of(page)
        found[verb] = problems(opened)
        page.keyboard.press("Escape")
    assert {name: bad for name, bad in found.items() if bad} == {}


@full
@matrix
def test_no_page_of_the_denied_or_signed_out_has_a_violation(
    page_as: Pages, shape: str, scheme: str, width: int
) -> None:
    readonly = page_as("readonly", shape, scheme=scheme, width=width)
    expect(readonly.open().get_by_role("main")).to_contain_text("with the role readonly")
    out = page_as(None, shape, scheme=scheme, width=width, allows=(401,))
    out.page.route(
        "**/.auth/login/aad**", lambda route: route.fulfill(status=302, headers={"Location": "/api/console/"})
    )
    out.page.goto(out.address)
    expect(out.page.get_by_role("main")).to_contain_text("not signed in")
    assert (problems(readonly), problems(out)) == ([], [])
