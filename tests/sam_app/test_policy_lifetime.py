"""The lifetime of a new credential by the tenant's app management policy."""

from datetime import timedelta

import pytest

from backend.sam_app.management_policy import LESS, NO_LIMIT, judged


def lifetime(longest: object) -> timedelta:
    """Return the lifetime of a client secret by a policy with that limit."""
    rule = {"restrictionType": "passwordLifetime", "maxLifetime": longest}
    default = {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [rule]}}
    return judged(default, None, None).secret_lifetime


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        ("P90D", timedelta(days=90)),
        ("P2W", timedelta(days=14)),
        ("P1Y2M", timedelta(days=425)),
        ("P1DT4H30M5S", timedelta(days=1, hours=4, minutes=30, seconds=5)),
        ("PT0S", timedelta()),
    ],
)
def test_client_secret_expires_an_hour_before_the_policys_limit(longest: str, expected: timedelta) -> None:
    assert lifetime(longest) == expected - LESS


@pytest.mark.parametrize("longest", [None, "", "P", "90 days", "-P3D", 90, "P99999999Y", "P9999999999999999D"])
def test_unreadable_lifetime_sets_no_limit(longest: object) -> None:
    assert lifetime(longest) == NO_LIMIT
