"""What shows that CIPP has read its keys, as a table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.cipp.key_reads import AccessCheck, KeyReads, access_check_of
from backend.hosting.uptimes import Uptime
from backend.rotation.planning.evidence import certainly_read, is_shown_by_tables, with_evidence

APP = "11111111-1111-1111-1111-111111111111"
STORED = datetime(2026, 9, 2, 12, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
A_DAY = timedelta(days=1)


def check(after: timedelta, **fields: Any) -> KeyReads:  # noqa: ANN401 - any field
    """Return the signs with a whole permissions check that ended so long after the store."""
    return KeyReads(access_check=AccessCheck(STORED + after, **{"app_id": APP, "user": "cipp@contoso.com", **fields}))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


EVIDENCE: dict[str, tuple[KeyReads, bool]] = {
    "nothing": (KeyReads(), False),
    # the permissions check
    "a whole check a day later": (check(A_DAY), True),
    "more than 15 minutes later": (check(minutes(15) + A_SECOND), True),
    "15 minutes later: it may have read before": (check(minutes(15)), False),
    "before": (check(-A_DAY), False),
    "the app's ID in capitals": (check(A_DAY, app_id=APP.upper()), True),
    "of another app": (check(A_DAY, app_id="22222222-2222-2222-2222-222222222222"), False),
    "without the app's token": (check(A_DAY, app_id=""), False),
    "without the user's token": (check(A_DAY, user=""), False),
    "with a user of blanks": (check(A_DAY, user="  "), False),
    "without any details": (check(A_DAY, app_id="", user=""), False),
    "memory differs from the vault": (check(A_DAY, is_mismatch=True), False),
    # the boot marker
    "booted a day later": (KeyReads(booted=STORED + A_DAY), True),
    "booted more than 5 minutes later": (KeyReads(booted=STORED + minutes(5) + A_SECOND), True),
    "booted less than 5 minutes later: it may have read before": (
        KeyReads(booted=STORED + minutes(5) - A_SECOND),
        False,
    ),
    "booted before": (KeyReads(booted=STORED - A_DAY), False),
    # the version history
    "a new version a day later": (KeyReads(version_since=STORED + A_DAY), True),
    "a new version 4 minutes later": (KeyReads(version_since=STORED + minutes(4)), False),
    # together
    "one of them is enough": (KeyReads(check(-A_DAY).access_check, STORED + A_DAY, STORED - A_DAY), True),
    "an empty check does not hide a boot": (KeyReads(check(A_DAY, user="").access_check, STORED + A_DAY), True),
}


@pytest.mark.parametrize(("key_reads", "is_read"), EVIDENCE.values(), ids=EVIDENCE)
def test_sign_shows_that_cipp_has_a_key(key_reads: KeyReads, is_read: bool) -> None:
    (uptime,) = with_evidence([Uptime("cippabc12", None, is_single=True)], key_reads, APP)
    assert uptime.started_after(STORED) is (
        True if is_read else None if certainly_read(key_reads, APP) is None else False
    )


@pytest.mark.parametrize("app_id", ["", APP[:-1]])
def test_check_shows_nothing_without_the_apps_id(app_id: str) -> None:
    assert certainly_read(check(A_DAY), app_id) is None


def test_latest_of_process_and_tables_counts() -> None:
    later, earlier = STORED + A_DAY, STORED - A_DAY
    for since, booted, expected in ((later, STORED, later), (earlier, later, later - minutes(5)), (later, None, later)):
        (uptime,) = with_evidence([Uptime("a", since, is_single=True)], KeyReads(booted=booted), APP)
        assert uptime.since == expected


@pytest.mark.parametrize(
    "uptimes",
    [
        [],
        [Uptime("a", None)],  # it may run on several instances
        [Uptime("a", None, idle=True, is_single=True)],
        [Uptime("a", None, is_single=True), Uptime("a-proc", None, is_single=True)],
    ],
)
def test_rows_of_one_process_count_only_for_one_app_on_one_instance(uptimes: list[Uptime]) -> None:
    assert not is_shown_by_tables(uptimes)
    assert with_evidence(uptimes, check(A_DAY), APP) == uptimes


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", AccessCheck(STORED)),
        ("{", AccessCheck(STORED)),
        ("[]", AccessCheck(STORED)),
        ('{"ApplicationTokenDetails": null, "AccessTokenDetails": {}}', AccessCheck(STORED)),
        (
            '{"ApplicationTokenDetails": {"AppId": "x"}, "AccessTokenDetails": {"Name": "n", "UserPrincipalName": ""}}',
            AccessCheck(STORED, "x", "n"),
        ),
        ('{"AccessTokenDetails": {"Name": "n", "UserPrincipalName": "u"}}', AccessCheck(STORED, "", "u")),
        (
            '{"ErrorMessages": ["Your Secret in Key Vault does not match"], "New": 1}',
            AccessCheck(STORED, is_mismatch=True),
        ),
        ('{"ErrorMessages": "secret differs from key vault"}', AccessCheck(STORED, is_mismatch=True)),
        ('{"ErrorMessages": ["Missing a permission"]}', AccessCheck(STORED)),
        ('{"ErrorMessages": [1, null]}', AccessCheck(STORED)),
    ],
)
def test_permissions_check_is_read_from_its_data(data: str, expected: AccessCheck) -> None:
    assert access_check_of(data, STORED) == expected
