"""What the plan must never get wrong: each test guards one law that no other test did."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.credentials.kinds import Validity
from backend.rotation.planning.plan import (
    NEAR_END,
    AppCredential,
    Disable,
    Leave,
    Moment,
    PutBack,
    Remove,
    Renew,
    Seen,
    Step,
    credential_chores,
    credential_step,
    superseded_ends,
    token_step,
)
from backend.rotation.planning.version_history import first_stored
from backend.rotation.running.client_secret import ClientSecretKind
from backend.rotation.running.sam_certificate import CertificateKind, near_end
from backend.sam_app.client_secret import ClientSecret, credential_by_hint
from tests.support.rotation.plan_cases import A_SECOND, FORCED, MOMENT, NOW, SUNDAY, ago, credential, own, version

SECRETS, CERTIFICATES = ClientSecretKind.rules, CertificateKind.rules
RESTARTED = Moment(now=NOW, due_before=SUNDAY, restarted=ago(hours=1))
BORN = datetime(2026, 8, 1, tzinfo=UTC)


def removed(steps: list[Step]) -> list[str]:
    """Return the credentials that steps remove."""
    return [step.credential_id for step in steps if isinstance(step, Remove)]


def again(*, superseded: timedelta) -> Seen:
    """Return a look at a secret that was served twice, and was superseded for the last time so long ago."""
    versions = [
        own("c", NOW - superseded, follows="a2"),
        own("a2", ago(days=40), credential_id="key of a", restored_from="a", follows="b"),
        own("b", ago(days=45), follows="a"),
        own("a", ago(days=50), follows="x"),
    ]
    on_app = [credential("c", made=ago(days=1)), credential("a", made=ago(days=50))]
    return Seen(versions=versions, credentials=on_app, served=on_app[0], ends=on_app[0].ends)


# The overlap


@pytest.mark.parametrize(("days", "gone"), [(29, []), (30, ["key of a"])])
def test_overlap_counts_from_when_a_credential_was_last_superseded(days: int, gone: list[str]) -> None:
    assert removed(credential_chores(again(superseded=timedelta(days=days)), RESTARTED, SECRETS)) == gone


def test_superseded_expiry_names_no_day_that_is_over() -> None:
    versions = [own("c", ago(days=3), follows="b"), own("b", ago(days=38), follows="a"), own("a", ago(days=45))]
    on_app = [
        credential("c", made=ago(days=3)),
        credential("b", made=ago(days=38), left=50),
        credential("a", made=ago(days=45), left=-1),
    ]
    seen = Seen(versions=versions, credentials=on_app, served=on_app[0])
    assert superseded_ends(seen, NOW) == NOW + timedelta(days=50)
    only_ended = Seen(versions=versions, credentials=[on_app[0], on_app[2]], served=on_app[0])
    assert superseded_ends(only_ended, NOW) is None


# Certificates that were put back


@pytest.mark.parametrize(
    ("restored_from", "is_own", "expected"),
    [("a", True, NEAR_END), (None, True, timedelta(days=30)), (None, False, NEAR_END)],
)
def test_certificate_by_others_is_due_at_45_days_when_put_back(
    restored_from: str | None, expected: timedelta, *, is_own: bool
) -> None:
    short = AppCredential(id="x", starts=ago(days=50), ends=ago(days=-40), is_own=is_own)
    one_version = version("b", ago(minutes=1), is_own=is_own, restored_from=restored_from, credential_id="x")
    assert near_end(one_version, short) == expected
    seen = Seen(versions=[one_version], credentials=[short], served=short, ends=short.ends)
    step = credential_step(seen, MOMENT, CERTIFICATES)
    assert isinstance(step, Renew if expected == NEAR_END else Leave)


# Tags that anyone may have changed


@pytest.mark.timeout(10)
def test_first_stored_ends_when_tags_name_each_other() -> None:
    circle = [
        own("c", ago(days=1), restored_from="b"),
        own("b", ago(days=2), restored_from="c"),
        own("a", ago(days=3), restored_from="a"),
    ]
    assert first_stored(circle) in (ago(days=1), ago(days=2))
    assert first_stored(circle[2:]) == ago(days=3)


@pytest.mark.timeout(10)
def test_steps_are_planned_when_tags_name_each_other() -> None:
    circle = [own("b", ago(days=1), follows="a", restored_from="a"), own("a", ago(days=2), follows="b")]
    on_app = credential("b", made=ago(days=2))
    seen = Seen(versions=circle, credentials=[on_app], served=on_app, ends=on_app.ends)
    assert isinstance(credential_step(seen, MOMENT, SECRETS), Leave)
    assert isinstance(token_step(circle, MOMENT), Leave)


# Which credential a version holds


def secret(key_id: str, starts: datetime, hint: str | None = "abc") -> ClientSecret:
    """Return a client secret as Graph shows it."""
    return ClientSecret(key_id, "", hint, starts, starts + timedelta(days=180))


@pytest.mark.parametrize(
    ("on_app", "expected"),
    [
        ([secret("1", BORN)], "1"),
        ([secret("1", BORN + timedelta(microseconds=900))], "1"),
        ([secret("1", BORN + A_SECOND)], None),  # created after it was stored: another one with this hint
        ([secret("1", BORN), secret("2", BORN + A_SECOND)], "1"),
        ([secret("1", BORN), secret("2", BORN - A_SECOND)], None),
        ([secret("1", BORN, hint="xyz")], ""),
        ([secret("1", BORN, hint=None)], None),
        ([], ""),
    ],
)
def test_credential_is_adopted_by_hint_and_dates(on_app: list[ClientSecret], expected: str | None) -> None:
    assert credential_by_hint("abc", BORN, on_app) == expected


# Essential steps


def test_young_credential_that_is_refused_is_left_even_when_forced() -> None:
    versions = [version("b", ago(minutes=4)), version("a", ago(days=9))]
    seen = Seen(versions=versions, validity=Validity.NOT_VERIFIED, earlier="a", refusal="AADSTS7000215.")
    step = credential_step(seen, FORCED, SECRETS)
    assert isinstance(step, Leave)
    assert step.reason == "Not verified yet. AADSTS7000215."


def test_revoked_credential_is_replaced_by_the_earlier_version_that_signs_in() -> None:
    versions = [version("b", ago(minutes=6)), version("a", ago(days=9))]
    seen = Seen(versions=versions, validity=Validity.REVOKED, earlier="a")
    assert credential_step(seen, MOMENT, SECRETS) == PutBack(
        "The current version can't sign in, but an earlier one can.", "a"
    )


# Chores


def test_nothing_is_superseded_when_the_served_credential_does_not_sign_in() -> None:
    seen = again(superseded=timedelta(days=31))
    sick = Seen(versions=seen.versions, credentials=seen.credentials, validity=Validity.NOT_VERIFIED)
    assert removed(credential_chores(sick, RESTARTED, SECRETS)) == []


def test_version_by_others_is_never_disabled() -> None:
    versions = [own("c", ago(days=3)), own("b", ago(days=40)), version("x", ago(days=50)), own("a", ago(days=60))]
    served = credential("c", made=ago(days=3))
    seen = Seen(versions=versions, credentials=[served], served=served, ends=served.ends)
    disabled = [one.version_id for one in credential_chores(seen, MOMENT, SECRETS) if isinstance(one, Disable)]
    assert disabled == ["a"]
