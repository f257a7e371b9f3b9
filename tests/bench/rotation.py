"""A run with 1,000 direct tenants, compared with the minimum by the vault's limit, and with the peer's way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from backend.azure.clients import Clients
from backend.rotation.reporting.journal import Journal
from backend.rotation.results import KeyReport, RunReport
from tests.bench.control import calls, reset
from tests.bench.imports import fresh
from tests.bench.line import Line
from tests.bench.peer import peers_seconds

TENANTS: Final = 1_000
PEERS_TENANTS: Final = 100
LIMIT, WINDOW_SECONDS = 300, 10  # secret writes that Key Vault accepts, and the period
LATENCY: Final = {"login.microsoftonline.com": 0.15, "vault": 0.03}
SHORT_SECONDS: Final = 60
MANY_TENANTS: Final = 10_000
WEDNESDAY: Final = "2026-08-05T12:00:00Z"
RUNS, KEYS_OF_A_RUN = 10, 2_000
TOO_MANY_TENANTS: Final = 2_000  # for one run with such a short limit
MOST_SECONDS: Final = 200
COLD_TIMES: Final = 3


def rotation(env: Mapping[str, str]) -> list[Line]:
    """Rotate everything once in a fresh process. Measure the peer's way with fewer tenants, and scale it."""
    reset(env, direct_tenants=TENANTS, propagation_seconds=0, latency_seconds=LATENCY)
    run = _rotated(env)
    _check(run, {"rotated"})
    answers = [call["status"] for call in calls(env) if call["method"] == "PUT"]
    floor = (answers.count(200) - 1) // LIMIT * WINDOW_SECONDS
    reset(env, direct_tenants=PEERS_TENANTS, propagation_seconds=0, latency_seconds=LATENCY)
    peer = peers_seconds(env, PEERS_TENANTS) * TENANTS
    return [
        Line(f"rotation of {TENANTS:,} tenants / the floor of the vault's limit", run["seconds"] / floor, "x", 1.2),
        Line(f"rotation of {TENANTS:,} tenants", run["seconds"], "s"),
        Line(f"the peer's way, {PEERS_TENANTS} tenants one after the other, scaled", peer, "s"),
        Line("of its writes, refused by the vault as too many", answers.count(429), "", at_most=0),
        Line("memory of the process, the most at any time", run["most_megabytes"], "MB", at_most=120),
    ]


def first_rotation(env: Mapping[str, str]) -> list[Line]:
    """Rotate a small CIPP in the first call of a process: first with every key due, then with none."""
    reset(env, propagation_seconds=0)
    due = _rotated(env)
    _check(due, {"rotated"})
    idle = [_rotated(env) for _ in range(COLD_TIMES)]
    keys = sum(due["outcomes"].values())
    return [
        Line(f"ExecKeyRotation, {keys} keys due, the first of a process", due["seconds"], "s"),
        Line("the same with nothing due", median(run["seconds"] for run in idle), "s"),
    ]


def short_runs(env: Mapping[str, str]) -> list[Line]:
    """Rotate more tenants than fit into a minute, in several runs."""
    reset(env, direct_tenants=TOO_MANY_TENANTS, propagation_seconds=0, latency_seconds=LATENCY)
    short = {**env, "KEY_ROTATION_TIME_LIMIT_SECONDS": str(SHORT_SECONDS)}
    first = _rotated(short)
    _check(first, {"rotated", "postponed"})
    runs, left = 1, first["outcomes"].get("postponed", 0)
    while left and runs < 4:
        run = _rotated(short)
        _check(run, {"rotated", "unchanged", "postponed"})
        runs, left = runs + 1, run["outcomes"].get("postponed", 0)
    keys = sum(first["outcomes"].values())
    return [
        Line(f"{keys:,} keys, a limit of {SHORT_SECONDS} s: the first run", first["seconds"], "s", SHORT_SECONDS),
        Line("of these, rotated by the first run", first["outcomes"]["rotated"], ""),
        Line("runs until all were rotated", runs + bool(left), "", at_most=3),
    ]


def quiet_catch_up(env: Mapping[str, str]) -> list[Line]:
    """Run the hourly catch-up of a large CIPP without due keys, and count its calls to the vault."""
    reset(env, direct_tenants=MANY_TENANTS, stored_days=0, now=WEDNESDAY, propagation_seconds=0)
    quiet = {**env, "KEY_ROTATION_PULSE_HOURS": "0"}
    fresh(quiet, "catch-up", most_seconds=MOST_SECONDS)  # it renews the client secret, which expires soon
    before = len(_vault_calls(env))
    run = fresh(quiet, "catch-up", most_seconds=MOST_SECONDS)
    vault_calls = len(_vault_calls(env)) - before
    return [
        Line(f"catch-up of {MANY_TENANTS:,} tenants, nothing due, calls to the vault", vault_calls, "", at_most=450),
        Line("the same, in a process that has loaded nothing before", run["seconds"], "s"),
    ]


def past_runs(env: Mapping[str, str]) -> list[Line]:
    """Call ListKeyRotations without runs, and with the maximum number of runs that it shows, each with many keys."""
    reset(env, propagation_seconds=0)
    without = fresh(env, "overview")
    journal = Journal(Clients(env))
    for number in range(RUNS):
        run_id = f"{number:012x}"
        keys = [_report(f"{number:04x}0000-0000-4000-8000-{key:012x}") for key in range(KEYS_OF_A_RUN)]
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=number)
        run = RunReport(run_id=run_id, by="bench", started=began, ended=began, total=len(keys), rotated=len(keys))
        journal.note(run, keys)
    with_runs = fresh(env, "overview")
    if with_runs["runs"] < RUNS:
        raise RuntimeError(f"Only {with_runs['runs']} runs were shown.")
    added = with_runs["most_megabytes"] - without["most_megabytes"]
    what = f"ListKeyRotations, {RUNS} runs of {KEYS_OF_A_RUN:,} keys"
    return [
        Line(what, with_runs["seconds"], "s", at_most=1),
        Line("the same without a run", without["seconds"], "s"),
        Line("memory that the runs add", max(added, 0), "MB", at_most=20),
    ]


def _report(name: str) -> KeyReport:
    reason = "Due: the current version is of 2026-08-01 00:00 UTC. The new one was verified, stored and read back."
    return KeyReport(name=name, kind="TenantRefreshToken", outcome="rotated", reason=reason)


def _vault_calls(env: Mapping[str, str]) -> list[dict[str, Any]]:
    return [call for call in calls(env) if ".vault." in call["host"]]


def _rotated(env: Mapping[str, str]) -> dict[str, Any]:
    return fresh(env, "rotate", most_seconds=MOST_SECONDS)


def _check(run: Mapping[str, Any], allowed: set[str]) -> None:
    if not run["outcomes"].keys() <= allowed:
        raise RuntimeError(f"Expected only the outcomes {', '.join(sorted(allowed))}, but found: {run['outcomes']}")
