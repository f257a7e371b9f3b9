"""Certificate-only mode in the plan, as tables: what the flag and the vault mean, and what is done with the secret."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backend.cipp.feature_flags import CertificateFlag, Flag, flag_of
from backend.rotation.planning.certificate_mode import CertificateMode, InVault, SecretUse, certificate_mode
from backend.rotation.planning.plan import Leave, Lock, Moment, Remove, Renew, Seen, credential_chores, credential_step
from backend.rotation.running.client_secret import ClientSecretKind
from tests.support import phrases
from tests.support.rotation.plan_cases import (
    ALL_THREE,
    NEW,
    NOT_VERIFIED,
    NOW,
    ORPHAN,
    REVOKED,
    SERVED,
    UNDER,
    ago,
    all_of,
    credential,
    moment,
    own,
    seen,
    version,
    what,
)

RULES = ClientSecretKind.rules
ON, OFF, UNREADABLE, UNCONFIGURED = (
    CertificateFlag(state, "The table timed out." * (state in (Flag.UNREADABLE, Flag.UNCONFIGURED))) for state in Flag
)
VALUE, PLACEHOLDER, MISSING = InVault
RENEWED, FALLBACK, ABSENT, UNKNOWN, LAST_WEEK = SecretUse

MODES: dict[str, tuple[CertificateFlag, InVault, bool, SecretUse]] = {
    "on, a value": (ON, VALUE, True, FALLBACK),
    "on, a value, no certificate": (ON, VALUE, False, FALLBACK),
    "on, the placeholder": (ON, PLACEHOLDER, True, ABSENT),
    "on, the placeholder, no certificate": (ON, PLACEHOLDER, False, ABSENT),
    "on, missing": (ON, MISSING, True, ABSENT),
    "off, a value": (OFF, VALUE, True, RENEWED),
    "off, a value, no certificate": (OFF, VALUE, False, RENEWED),
    "off, the placeholder": (OFF, PLACEHOLDER, True, ABSENT),
    "off, the placeholder, no certificate: not set up": (OFF, PLACEHOLDER, False, RENEWED),
    "off, missing": (OFF, MISSING, True, RENEWED),
    "unreadable, a value": (UNREADABLE, VALUE, True, UNKNOWN),
    "unreadable, a value, no certificate": (UNREADABLE, VALUE, False, UNKNOWN),
    "unreadable, the placeholder": (UNREADABLE, PLACEHOLDER, True, ABSENT),
    "unreadable, the placeholder, no certificate": (UNREADABLE, PLACEHOLDER, False, UNKNOWN),
    "unreadable, missing": (UNREADABLE, MISSING, True, UNKNOWN),
    "unconfigured, a value": (UNCONFIGURED, VALUE, True, LAST_WEEK),
    "unconfigured, a value, no certificate": (UNCONFIGURED, VALUE, False, LAST_WEEK),
    "unconfigured, the placeholder": (UNCONFIGURED, PLACEHOLDER, True, ABSENT),
    "unconfigured, the placeholder, no certificate": (UNCONFIGURED, PLACEHOLDER, False, LAST_WEEK),
    "unconfigured, missing": (UNCONFIGURED, MISSING, True, LAST_WEEK),
}


@pytest.mark.parametrize(("flag", "secret", "has_certificate", "expected"), MODES.values(), ids=MODES)
def test_mode_by_flag_and_vault(
    flag: CertificateFlag, secret: InVault, has_certificate: bool, expected: SecretUse
) -> None:
    mode = certificate_mode(flag, secret, has_certificate=has_certificate)
    assert mode.use is expected
    assert mode.is_on == (mode.vital == "Certificate") == (mode.vital_secret == "SAMCertificate")
    assert (mode.reason == "") == (expected is RENEWED)
    assert bool(mode.problem) == bool(mode.effect) == (expected in (UNKNOWN, LAST_WEEK))
    assert (phrases.IN_ITS_LAST_WEEK in mode.effect) == (expected is LAST_WEEK)
    assert ("The table timed out." in mode.reason) == (flag in (UNREADABLE, UNCONFIGURED))


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (True, Flag.ON),
        ("true", Flag.ON),
        ("True", Flag.ON),
        (" TRUE ", Flag.ON),
        (False, Flag.OFF),
        ("false", Flag.OFF),
        ("False", Flag.OFF),
        (None, Flag.UNREADABLE),
        ("", Flag.UNREADABLE),
        ("yes", Flag.UNREADABLE),
        (1, Flag.UNREADABLE),
        (0, Flag.UNREADABLE),
    ],
)
def test_flag_is_a_boolean_or_text(value: object, state: Flag) -> None:
    flag = flag_of(value)
    assert flag.state is state
    assert bool(flag.problem) == (state is Flag.UNREADABLE)


def by(use: SecretUse, **fields: object) -> Moment:
    return moment(mode=CertificateMode(use, "" if use is RENEWED else "The reason."), **fields)


DUE = own("c", ago(days=8))
LOOKS: dict[str, tuple[Seen, dict[str, object]]] = {
    "due": (seen([DUE]), {}),
    "forced": (seen([SERVED]), {"force": True}),
    "near its expiry": (seen([SERVED], [credential("c", made=ago(days=170), left=10)]), {}),
    "expired": (seen([SERVED], [credential("c", made=ago(days=190), left=-1)], validity=REVOKED), {}),
    "revoked": (seen([SERVED], validity=REVOKED), {}),
    "revoked, and an earlier one signs in": (seen([SERVED, NEW], ALL_THREE, validity=REVOKED, earlier="b"), {}),
    "the vault has none": (seen([]), {}),
    "unreadable": (seen([SERVED], is_readable=False), {}),
    "not verified yet": (seen([DUE], validity=NOT_VERIFIED), {}),
    "others' version lies under this app's": (seen(UNDER), {}),
    "the placeholder over this app's": (seen([version("p", ago(days=1)), DUE], validity=REVOKED), {}),
}


@pytest.mark.parametrize("use", [FALLBACK, ABSENT, UNKNOWN, LAST_WEEK])
@pytest.mark.parametrize(("look", "fields"), LOOKS.values(), ids=LOOKS)
def test_client_secret_is_never_written_unless_cipp_signs_in_with_it(
    look: Seen, fields: dict[str, object], use: SecretUse
) -> None:
    step = credential_step(look, by(use, **fields), RULES)
    assert isinstance(step, Leave)
    assert "The reason." in step.reason


IN_ITS_LAST_WEEK = seen([SERVED], [credential("c", made=ago(days=173), left=6.9)])
LAST_LOOKS: dict[str, tuple[Seen, SecretUse, bool]] = {
    "in its last week": (IN_ITS_LAST_WEEK, LAST_WEEK, True),
    "a day before": (seen([SERVED], [credential("c", made=ago(days=172), left=7.1)]), LAST_WEEK, False),
    "in its last week, and can't sign in": (replace(IN_ITS_LAST_WEEK, validity=REVOKED), LAST_WEEK, False),
    "in its last week, and not verified": (replace(IN_ITS_LAST_WEEK, validity=NOT_VERIFIED), LAST_WEEK, False),
    "made today for a week": (seen([own("c", ago(hours=1))], [credential("c", made=NOW, left=2)]), LAST_WEEK, False),
    "of an unknown expiry": (seen([SERVED]), LAST_WEEK, False),
    "in its last week, and the flag can't be read": (IN_ITS_LAST_WEEK, UNKNOWN, False),
    "in its last week, and a fallback": (IN_ITS_LAST_WEEK, FALLBACK, False),
    "in its last week, and absent": (IN_ITS_LAST_WEEK, ABSENT, False),
}


@pytest.mark.parametrize(("look", "use", "is_renewed"), LAST_LOOKS.values(), ids=LAST_LOOKS)
def test_client_secret_is_renewed_in_its_last_week_without_storage(
    look: Seen, use: SecretUse, is_renewed: bool
) -> None:
    step = credential_step(look, by(use), RULES)
    assert what(step) is (Renew if is_renewed else Leave)
    assert "The reason." in step.reason


@pytest.mark.parametrize(("look", "fields"), [*LOOKS.values()][:4], ids=[*LOOKS][:4])
def test_client_secret_is_renewed_as_ever_without_the_mode(look: Seen, fields: dict[str, object]) -> None:
    assert what(credential_step(look, by(RENEWED, **fields), RULES)) is Renew


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (
            seen([SERVED], ALL_THREE[:1]),
            f"{phrases.KEPT_AS_FALLBACK}. It {phrases.CAN_SIGN_IN}, and {phrases.EXPIRES_ON} 2027-01-29.",
        ),
        (seen([SERVED]), phrases.EXPIRY_UNKNOWN),
        (seen([SERVED], validity=REVOKED, refusal="Entra refused."), f"It {phrases.CANT_SIGN_IN}. Entra refused."),
        (seen([SERVED], validity=NOT_VERIFIED), phrases.NOT_VERIFIED_YET),
    ],
)
def test_state_of_a_fallback_is_reported(look: Seen, words: str) -> None:
    assert words in credential_step(look, by(FALLBACK), RULES).reason


OLD_ONES = seen([SERVED, NEW], [*ALL_THREE[:2], ORPHAN], is_locked=False)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (FALLBACK, [(Remove, "key of nothing"), (Remove, "key of b"), Lock]),
        (ABSENT, [(Remove, "key of nothing"), (Remove, "key of b"), Lock]),
        (LAST_WEEK, [(Remove, "key of nothing"), (Remove, "key of b"), Lock]),
        (UNKNOWN, [Lock]),
    ],
)
def test_old_secrets_of_this_app_are_tidied_unless_the_mode_is_unknown(use: SecretUse, expected: list[object]) -> None:
    assert all_of(credential_chores(OLD_ONES, by(use, overlap=timedelta(days=2)), RULES)) == expected
