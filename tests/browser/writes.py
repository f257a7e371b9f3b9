"""What a person does for a write operation: press its control, read the plan, confirm it, and read the result."""

from typing import Final

from playwright.sync_api import Locator, Page, expect

from tests.browser.console import ConsolePage

WRITE_MILLISECONDS: Final = 30_000
MOST_TABS: Final = 150
# What has the focus, as a screen reader names it.
_FOCUSED: Final = """() => {
    const one = document.activeElement;
    const label = one.labels?.[0]?.innerText ?? '';
    return (one.getAttribute('aria-label') ?? (label || one.innerText)).trim().replaceAll(/\\s+/g, ' ');
}"""


def control(page: Page, name: str) -> None:
    """Press the control of a name."""
    page.get_by_role("button", name=name, exact=True).first.click()


def dialog_of(page: Page) -> Locator:
    """Return the open dialog, when its dry run is complete."""
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".working")).to_have_count(0, timeout=WRITE_MILLISECONDS)
    return dialog


def confirm(page: Page, verb: str, *, typed: str = "") -> Locator:
    """Confirm the plan of the open dialog. Return the dialog, when it shows the result."""
    dialog = dialog_of(page)
    button = dialog.get_by_role("button", name=verb, exact=True)
    if typed:
        expect(button).to_be_disabled()
        dialog.get_by_role("textbox").fill(typed)
    button.click()
    expect(dialog).to_contain_text("Correlation ID", timeout=WRITE_MILLISECONDS)
    expect(dialog.get_by_role("alert")).to_have_count(0)
    return dialog


def close(page: Page) -> None:
    """Close the dialog, and wait until the page is loaded again."""
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def writes(opened: ConsolePage, endpoint: str) -> int:
    """Return how many requests the page sent to an endpoint."""
    return sum(path.endswith(f"/{endpoint}") for path in opened.watch.paths())


def tab_to(page: Page, name: str) -> None:
    """Move the focus by keyboard to what has a name."""
    names = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        names.append(str(page.evaluate(_FOCUSED)))
        if names[-1] == name:
            return
    raise AssertionError(f"The focus did not reach {name!r}: {names}")


def focused(page: Page) -> str:
    """Return the name of what has the focus."""
    return str(page.evaluate(_FOCUSED))
