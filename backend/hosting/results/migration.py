"""The report before CIPP's migration to a container: what its script would do, and what would be lost."""

from collections.abc import Sequence
from typing import Literal

from backend.values import Value

Verdict = Literal["Ready", "NotReady", "Unknown"]
Severity = Literal["Blocking", "Loss", "Unknown", "Note"]
Part = Literal["Permission", "SignIn", "Picks", "Deleted", "Users", "Domains", "Group", "Settings", "Name"]


class Finding(Value, frozen=True):
    """One thing to know before the migration, with its next step in the text."""

    severity: Severity
    part: Part
    text: str


class Pick(Value, frozen=True):
    """What the script takes as one part of CIPP: the first of its type. `is_cipps` is null if that is unknown."""

    part: Literal["MainApp", "StorageAccount", "KeyVault", "StaticWebApp"]
    name: str | None
    is_cipps: bool | None
    others: list[str] = []  # noqa: RUF012 - msgspec copies the default


class Deleted(Value, frozen=True):
    """A resource that the script deletes. `is_this_app` is whether this API runs there. `is_cipps`: it certainly is."""

    type: str
    name: str
    is_cipps: bool
    is_this_app: bool = False


class MovedUser(Value, frozen=True):
    """A user of the static web app. `roles_after` are those in CIPP's table after the migration."""

    name: str
    provider: str
    roles: list[str]
    roles_after: list[str]
    problem: str | None = None


class MovedDomain(Value, frozen=True):
    """A custom domain of the static web app, and what its DNS shows today. Null is unknown."""

    name: str
    state: str
    cnames: list[str] | None = None
    addresses: list[str] | None = None
    texts: list[str] | None = None


class MigrationReport(Value, frozen=True):
    """The report. `target` is the name that the container gets, that of the vault.

    `may_run` has the two permissions that the script checks, for the caller of this API. Null is unknown.
    """

    verdict: Verdict
    summary: str
    findings: list[Finding]
    target: str | None
    main_app: str | None
    may_run: dict[str, bool | None]
    sign_in_setup: str | None
    picks: list[Pick]
    deleted: list[Deleted]
    users: list[MovedUser] | None
    domains: list[MovedDomain] | None
    lost_tags: list[str] | None
    lost_settings: list[str] | None


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict of the findings. Pure."""
    severities = {finding.severity for finding in findings}
    if "Blocking" in severities:
        return "NotReady"
    return "Unknown" if "Unknown" in severities else "Ready"
