"""An overview in which the state of a key is unknown. Each key has a state, whatever is unknown about another one."""

from datetime import UTC
from typing import Any

import pytest

from backend.configuration.mode import Mode
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, Key, Validity
from backend.errors import AzureUnreachableError, BackendError
from backend.key_vault.secrets import Version
from backend.rotation.planning.certificate_mode import CertificateMode
from backend.rotation.reporting.snapshot import SeenCredential, Snapshot
from backend.rotation.reporting.status import key_overview
from backend.rotation.results import KeyState
from backend.rotation.running.context import CippData
from tests.support import phrases
from tests.support.rotation.plan_cases import NOW, ago, seen, version

SECRET, PFX = Key(CLIENT_SECRET, "ClientSecret"), Key(CERTIFICATE, "Certificate")
STORED = Version(
    id="v1",
    created=ago(days=9),
    updated=None,
    enabled=True,
    expires=None,
    tags={},
    content_type=None,
    managed=False,
)
HUNG = AzureUnreachableError("Couldn't read it: Azure is slow.")


def states(**changes: Any) -> dict[str, KeyState]:  # noqa: ANN401 - fields of several types
    names = [key.name.lower() for key in (SECRET, PFX)]
    normal: dict[str, Any] = {
        "now": NOW,
        "cipp": CippData(tenants={}, zone=UTC, week_zone=UTC),
        "mode": CertificateMode(),
        "failure": None,
        "is_set_up": True,
        "is_signed_in": True,
        "memories": {},
        "runs": [],
        "holder": None,
        "served": dict.fromkeys(names, STORED),
        "credentials": {},
        "policy": None,
        "left_alone": dict.fromkeys(names),
        "missing": [],
        "recoveries": [],
        "uptimes": [],
        "advise": lambda _apps, _before: "Restart them.",
    }
    overview = key_overview(Snapshot(**{**normal, **changes}), (SECRET, PFX), Mode())
    return {state.name: state for state in overview.keys}


def test_normal_key_has_no_problem() -> None:
    assert [state.problems for state in states().values()] == [[], []]


def test_key_whose_state_fails_has_the_problem_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    found = states(left_alone={PFX.name.lower(): None})
    assert f"{phrases.INTERNAL_ERROR} (KeyError)" in found[SECRET.name].problems[0]
    assert (found[SECRET.name].ends, found[SECRET.name].counts) == (None, True)
    assert found[PFX.name].problems == []
    assert phrases.READS_STATE_OF in caplog.text


@pytest.mark.parametrize("part", ["left_alone", "credentials"])
def test_key_shows_why_its_state_is_unknown(part: str) -> None:
    unknown: dict[str, BackendError | None] = {SECRET.name.lower(): HUNG, PFX.name.lower(): None}
    changes: dict[str, Any] = {"left_alone": unknown, "credentials": {SECRET.name: HUNG}}
    found = states(**{part: changes[part]})
    assert found[SECRET.name].problems == [str(HUNG)]
    assert found[PFX.name].problems == []


def test_certificate_that_cannot_be_read_is_a_problem_and_has_expired() -> None:
    look = SeenCredential(
        seen([version("v1", STORED.created)], is_readable=False, validity=Validity.NOT_VERIFIED), None
    )
    state = states(credentials={CERTIFICATE: look})[CERTIFICATE]
    assert state.problems == [f"{phrases.CURRENT_CANT} be read."]
    assert state.ends == NOW
