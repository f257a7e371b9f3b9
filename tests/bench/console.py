"""The console with a slow Azure: bytes on the wire, requests, and the time to the first useful screen."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import Browser, CDPSession, sync_playwright

from settings.console.names import ADDRESS
from tests.bench.line import Line
from tests.bench.overview import HOSTS, LATENCY_SECONDS
from tests.browser.chromium import find_chromium
from tests.support.host import PROJECT, Host
from tests.support.sandbox_client import Control

OPTIONS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
TIMES: Final = 3
MOST_BYTES: Final = 150_000
MOST_REQUESTS: Final = 12
MOST_RATIO: Final = 1.3
CACHED_SECONDS: Final = 16  # then ListBackend looks at Azure again
PATIENCE_MILLISECONDS: Final = 60_000
TENANTS: Final = 1_000
# Notes the moment at which the header is there and no part is busy. It stays until a part is busy again.
_WATCH: Final = """
    window.useful = 0;
    const look = () => {
        const isUseful = document.querySelector('header') && !document.querySelector('[aria-busy="true"]');
        window.useful = isUseful ? window.useful || performance.now() : 0;
        requestAnimationFrame(look);
    };
    addEventListener('DOMContentLoaded', look);
"""
_ENTRIES: Final = """() => JSON.stringify([
    ...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource'),
].map(e => [new URL(e.name).pathname, e.transferSize, e.duration]))"""
SETTLED_SECONDS: Final = 1.0


@dataclass(frozen=True)
class _Visit:
    """What one visit took. Seconds and bytes."""

    useful: float
    slowest_call: float
    requests: int
    file_bytes: int
    script: float


def console(env: Mapping[str, str]) -> list[Line]:
    """Open the console with an empty cache, as a superadmin. The first visit loads the SDKs, and is not counted."""
    control = Control(env["SANDBOX_URL"])
    control.reset(propagation_seconds=0, latency_seconds=dict.fromkeys(HOSTS, LATENCY_SECONDS))
    with _browser() as browser, _host(env) as address:
        _visit(browser, address)
        visits = []
        for _ in range(TIMES):
            time.sleep(CACHED_SECONDS)
            visits.append(_visit(browser, address))
    control.reset(propagation_seconds=0)
    ratios = [visit.useful / visit.slowest_call for visit in visits]
    return [
        Line("console, its files on the wire", visits[-1].file_bytes / 1e3, "kB", at_most=MOST_BYTES / 1e3),
        Line(
            "console, requests to the first useful screen",
            max(visit.requests for visit in visits),
            "",
            at_most=MOST_REQUESTS,
        ),
        Line("console, first useful screen / its slowest call", median(ratios), "x", at_most=MOST_RATIO),
        Line("console, first useful screen, 150 ms a call", median(visit.useful for visit in visits), "s"),
        *_with_many_tenants(env, control),
    ]


def _with_many_tenants(env: Mapping[str, str], control: Control) -> list[Line]:
    """Return the time of scripts and layout on the keys' view, with many direct tenants."""
    control.reset(propagation_seconds=0, direct_tenants=TENANTS)
    with _browser() as browser, _host(env) as address:
        _visit(browser, address)
        visit = _visit(browser, f"{address}#/keys")
    control.reset(propagation_seconds=0)
    return [Line(f"console, keys of {TENANTS:,} tenants, script time", visit.script, "s")]


@contextmanager
def _browser() -> Iterator[Browser]:
    found = find_chromium()
    if not found:
        raise RuntimeError("Nothing was measured, because Chromium is missing. Run `make test` to install it.")
    with sync_playwright() as started:
        environ: dict[str, str | float | bool] = {**os.environ, **found.environ}
        running = started.chromium.launch(executable_path=found.program, args=OPTIONS, env=environ)
        yield running
        running.close()


@contextmanager
def _host(env: Mapping[str, str]) -> Iterator[str]:
    """Yield the address of the console on a host of its own."""
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder), str(PROJECT), **env)
        try:
            yield f"http://localhost:{host.port}{ADDRESS}"
        finally:
            host.end()


def _visit(browser: Browser, address: str) -> _Visit:
    page = browser.new_context().new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.add_init_script(_WATCH)
    page.goto(address)
    page.wait_for_function(
        f"() => window.useful && performance.now() - window.useful > {SETTLED_SECONDS * 1e3}",
        timeout=PATIENCE_MILLISECONDS,
    )
    useful = float(page.evaluate("() => window.useful")) / 1e3
    entries: list[tuple[str, float, float]] = json.loads(page.evaluate(_ENTRIES))
    script = _script_seconds(session)
    page.context.close()
    files = [size for path, size, _ in entries if path.startswith(ADDRESS)]
    calls = [duration / 1e3 for path, _, duration in entries if not path.startswith(ADDRESS)]
    return _Visit(useful, max(calls), len(entries), int(sum(files)), script)


def _script_seconds(session: CDPSession) -> float:
    """Return the time of scripts, styles and layout since the page was opened."""
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["ScriptDuration"] + metrics["LayoutDuration"] + metrics["RecalcStyleDuration"])
