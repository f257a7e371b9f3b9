"""The console's calls on bad days: the session ends, the API is busy, another server responds, a write is refused."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from playwright.sync_api import Page, Route, expect

from sandbox import names
from tests.browser.console import ConsolePage, Consoles
from tests.browser.writes import WRITE_MILLISECONDS, close, confirm, dialog_of
from tests.support.sandbox_client import Sandbox

pytestmark = [
    pytest.mark.slow("a browser, and a CIPP of its own"),
    pytest.mark.full_tier("test_console.py and test_console_keyboard.py open the console, and stop an app"),
]
Pages = Callable[..., ConsolePage]
ARM = "management.azure.com"
MAIN = names.MAIN_SITE


@pytest.fixture(autouse=True)
def _no_faults_stay(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults([])


def add_setting(page: Page, name: str) -> None:
    """Add a setting to the changes, which are not written yet."""
    form = page.get_by_role("form", name="New setting")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Value").fill("1")
    form.get_by_role("button").click()


def test_edits_stay_when_the_session_ends(consoles: Consoles) -> None:
    opened = consoles.page_as(None, allows=(401,))
    page = opened.page
    page.goto(f"{opened.address}#/settings/{MAIN}")
    page.wait_for_url(f"**/api/console/#/settings/{MAIN}")
    opened.settled()
    add_setting(page, "CIPP_ONE")
    page.evaluate("() => sessionStorage.clear()")  # the last sign-in was an hour ago
    page.context.clear_cookies()
    page.get_by_role("button", name="Reload now").click()
    trouble = page.get_by_role("group", name="Problem")
    expect(trouble).to_have_count(1)
    assert opened.axe() == []
    with page.context.expect_page() as tab:
        trouble.get_by_role("link", name="Sign in").click()
    expect(tab.value.get_by_role("banner")).to_contain_text("superadmin")
    assert opened.watch.paths().count("/.auth/login/aad") == 1
    trouble.get_by_role("button", name="Try again").click()
    expect(trouble).to_have_count(0)
    expect(page.get_by_role("region", name="Changes that are not written yet")).to_contain_text("CIPP_ONE")


@pytest.mark.parametrize(("status", "wait", "seconds"), [(500, None, 15), (429, "60", 60)])
def test_failed_read_is_repeated_after_the_stated_time(
    page_as: Pages, status: int, wait: str | None, seconds: int
) -> None:
    opened = page_as("superadmin", allows=(status,))
    page = opened.page
    requests: list[str] = []

    def refuse(route: Route) -> None:
        requests.append(route.request.url)
        headers = {"Retry-After": wait} if wait else {}
        route.fulfill(status=status, headers=headers, json={"detail": "busy"})

    page.route("**/api/ListBackendUsers", refuse)
    page.clock.install()
    opened.open("users")
    expect(page.get_by_role("group", name="Problem")).to_contain_text(f"{seconds} seconds")
    assert len(requests) == 1
    page.clock.run_for((seconds - 2) * 1000)
    assert len(requests) == 1
    with page.expect_response("**/api/ListBackendUsers"):
        page.clock.run_for(4000)
    assert len(requests) == 2


def test_edits_stay_when_their_write_is_refused(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40}, allows=(500,))
    page = opened.open(f"settings/{MAIN}")
    add_setting(page, "CIPP_ONE")
    changes = page.get_by_role("region", name="Changes that are not written yet")
    changes.get_by_role("button", name="Review and write").click()
    dialog = dialog_of(page)
    sandbox.faults([{"host": ARM, "method": "PUT", "mode": "refuse", "status": 403, "times": 0}])
    dialog.get_by_role("button", name="Write", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("403", timeout=WRITE_MILLISECONDS)
    close(page)
    expect(changes).to_contain_text("CIPP_ONE")
    sandbox.faults([])
    changes.get_by_role("button", name="Review and write").click()
    confirm(page, "Write")
    close(page)
    expect(changes).to_have_count(0)


def html(route: Route) -> None:
    """Respond as a proxy does, or App Service if the app does not run."""
    route.fulfill(status=200, content_type="text/html", body="<!DOCTYPE html><p>Welcome</p>")


@pytest.mark.parametrize("endpoint", ["me", "ListBackend", "ListKeyRotations"])
def test_response_of_another_server_is_an_error_of_its_part(page_as: Pages, endpoint: str) -> None:
    opened = page_as("superadmin")
    opened.page.route(f"**/api/{endpoint}", html)
    page = opened.open()
    expect(page.get_by_role("group", name="Problem").first).to_contain_text("proxy")
    assert opened.axe() == []
    opened.page.unroute(f"**/api/{endpoint}")
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_role("button", name=f"Stop {MAIN}", exact=True)).to_be_enabled()


def test_write_without_a_readable_response_is_uncertain(page_as: Pages) -> None:
    page = page_as("superadmin").open()
    page.get_by_role("button", name=f"Restart {MAIN}-proc", exact=True).click()
    dialog = dialog_of(page)
    page.route("**/api/ExecFunctionAppRestart", html)
    dialog.get_by_role("button", name="Restart", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("may still have happened")


def test_check_without_a_readable_response_allows_no_write(page_as: Pages) -> None:
    page = page_as("superadmin").open()
    page.route("**/api/ExecFunctionAppRestart", html)
    page.get_by_role("button", name=f"Restart {MAIN}-proc", exact=True).click()
    dialog = dialog_of(page)
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was changed")
    expect(dialog.get_by_role("button", name="Restart", exact=True)).to_have_count(0)


def edit_overview(page: Page, members: Mapping[str, object], *, age_seconds: int | None = None) -> None:
    """Let the next loads of the overview have other members of the main app's card, or be of an earlier time."""

    def edited(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        card = next(card for card in body["Results"]["Cards"] if card["Kind"] == "FunctionApp")
        card.update(members)
        body["Results"]["Status"]["Condition"] = card["Condition"]
        if age_seconds is not None:
            moment = parsedate_to_datetime(response.headers["date"]) - timedelta(seconds=age_seconds)
            body["Results"]["AsOf"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        route.fulfill(response=response, json=body)

    page.route("**/api/ListBackend", edited)


def test_state_is_of_the_newer_read_when_the_other_one_fails(page_as: Pages) -> None:
    opened = page_as("superadmin", allows=(503,))
    page = opened.open()
    expect(page.get_by_role("main")).not_to_contain_text("CIPP is down")
    page.route("**/api/ListFunctionApps", lambda route: route.fulfill(status=503, json={"detail": "busy"}))
    edit_overview(page, {"State": "Stopped", "Condition": "Down"}, age_seconds=0)
    page.get_by_role("button", name="Reload now").click()
    expect(page.get_by_role("main")).to_contain_text("CIPP is down")
    expect(page.get_by_role("button", name=f"Start {MAIN}", exact=True).first).to_be_visible()


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"Exists": False, "State": None, "Condition": "Down"}, "CIPP is down"),
        ({"Exists": None, "State": None, "Condition": None}, "up is not known"),
        ({"Condition": "Starting"}, "CIPP is starting"),
    ],
    ids=["missing", "unknown", "starting"],
)
def test_first_sentence_does_not_promise_what_is_not_known(
    page_as: Pages, members: dict[str, object], sentence: str
) -> None:
    opened = page_as("superadmin")
    opened.page.route("**/api/ListFunctionApps", lambda route: route.fulfill(json={"Results": []}))
    edit_overview(opened.page, members)
    promise = opened.open().get_by_role("region", name="Until when CIPP works")
    expect(promise).to_contain_text(sentence)
    expect(promise).not_to_contain_text("keeps working")
    assert opened.axe() == []


@pytest.mark.each_value
@pytest.mark.parametrize(("status", "sentence"), [(403, "up is not known"), (404, "CIPP is down")])
def test_nothing_is_promised_while_the_shape_of_cipp_is_unknown(
    page_as: Pages, sandbox: Sandbox, status: int, sentence: str
) -> None:
    opened = page_as("superadmin", "container", options={"start_seconds": status / 1000})  # a host of its own
    sandbox.faults([{"path": f"/sites/{MAIN}(/config/web)?$", "mode": "refuse", "status": status, "times": 0}])
    promise = opened.open().get_by_role("region", name="Until when CIPP works")
    expect(promise).to_contain_text(sentence)
    expect(promise).not_to_contain_text("keeps working")


def test_age_of_the_page_counts_from_when_the_overview_was_made(page_as: Pages) -> None:
    opened = page_as("superadmin")
    edit_overview(opened.page, {}, age_seconds=40)
    page = opened.open()
    expect(page.get_by_role("button", name="Reload now")).to_have_text(re.compile("4[0-9] s old"))


def test_log_loads_again_only_on_request_and_after_a_write(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.page.clock.install()
    page = opened.open("log")
    loads = opened.watch.paths().count("/api/ListBackendLog")
    with page.expect_response("**/api/ListFunctionApps"):
        page.clock.run_for(40_000)
    assert opened.watch.paths().count("/api/ListBackendLog") == loads
    with page.expect_response("**/api/ListBackendLog?*"):
        page.get_by_role("button", name="Reload now").click()


def test_times_of_a_part_that_failed_are_in_the_zone_of_cipp(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"timezone": "Pacific/Kiritimati"}, allows=(500,))  # UTC+14
    page = opened.open("users")
    sandbox.faults([{"host": ARM, "path": "/listUsers", "mode": "refuse", "status": 403, "times": 0}])
    page.get_by_role("button", name="Reload now").click()
    age = page.get_by_role("group", name="Problem").get_by_text("What is shown")
    before = age.inner_text()
    page.get_by_role("button", name="Your time zone").click()
    expect(age).not_to_have_text(before)


def test_old_plan_is_checked_again_before_the_write(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.page.clock.install()
    page = opened.open()
    page.get_by_role("button", name=f"Restart {MAIN}-proc", exact=True).click()
    dialog_of(page)
    page.clock.fast_forward(61_000)
    confirm(page, "Restart")
    assert opened.watch.paths().count("/api/ExecFunctionAppRestart") == 3  # two dry runs, and the write


def test_plan_that_changed_is_confirmed_again(page_as: Pages, sandbox: Sandbox) -> None:
    opened = page_as("superadmin", options={"stored_days": 40})
    opened.page.clock.install()
    page = opened.open("keys")
    page.get_by_role("button", name="Rotate what is due").click()
    dialog = dialog_of(page)
    expect(dialog.get_by_role("button", name="Rotate", exact=True)).to_be_enabled()
    rotate = "() => fetch('/api/ExecKeyRotation', {method: 'POST', body: '{}', headers: {'Content-Type': '%s'}})"
    page.evaluate(rotate % "application/json")  # by another admin
    before = sandbox.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"]
    page.clock.fast_forward(61_000)
    dialog.get_by_role("button", name="Rotate", exact=True).click()
    expect(dialog).to_contain_text("There is nothing to do", timeout=WRITE_MILLISECONDS)
    expect(dialog.get_by_role("button", name="Rotate", exact=True)).to_have_count(0)
    assert opened.axe() == []
    assert sandbox.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"] == before


def test_write_is_not_sent_when_the_dialog_is_closed_during_its_check(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.page.clock.install()
    page = opened.open()
    waiting: list[Route] = []
    page.get_by_role("button", name=f"Restart {MAIN}-proc", exact=True).click()
    dialog = dialog_of(page)
    page.clock.fast_forward(61_000)
    page.route("**/api/ExecFunctionAppRestart", lambda route: waiting.append(route))  # noqa: PLW0108 - playwright marks it
    dialog.get_by_role("button", name="Restart", exact=True).click()
    expect(dialog.locator(".working")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    with page.expect_response("**/api/ExecFunctionAppRestart"):
        waiting[0].continue_()
    page.wait_for_load_state("networkidle")
    assert len(waiting) == 1


def test_selected_key_that_is_gone_does_not_rotate_all_others(page_as: Pages) -> None:
    page = page_as("superadmin").open("keys")
    page.get_by_role("checkbox", name="Select RefreshToken").check()

    def without_it(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["Results"]["Keys"] = [key for key in body["Results"]["Keys"] if key["Name"] != "RefreshToken"]
        route.fulfill(response=response, json=body)

    page.route("**/api/ListKeyRotations", without_it)
    page.get_by_role("button", name="Reload now").click()
    expect(page.get_by_role("checkbox", name="Select RefreshToken")).to_have_count(0)
    expect(page.get_by_role("button", name="Rotate what is due")).to_have_count(0)


def test_write_that_hangs_ends_as_uncertain(page_as: Pages) -> None:
    opened = page_as("superadmin")
    opened.page.clock.install()
    page = opened.open("domains")
    page.get_by_label("Domain", exact=True).fill("new.contosomsp.com")
    page.get_by_role("button", name="Add", exact=True).click()
    dialog = dialog_of(page)
    page.route("**/api/ExecBackendDomainAdd", lambda _: None)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("button", name="Close")).to_be_disabled()
    page.clock.fast_forward(241_000)
    expect(dialog.get_by_role("alert")).to_contain_text("may still have happened")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_label("Domain", exact=True)).to_have_value("new.contosomsp.com")


def test_link_is_followed_after_a_sign_in_that_was_canceled(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open()
    page.evaluate("() => sessionStorage.setItem('cipp-backend-place', '#/users')")
    page.goto("about:blank")
    opened.open("domains")
    expect(page).to_have_url(f"{opened.address}#/domains")


@pytest.mark.parametrize("place", ["constructor", "toString", "nowhere"])
def test_unknown_place_is_not_found(page_as: Pages, place: str) -> None:
    page = page_as("superadmin").open(place)
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_update_of_the_app_is_a_hint_to_reload(page_as: Pages) -> None:
    opened = page_as("superadmin")
    page = opened.open("settings")
    add_setting(page, "CIPP_ONE")

    def newer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "commit": "0" * 40})

    hint = page.get_by_role("status", name="Update")
    expect(hint).to_have_count(0)
    page.route("**/api/me", newer)
    page.get_by_role("button", name="Reload now").click()
    expect(hint).to_contain_text("CIPP Backend was updated", timeout=20_000)
    expect(page.get_by_role("region", name="Changes that are not written yet")).to_contain_text("CIPP_ONE")
    assert opened.axe() == []
    hint.get_by_role("button", name="Reload the page").click()
    opened.settled()
    expect(hint).to_have_count(0)
