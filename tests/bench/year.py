"""A year of a CIPP in each kind: how many credentials of this app are live, and whether CIPP's keys sign in."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench.line import Line
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.year import HOURLY_SUNDAYS, KINDS, Year, weeks_of
from tests.support.sandbox_client import Sandbox


def year(_env: Mapping[str, str]) -> list[Line]:
    """Let a year pass for each kind, in a sandbox of its own."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder), trusts_others=False) as sandbox:
        deployment = Deployment(sandbox)
        return [line for kind in KINDS for line in _lines(deployment, kind)]


def _lines(deployment: Deployment, kind: str) -> list[Line]:
    weeks = weeks_of(kind)
    figures = Year(deployment, KINDS[kind]).weeks(weeks, hourly=HOURLY_SUNDAYS)
    what = f"{weeks} weeks, {kind}"
    return [
        Line(f"{what}: runs of the timers", figures.runs, ""),
        Line(f"{what}: keys that CIPP held and that failed", figures.failed, "", at_most=0),
        Line(f"{what}: problems of any kind", len(figures.problems), "", at_most=0),
        Line(f"{what}: live client secrets of this app, at most", figures.most_secrets, "", at_most=6),
        Line(f"{what}: live certificates of this app, at most", figures.most_certificates, "", at_most=3),
    ]
