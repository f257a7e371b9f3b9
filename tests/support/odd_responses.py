"""Edits of Azure's real responses: a field that is missing, null, of another type, or unknown to this app.

`Odd` runs the app's reads with a sandbox that edits one response, and returns each rule that is broken.
"""

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import pytest

from backend.access.tables import LIFETIME_SECONDS
from sandbox import names
from tests.support.api import Answer, Api, functions
from tests.support.cipp import READ, Cipp, at
from tests.support.principals import application, user
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

Json = Any  # what JSON may hold
REMOVE: Final = {"$remove": True}
UNKNOWN_FIELD: Final = "fieldOfTomorrow"
# The replacements of a value, by a name for the report.
VALUES: Final[Mapping[str, Json]] = {
    "left out": REMOVE,
    "null": None,
    "text": "unexpected",
    "empty text": "",
    "whole": 7,
    "negative": -1,
    "milliseconds": 1_893_456_000_000,
    "huge": 10**40,
    "true": True,
    "list": [],
    "list of null": [None],
    "object": {},
    "object with a list": {"value": [{}]},
}
READS: Final = (
    "ListBackend",
    "ListBackendStatus",
    "ListBackendRights",
    "ListBackendResources",
    "ExecBackendURLs",
    "ListFunctionApps",
    "ListBackendOperations",
    "ListBackendVersions",
    "ListBackendSignIn",
    "ListFunctionAppSettings",
    "ListFunctionAppDeployments",
    "ListKeyVaultSecrets",
    "ListKeyVaultSecretVersions?Name=RefreshToken",
    "ListStaticWebApp",
    "ListStaticWebAppDomains",
    "ListBackendDomains",
    "ListStaticWebAppUsers",
    "ListBackendMigration",
    "ListBackendUsers",
    "ListKeyRotations",
    "ListKeyRotationRuns",
    "ListBackendLog",
    "me",
)
TIMERS: Final = ("WeeklyKeyRotation", "KeyRotationCatchUp")
# So that the app does not wait for a response that can't be used.
QUICK: Final = {
    "AZURE_READ_TIMEOUT_SECONDS": "2",
    "AZURE_DEADLINE_SECONDS": "2",
    "RESTART_TIMEOUT_SECONDS": "0.2",
    "KEY_ROTATION_PROOF_TIMEOUT_SECONDS": "1",
    "KEY_ROTATION_RESTART_CIPP": "true",
    "RESTART_POLL_SECONDS": "0.05",
    "KEY_ROTATION_PROOF_COUNT": "1",
    "KEY_ROTATION_PROOF_GAP_SECONDS": "0.05",
}
ELSEWHERE: Final = "203.0.113.9"
LONGEST_LINE: Final = 2_000
INSIDE: Final = "10.1.2.3"
OTHER_CLIENT: Final = "99999999-8888-7777-6666-555555555555"
ACCESS: Final = ("ApiClients", "CustomRoles", "AccessIPRanges", "AccessRoleGroups")
MISTAKES: Final = re.compile(r"internal error", re.IGNORECASE)
Place = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One kind of request, without its IDs."""

    method: str
    host: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path}"


@dataclass(frozen=True)
class OddResponse:
    """One edit of the responses of one source."""

    source: Source
    place: Place
    kind: str

    def __str__(self) -> str:
        return f"{self.source} {'.'.join(self.place)}: {self.kind}"

    @property
    def may_open(self) -> bool:
        """Whether it looks like a restriction that was never set."""
        is_empty = self.kind == "list" and self.place == ("value",)  # an empty table
        is_absent = self.kind in ("left out", "empty text")
        return any(table in self.source.path for table in ACCESS) and (is_absent or is_empty)

    @property
    def may_replace(self) -> bool:
        """Whether it makes the vault return a value that is not a key, so that the run creates a new one."""
        is_value = self.source.host.endswith("vault.azure.net") and self.place == ("value",)
        return is_value and self.kind in ("text", "empty text")

    @property
    def fault(self) -> dict[str, object]:
        """The fault that makes the sandbox edit every response of the source."""
        value = {"a": [1]} if self.kind == "unknown field" else VALUES[self.kind]
        source = self.source
        fault: dict[str, object] = {"method": source.method, "host": source.host, "path": source.path, "times": 0}
        return {**fault, "edit": [[list(self.place), value]]}


@dataclass
class Recording:
    """The real responses, and the step that made each kind of call."""

    documents: dict[Source, list[Json]] = field(default_factory=dict)
    steps: dict[Source, list[str]] = field(default_factory=dict)

    def sample(self, most: int, seed: str) -> list[OddResponse]:
        """Return a sample, the same for each seed: about as many of each source, since some responses are long."""
        chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
        by_source: dict[Source, list[OddResponse]] = {}
        for edit in self.edits():
            by_source.setdefault(edit.source, []).append(edit)
        for edits in by_source.values():
            chance.shuffle(edits)
        found: list[OddResponse] = []
        while len(found) < most and any(by_source.values()):
            found += [edits.pop() for edits in by_source.values() if edits]
        return found[:most]

    def edits(self) -> list[OddResponse]:
        """Return every edit of every response, in a fixed order."""
        found = dict.fromkeys(
            OddResponse(source, place, kind)
            for source, documents in self.documents.items()
            for document in documents
            for place, kinds in _places(document)
            for kind in kinds
        )
        return sorted(found, key=str)


def _places(document: Json, path: Place = ()) -> Iterator[tuple[Place, Sequence[str]]]:
    """Yield each place of a document and its possible edits. Of a list, those are its first and last entry."""
    if path:
        yield path, list(VALUES)
    if isinstance(document, dict):
        yield (*path, UNKNOWN_FIELD), ["unknown field"]
        for name, value in document.items():
            if name[:1] not in ("*", "?"):
                yield from _places(value, (*path, name))
    elif isinstance(document, list):
        for at in sorted({0, len(document) - 1} if document else ()):
            yield from _places(document[at], (*path, str(at)))


_ID: Final = re.compile(r"(?<=/)(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Z]+\d?-\d+)(?=/|$)")


def source_of(call: Mapping[str, Json]) -> Source:
    """Return the kind of a call."""
    pattern = re.escape(call["path"]).replace(r"\-", "-")
    for wanted in (names.SUBSCRIPTION_ID, names.SAM_OBJECT_ID, names.TENANT_ID):
        pattern = pattern.replace(wanted, wanted.upper())  # not confused with the IDs that are new in each run
    pattern = _ID.sub("[^/]+", pattern)
    for wanted in (names.SUBSCRIPTION_ID, names.SAM_OBJECT_ID, names.TENANT_ID):
        pattern = pattern.replace(wanted.upper(), wanted)
    return Source(call["method"], call["host"], f"^{pattern}$")


class Odd:
    """The app with a sandbox whose responses are edited."""

    def __init__(self, azure: Sandbox, log: pytest.LogCaptureFixture, *, stored_days: int = 40) -> None:
        self._stored_days = stored_days
        self._azure = azure
        self._log = log
        self._others = Others(azure)
        self._api = Api()
        self._let_in: list[str] = []
        self.allowed: dict[str, int] = {}
        self.notes_refusals = False

    def steps(self) -> dict[str, Callable[[], Answer | None]]:
        """Return the steps in their order."""
        reads = {name: partial(self._api_get, name) for name in READS}
        return {
            **reads,
            "access": self._access,
            "ExecKeyProof": lambda: self._api.post("ExecKeyProof"),
            "dry run": lambda: self._api.post("ExecKeyRotation", {"DryRun": True}),
            "run": lambda: self._api.post("ExecKeyRotation"),
            "second run": lambda: self._api.post("ExecKeyRotation", {"Force": True}),
            **{name: partial(self._timer, name) for name in TIMERS},
        }

    def _api_get(self, name: str) -> Answer:
        return self._api.get(name)

    def _access(self) -> Answer:
        """Call as callers that must be denied, and as one that is allowed. `_let_in` has the wrongly allowed ones."""
        self._let_in = self._who_is_let_in()
        if self._let_in:  # on a busy machine the first read of the tables may time out: the ranges are unknown
            time.sleep(LIFETIME_SECONDS + 0.5)
            self._let_in = self._who_is_let_in()
        return self._api.call("GET", "openapi.json", role=None, headers=at(INSIDE, application()))

    def _who_is_let_in(self) -> list[str]:
        """Return the callers that are allowed, of those that must be denied."""
        here, there = at(INSIDE, application()), at(ELSEWHERE, application())
        return [
            what
            for what, headers, path in (
                ("a client from elsewhere", there, "openapi.json"),
                ("a client at a blocked endpoint", here, "ListFunctionApps"),
                ("a client that is disabled", at(INSIDE, application(OTHER_CLIENT)), "openapi.json"),
                ("a user of a role from elsewhere", at(ELSEWHERE, user("admin")), "openapi.json"),
                ("a user of a group without the right", at(INSIDE, user()), "openapi.json"),
            )
            if self._api.call("GET", path, role=None, headers=headers).status == 200
        ]

    def _timer(self, name: str) -> None:
        functions()[name.lower()].get_user_function()(None)

    def begin(self) -> None:
        """Start over with a new sandbox and a new process."""
        state = self._azure.reset(propagation_seconds=0, stored_days=self._stored_days)
        app = state["applications"][names.SAM_APP_ID]
        self._seeded = {kind: {one["keyId"] for one in app[kind]} for kind in ("passwordCredentials", "keyCredentials")}
        for table in self._others.tables.list_tables():
            if table.name.startswith("CippBackend"):
                self._others.tables.delete_table(table.name)
        cipp = Cipp(self._azure)
        cipp.clear()
        cipp.client(role="helpers", IPRange='["10.0.0.0/8"]')
        cipp.client(OTHER_CLIENT, Enabled=False)
        cipp.custom_role("helpers", READ, BlockedEndpoints=["ListFunctionApps"])
        cipp.ranges("admin", "10.0.0.0/8")
        cipp.group("readonly", names.GROUP_ID)
        self._api = Api()
        self._log.clear()

    def broken(self, edits: Sequence[OddResponse], steps: Iterable[str]) -> list[str]:
        """Run some steps with edits, and return each rule that they break."""
        self.begin()
        self._azure.faults([edit.fault for edit in edits])
        self._let_in = []
        found = [law for name, step in self.steps().items() if name in steps for law in self._broken_by(name, step)]
        self._azure.faults([])
        if not any(edit.may_open for edit in edits):
            found += [f"{who} was allowed" for who in self._let_in]
        return found + self._broken_afterwards(edits)

    def _broken_by(self, name: str, step: Callable[[], Answer | None]) -> list[str]:
        self._log.clear()
        found = []
        try:
            answer = step()
        except Exception as error:  # noqa: BLE001 - any exception breaks the rule
            found.append(f"{name} raised {type(error).__name__}: {error}")
        else:
            if answer and answer.status != 200 and name == "me":
                found.append(f"{name} returned {answer.status}: {answer.text}")
            if answer and answer.status not in (200, 401, 403, 404, 409) and self.notes_refusals:
                found.append(f"?{name} returned {answer.status}: {answer.text[:300]}")
            if answer and MISTAKES.search(answer.text):
                found.append(f"{name} returned {answer.status} with {MISTAKES.findall(answer.text)}")
        lines = [line.getMessage() for line in self._log.records if line.name.startswith("cipp")]
        return found + [f"{name} logged {line[:LONGEST_LINE]}" for line in lines if MISTAKES.search(line)]

    def _broken_afterwards(self, edits: Sequence[OddResponse]) -> list[str]:
        """Return the rules that the results of the steps break: runs, credentials, versions."""
        runs = self._others.rows("CippBackendRuns")
        found = [f"A run by {run.get('by')} is left running" for run in runs if "ended" not in run]
        if not any(edit.may_replace for edit in edits):
            found += [
                f"{what}: {count} instead of {self.allowed.get(what, 0)}"
                for what, count in self._left().items()
                if count > self.allowed.get(what, 0)
            ]
        self._api = Api()
        proofs = self._api.post("ExecKeyProof").results
        return found + [
            f"{proof['Name']} is {proof['Outcome']}: {proof['Reason']}"
            for proof in proofs
            if proof["Outcome"] not in ("proven", "skipped")
        ]

    def _left(self) -> dict[str, int]:
        """Return how many credentials and versions were stored, disabled or removed."""
        state = self._azure.state()
        counts: dict[str, int] = {}
        for name, versions in state["vaults"][names.VAULT]["secrets"].items():
            counts[f"versions of {name}"] = len(versions)
            counts[f"disabled versions of {name}"] = sum(not version["enabled"] for version in versions)
        app = state["applications"][names.SAM_APP_ID]
        for noun, kind in (("client secrets", "passwordCredentials"), ("certificates", "keyCredentials")):
            now = {one["keyId"] for one in app[kind]}
            counts[f"removed {noun}"] = len(self._seeded[kind] - now)
        return counts

    def record(self) -> Recording:
        """Run all steps without an edit."""
        recording, before = Recording(), 0
        self.begin()
        for name, step in self.steps().items():
            assert not self._broken_by(name, step), name
            calls = self._azure.calls(tables=True)
            for call in calls[before:]:
                self._note(recording, name, call)
            before = len(calls)
        self.allowed = self._left()
        return recording

    def _note(self, recording: Recording, step: str, call: Mapping[str, Json]) -> None:
        try:
            document = json.loads(call["response_body"] or "")
        except ValueError:
            return
        if not isinstance(document, dict | list):
            return
        source = source_of(call)
        recording.documents.setdefault(source, []).append(document)
        steps = recording.steps.setdefault(source, [])
        if step not in steps:
            steps.append(step)
