"""The console in a real browser: sign-in, places, and every view under axe-core."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.console import ConsolePage, Consoles

Pages = Callable[..., ConsolePage]
WIDTHS = (360, 1440)
MOST_REQUESTS = 12


def test_signed_out_person_signs_in_and_returns_to_the_place(consoles: Consoles) -> None:
    opened = consoles.page_as(None, allows=(401,))
    page = opened.page
    page.goto(f"{opened.address}#/keys/RefreshToken")
    page.wait_for_url("**/api/console/#/keys/RefreshToken")
    expect(page.get_by_role("banner")).to_contain_text("superadmin")
    assert "/.auth/login/aad" in opened.watch.paths()
    assert page.evaluate("() => sessionStorage.getItem('cipp-backend-place')") is None


def test_first_screen_needs_few_requests(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.open()
    paths = [path for path in opened.watch.paths() if not path.startswith("data:")]
    assert len(paths) <= MOST_REQUESTS, paths


@pytest.mark.parametrize("shape", ["functions", "container"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_view_has_a_violation_of_axe(page_as: Pages, shape: str, scheme: str, width: int) -> None:
    opened = page_as("superadmin", shape, scheme=scheme, width=width)
    opened.open()
    violations = {}
    for view in opened.views() or [""]:
        opened.open(view)
        if found := opened.axe():
            violations[view] = found
        assert opened.overflow() <= 0, view
    assert violations == {}
