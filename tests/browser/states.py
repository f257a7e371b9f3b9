"""States of a view that a new CIPP in the sandbox does not have: members of the API's responses that differ."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, get_args

from backend.hosting.results.domains import DomainState
from backend.hosting.results.migration import Severity, Verdict
from backend.operations.results import Outcome as OperationOutcome
from backend.rotation.results import Outcome as KeyOutcome
from tests.browser.views import UNKNOWN_RUN

Json = Any  # what JSON may hold
Edit = Callable[[Json], None]
BOTH: Final = ("functions", "container")
LATER, EARLIER, PAST = "2026-12-20T10:00:00Z", "2026-11-20T10:00:00Z", "2026-08-20T10:00:00Z"
PROBLEM: Final = (
    "Couldn't read it: Azure refused (403 AuthorizationFailed). Grant the permission Microsoft.Web/sites/read."
)


@dataclass(frozen=True)
class State:
    """A place, the edits of the responses by endpoint, and a text that the place then shows."""

    place: str
    edits: Mapping[str, Edit]
    shows: str
    shapes: tuple[str, ...] = BOTH


def _domains(results: Json) -> None:
    record = {
        "Type": "TXT",
        "Host": "asuid.cipp.example.com",
        "Value": "0a1b" * 16,
        "Purpose": "Ownership",
        "Found": False,
    }
    wrong = {**record, "Type": "CNAME", "Purpose": "Traffic", "Found": None, "Value": None}
    steps = {
        "NotBound": "ExecBackendDomainAdd",
        "NoCertificate": "ExecBackendDomainSecure",
        "NoCallback": "ExecBackendDomainRepairSignIn",
    }
    results["DefaultCallback"], results["Notes"] = False, ["A note about all domains."]
    results["Domains"] = [
        {
            "Name": f"{state.lower()}.example.com",
            "State": state,
            "IsBound": True,
            "IsCippsOwn": state == "Works",
            "Since": EARLIER,
            "Records": [record],
            "WrongRecords": [wrong],
            "Seen": {"Cnames": ["elsewhere.example.com"], "Addresses": ["192.0.2.1"]},
            "Certificate": {"Name": "one", "Thumbprint": None, "Expires": LATER},
            "Callback": False,
            "Problems": [PROBLEM],
            "Notes": ["A note."],
            "NextStep": steps.get(state),
        }
        for state in get_args(DomainState)
    ]


def _rights(results: Json) -> None:
    missing, unknown, noted = results["Rights"][:3]
    missing.update({"Has": False, "Problem": PROBLEM})
    unknown.update({"Has": None, "Problem": PROBLEM})
    noted["Problem"] = PROBLEM
    results["Missing"], results["Commands"] = 1, ["az role assignment create --role Reader --assignee " + "0" * 36]


def _operations(results: Json) -> None:
    results[:] = [
        {
            "Id": f"{place:012x}",
            "Kind": "start",
            "Target": "cippabc12",
            "Before": "It was stopped.",
            "Began": EARLIER,
            "Deadline": LATER,
            "By": "alex@contosomsp.com",
            "Step": "Wait until CIPP responds",
            "Next": [PROBLEM],
            "Outcome": outcome,
            "Result": "A result.",
            "Ended": None if outcome == "running" else EARLIER,
        }
        for place, outcome in enumerate(get_args(OperationOutcome))
    ]


def _versions(results: Json) -> None:
    results["Running"].update({"Version": None, "Unknown": PROBLEM})
    results["Configured"]["IsPinned"] = True
    results["Updates"]["Note"] = "A note about updates."


def _sign_in(results: Json) -> None:
    results["Works"] = False
    for place, cause in enumerate(results["Causes"]):
        cause.update({"Present": ("yes", "unknown")[place % 2], "Repairable": True})


def _users(results: Json) -> None:
    first = results["Users"][0]
    first.update(
        {"IsLastSuperadmin": True, "Problems": [PROBLEM], "LastSync": EARLIER, "Provider": None, "Source": "row"}
    )
    first["Roles"] = [
        {"Role": "superadmin", "Manual": True, "BySync": True, "Groups": ["One", "Two"], "Exists": True},
        {"Role": "own-role", "Manual": False, "BySync": False, "Groups": [], "Exists": False},
    ]
    results["Groups"] = [{"Group": "CIPP admins", "GroupId": "0" * 36, "Role": "admin"}]
    results["Overwritten"] = [{"User": "sam", "Time": EARLIER, "Text": "CIPP's sync took the role admin from sam."}]
    results["Notes"] = ["A note about all users."]
    results["EffectiveWithinMinutes"] = 5
    results.update({"Seats": 25, "SeatsUsed": 25})


def _migration(verdict: str) -> Edit:
    def edit(results: Json) -> None:
        results["Verdict"] = verdict
        results["Findings"] = [{"Severity": one, "Part": "Users", "Text": PROBLEM} for one in get_args(Severity)]
        results["Users"] = [
            {"Name": "alex@contosomsp.com", "Provider": "aad", "RolesAfter": ["admin"], "Problem": None},
            {"Name": "kim", "Provider": "github", "RolesAfter": [], "Problem": PROBLEM},
        ]

    return edit


def _overview(results: Json) -> None:
    cards = results["Cards"]
    exists: list[dict[str, object]] = [{"Exists": False}, {"Exists": None}, {}]
    for card, members in zip(cards, exists, strict=False):
        card.update({"Problems": [PROBLEM], "Notes": ["A note."], **members})
    app = next(card for card in cards if card["Kind"] in ("FunctionApp", "WebApp"))
    app.update({"Exists": True, "State": "Stopped", "Condition": "Down"})
    results["Status"].update({"Condition": "Down", "Since": EARLIER, "SinceEarliest": PAST})
    results["ModeNotes"] = ["Changes of apps are off."]


def _apps(results: Json) -> None:
    """Stop each app, because the console shows the newer one of the overview and the list of the apps."""
    for app in results:
        app.update({"State": "Stopped", "Condition": "Down"})


def _keys(results: Json) -> None:
    first, second, *_ = results["Keys"]
    first.update({"Ends": EARLIER, "Overlapping": [f"Version 0a1b, valid until {LATER}."], "Problems": [PROBLEM]})
    second.update({"Ends": LATER, "CurrentSince": PAST, "LastProven": EARLIER, "Counts": False})
    results["NotRotated"] = ["The key of another app is not rotated."]
    for app, state in zip(results["Apps"], ("no", "unknown"), strict=False):
        app.update({"RunsWithCurrentKeys": state, "Advice": "Restart it."})
    results["Running"] = {
        **dict.fromkeys(("Rotated", "Unchanged", "Failed", "Postponed"), 1),
        "RunId": UNKNOWN_RUN,
        "By": "the weekly timer",
        "Started": EARLIER,
        "Step": "Verify the new token.",
        "Total": 9,
        "Done": 4,
        "EstimatedEnd": LATER,
        "Keys": [],
    }


def _runs(results: Json) -> None:
    reports = [
        {"Name": f"Key-{outcome}", "Kind": "RefreshToken", "Outcome": outcome, "Reason": PROBLEM, "Advice": "Wait."}
        for outcome in get_args(KeyOutcome)
    ]
    counts = dict.fromkeys(("Rotated", "Unchanged", "Failed", "Postponed"), 1)
    run = {**counts, "Total": 4, "By": "the weekly timer", "Started": EARLIER, "Ended": None, "KeysAvailable": True}
    results.update({"ByWeek": run["By"], "HasMore": False})
    results["Runs"] = [{**run, "RunId": UNKNOWN_RUN, "Keys": reports}]


def _log(results: Json) -> None:
    entry = {
        **dict.fromkeys(("CorrelationId", "Key", "Tenant"), "0" * 36),
        "Time": EARLIER,
        "Api": "Backend",
        "User": "alex@contosomsp.com",
        "Message": PROBLEM,
        "Endpoint": "ExecFunctionAppStop",
        "DryRun": True,
        "Roles": "superadmin",
        "Address": "192.0.2.1",
        "RunId": UNKNOWN_RUN,
    }
    outcomes = ("done", "rotated", "failed", "denied", None)
    results["Entries"] = [{**deepcopy(entry), "Id": str(place), "Outcome": one} for place, one in enumerate(outcomes)]
    results.update({"Notes": ["A part of the log could not be read."], "Before": "1"})


STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "problems of resources": State("", {"ListBackend": _overview, "ListFunctionApps": _apps}, "CIPP is down"),
        "keys of each state during a run": State("keys", {"ListKeyRotations": _keys}, "A rotation is in progress"),
        "expired key": State("keys/RefreshToken", {"ListKeyRotations": _keys}, "Older keys that are still valid"),
        "runs": State("keys", {"ListKeyRotationRuns": _runs}, "Run of"),
        "outcomes of a run": State(f"runs/{UNKNOWN_RUN}", {"ListKeyRotationRuns": _runs}, "Key-postponed"),
        "domains in each state": State("domains", {"ListBackendDomains": _domains}, "straytxt.example.com"),
        "users with problems": State("users", {"ListBackendUsers": _users}, "own-role"),
        "causes of a broken sign-in": State(
            "signin", {"ListBackendSignIn": _sign_in}, "Users can't sign in to CIPP.", ("container",)
        ),
        "operations of each outcome": State("deployment", {"ListBackendOperations": _operations}, "Rolled back"),
        "unknown version": State(
            "deployment", {"ListBackendVersions": _versions}, "A note about updates.", ("container",)
        ),
        **{
            f"migration that is {verdict}": State(
                "migration", {"ListBackendMigration": _migration(verdict)}, "Not read", ("functions",)
            )
            for verdict in get_args(Verdict)
        },
        "missing permissions": State("permissions", {"ListBackendRights": _rights}, "1 missing"),
        "entries of each outcome": State("log", {"ListBackendLog": _log}, "Denied"),
    }
)
