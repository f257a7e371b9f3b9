"""Which causes of a lock-out follow from a look at the sign-in, and which are repaired: tables of cases."""

from dataclasses import replace
from typing import Any, Final

import pytest

from backend.hosting.container.sign_in.address_rules import AddressRules, site_rules
from backend.hosting.container.sign_in.auth_settings import SignInNames, damages
from backend.hosting.container.sign_in.causes import Seen, Verdict, state_of
from backend.hosting.container.sign_in.choice import Request, chosen, refusal
from backend.hosting.container.sign_in.problems import SETTING, ReferenceState
from backend.hosting.results.sign_in import SignInCause, SignInCauseName

APP, OTHER = "3c1f0a52-7d0e-4f0b-9a51-2f1c7f0a9d35", "9d0b6c1e-6a2d-4c0c-9f0e-5b3a7f0a9d11"
NAMES: Final = SignInNames(APP, "8a4b0d9e-1b2c-4f3d-9e5a-6c7d8e9f0a1b", multi_tenant=False)


def settings(action: object = "RedirectToLoginPage", app: str = APP, **provider: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return authsettingsV2 without damages, and members of the provider's beside them."""
    registration = {"clientId": app, "clientSecretSettingName": SETTING}
    return {
        "platform": {"enabled": True},
        "globalValidation": {"unauthenticatedClientAction": action},
        "identityProviders": {"azureActiveDirectory": {"enabled": True, "registration": registration, **provider}},
    }


WHOLE: Final = settings()
SEEN: Final = Seen(
    settings=WHOLE,
    names=NAMES,
    is_reference=True,
    reference=ReferenceState("Resolved", "v2"),
    served="v2",
    verdict=Verdict.WORKS,
    active=Verdict.WORKS,
    missing_callbacks=(),
    has_app=True,
    superadmins=1,
    addresses=AddressRules((), ()),
)


def cause(seen: Seen, name: SignInCauseName) -> SignInCause:
    (found,) = [one for one in state_of(seen).causes if one.cause == name]
    return found


def test_sign_in_without_a_cause_works() -> None:
    state = state_of(SEEN)
    assert (state.works, {one.present for one in state.causes}) == (True, {"no"})


@pytest.mark.parametrize(
    ("name", "seen", "present", "works"),
    [
        ("SignInOff", replace(SEEN, settings={}), "unknown", None),
        ("SettingsDamaged", replace(SEEN, settings={}), "unknown", None),
        ("SignInOff", replace(SEEN, settings={**WHOLE, "platform": {"enabled": False}}), "yes", False),
        ("SettingsDamaged", replace(SEEN, names=None), "unknown", None),
        ("AppDeleted", replace(SEEN, has_app=False), "yes", False),
        ("AppDeleted", replace(SEEN, has_app=None, verdict=Verdict.NO_APP), "yes", False),
        ("AppDeleted", replace(SEEN, has_app=None, verdict=Verdict.ENDED), "no", False),
        ("AppDeleted", replace(SEEN, has_app=None, verdict=Verdict.UNKNOWN), "unknown", None),
        ("SecretEnded", replace(SEEN, verdict=Verdict.ENDED), "yes", False),
        ("SecretEnded", replace(SEEN, verdict=Verdict.UNKNOWN), "unknown", None),
        ("SecretEnded", replace(SEEN, verdict=Verdict.NO_APP), "unknown", False),
        ("SecretEnded", replace(SEEN, is_missing=True), "yes", False),
        ("ReferenceNotResolved", replace(SEEN, is_reference=None), "unknown", None),
        ("ReferenceNotResolved", replace(SEEN, reference=ReferenceState("AccessToKeyVaultDenied", "")), "yes", False),
        ("ReferenceNotResolved", replace(SEEN, is_reference=False, reference=None, has_setting=False), "yes", False),
        ("ReferenceNotResolved", replace(SEEN, is_reference=False, reference=None, has_setting=True), "unknown", None),
        ("ReferenceNotResolved", replace(SEEN, is_reference=False, reference=None), "unknown", None),
        ("ReferenceNotResolved", replace(SEEN, served="v3"), "no", True),
        ("ReferenceNotResolved", replace(SEEN, served="v3", active=Verdict.ENDED), "yes", False),
        ("CallbackMissing", replace(SEEN, missing_callbacks=None), "unknown", True),
        ("CallbackMissing", replace(SEEN, missing_callbacks=("cipp.contoso.com",)), "yes", True),
        ("NoSuperadmin", replace(SEEN, superadmins=None), "unknown", True),
        ("NoSuperadmin", replace(SEEN, superadmins=0), "yes", True),
        ("IpRule", replace(SEEN, addresses=None), "unknown", True),
        ("IpRule", replace(SEEN, addresses=AddressRules(None, ())), "unknown", True),
        ("IpRule", replace(SEEN, addresses=AddressRules((), ("A rule.",))), "unknown", True),
        ("SecretLost", replace(SEEN, verdict=Verdict.ENDED), "yes", False),
    ],
)
def test_cause_follows_from_what_was_seen(name: SignInCauseName, seen: Seen, present: str, works: bool | None) -> None:
    assert (cause(seen, name).present, state_of(seen).works) == (present, works)


def test_missing_setting_is_not_repaired_by_another_read() -> None:
    seen = replace(SEEN, is_reference=False, reference=None, has_setting=False)
    assert not cause(seen, "ReferenceNotResolved").repairable
    assert cause(SEEN, "ReferenceNotResolved").repairable


ID_TOKENS: Final = settings(registration={"clientId": APP})


@pytest.mark.parametrize("name", ["SecretEnded", "ReferenceNotResolved", "SecretLost"])
def test_users_who_sign_in_by_id_tokens_need_no_secret(name: SignInCauseName) -> None:
    seen = replace(SEEN, settings=ID_TOKENS, verdict=Verdict.ENDED, is_reference=None, reference=None)
    assert cause(seen, name).present == "no"


@pytest.mark.parametrize(
    ("found", "number"),
    [
        (WHOLE, 0),
        (settings(action="AllowAnonymous"), 0),
        (settings(action=0), 0),
        (settings(action="Return401"), 1),
        (settings(enabled=False), 1),
        (settings(app="not an ID"), 1),
        (settings(app=OTHER), 1),
        (settings(validation={"allowedAudiences": [f"api://{APP.upper()}"]}), 0),
        (settings(validation={"allowedAudiences": [OTHER]}), 1),
        (settings(validation={"defaultAuthorizationPolicy": {"allowedApplications": [OTHER, APP]}}), 0),
        (settings(validation={"defaultAuthorizationPolicy": {"allowedApplications": [OTHER]}}), 1),
        ({**settings(enabled=False), "platform": {"enabled": "False"}}, 2),
    ],
)
def test_damages_are_those_that_keep_users_out(found: dict[str, Any], number: int) -> None:
    assert len(damages(found, NAMES)) == number


def test_cause_that_is_not_repaired_here_is_refused_with_its_cure() -> None:
    seen = replace(SEEN, has_app=False)
    (found,) = chosen(seen, ["AppDeleted"])
    step = refusal(found, seen, Request(["AppDeleted"], dry_run=False, force=False))
    assert step
    assert (step.outcome, step.text) == ("refused", found.cure)


def test_default_repair_leaves_the_secret_that_users_can_do_without() -> None:
    seen = replace(SEEN, verdict=Verdict.ENDED, missing_callbacks=("cipp.contoso.com",))
    assert [one.cause for one in chosen(seen, None)] == ["SecretEnded", "CallbackMissing"]


ALL: Final = {"ipAddress": "Any", "action": "Allow"}


@pytest.mark.parametrize(
    ("site", "web", "number"),
    [
        ({}, {"ipSecurityRestrictions": [ALL]}, 0),
        ({}, {"ipSecurityRestrictions": [ALL, {"ipAddress": "198.51.100.0/24", "action": "Allow"}]}, 1),
        ({}, {"ipSecurityRestrictionsDefaultAction": "Deny"}, 1),
        ({"publicNetworkAccess": "Disabled"}, {}, 1),
        ({"publicNetworkAccess": "Enabled"}, {"publicNetworkAccess": "Disabled"}, 1),
        ({"publicNetworkAccess": "Disabled"}, {"ipSecurityRestrictionsDefaultAction": "Deny"}, 2),
    ],
)
def test_rules_of_app_service_are_those_that_refuse_an_address(
    site: dict[str, Any], web: dict[str, Any], number: int
) -> None:
    assert len(site_rules({"properties": site}, {"properties": web})) == number
