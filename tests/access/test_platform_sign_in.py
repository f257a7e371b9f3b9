"""App Service's authentication of this app on the cards: its problems, and notes with advice."""

from typing import Any, Final

import pytest

from backend.access.platform_sign_in import sign_in_problems
from sandbox import names
from tests.support import phrases
from tests.support.admin import Admin
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

ISSUER = f"https://login.microsoftonline.com/{names.TENANT_ID}/v2.0"
THIS_APP: Final = "cippabc12-backend"


def card(api: Api, name: str = THIS_APP) -> dict[str, Any]:
    answer = api.get("ListBackend")
    assert answer.status == 200
    (only,) = [one for one in answer.results["Cards"] if one["Name"] == name and one["Kind"] == "FunctionApp"]
    return dict(only)


def problems(api: Api, name: str = THIS_APP) -> str:
    return " ".join(card(api, name)["Problems"])


def notes(api: Api) -> str:
    return " ".join(card(api)["Notes"])


def settings(*, clientid: str = "e7a1", issuer: str | None = ISSUER, **validation: object) -> dict[str, object]:
    """App Service authentication as docs/deploy.md sets it, but for what is given."""
    registration = {"clientId": clientid, **({} if issuer is None else {"openIdIssuer": issuer})}
    strict = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}
    return {
        "platform": {"enabled": True},
        "globalValidation": {**strict, **validation},
        "identityProviders": {"azureActiveDirectory": {"enabled": True, "registration": registration}},
    }


def test_disabled_authentication_is_a_problem_of_this_app_only(api: Api) -> None:
    assert phrases.SIGN_IN_IS_OFF in problems(api)
    assert problems(api, "cippabc12") == ""


def set_up(**more: object) -> dict[str, object]:
    """App Service authentication as docs/deploy.md sets it, and what is given beside it."""
    found = settings()
    entra = found["identityProviders"]["azureActiveDirectory"]  # type: ignore[index] # built above
    providers = {"azureActiveDirectory": entra, **more.pop("identityProviders", {})}  # type: ignore[dict-item] # a dict
    platform = {"enabled": True, **more.pop("platform", {})}  # type: ignore[dict-item] # the same
    return {**found, **more, "platform": platform, "identityProviders": providers}


OTHER = {"enabled": True, "registration": {"clientId": "x"}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (set_up(httpSettings={"requireHttps": False}), "Set requireHttps"),
        (set_up(platform={"configFilePath": "/auth/config.json"}), "The file /auth/config.json"),
        (set_up(login={"allowedExternalRedirectUrls": ["https://evil.example/x"]}), "https://evil.example/x"),
        *[
            (set_up(identityProviders={name: provider}), f"Disable {name}.")
            for name, provider in {
                "facebook": {"enabled": True, "registration": {"appId": "1", "appSecretSettingName": "S"}},
                "gitHub": OTHER,
                "google": {"registration": {"clientId": "x"}},
                "twitter": {"enabled": True, "registration": {"consumerKey": "x"}},
                "apple": OTHER,
                "legacyMicrosoftAccount": OTHER,
            }.items()
        ],
        (
            set_up(
                identityProviders={
                    "google": OTHER,
                    "customOpenIdConnectProviders": {"okta": OTHER, "off": {**OTHER, "enabled": False}},
                }
            ),
            "Disable google, okta.",
        ),
    ],
)
def test_a_further_way_past_the_sign_in_is_a_problem(
    azure: Sandbox, api: Api, wrong: dict[str, object], message: str
) -> None:
    Admin(azure).set_sign_in(**wrong)
    assert message in problems(api)


@pytest.mark.parametrize(
    "right",
    [
        set_up(httpSettings={"requireHttps": True}, login={"allowedExternalRedirectUrls": []}),
        set_up(httpSettings={}, login={"tokenStore": {"enabled": False}}),
        set_up(identityProviders={"google": {**OTHER, "enabled": False}}),
        # as Azure shows a provider that was never set up
        set_up(
            identityProviders={
                "facebook": {"enabled": True, "registration": {}, "login": {}},
                "twitter": {"enabled": True, "registration": {"consumerKey": None, "consumerSecretSettingName": None}},
                "customOpenIdConnectProviders": {},
            }
        ),
    ],
)
def test_a_sign_in_with_nothing_beside_entra_has_no_problem(azure: Sandbox, api: Api, right: dict[str, object]) -> None:
    Admin(azure).set_sign_in(**right)
    assert problems(api) == ""


def test_sign_in_open_to_any_client_application_has_a_note(azure: Sandbox, api: Api) -> None:
    Admin(azure).set_sign_in(**settings(clientid="e7a1"))
    assert all(part in notes(api) for part in ("allowedApplications", "azureActiveDirectory", "e7a1"))
    assert problems(api) == ""


@pytest.mark.parametrize(
    "validation",
    [
        {"defaultAuthorizationPolicy": {"allowedApplications": ["e7a1"]}},
        {"jwtClaimChecks": {"allowedClientApplications": ["e7a1"]}},
    ],
)
def test_a_sign_in_with_a_list_of_applications_has_no_note(
    azure: Sandbox, api: Api, validation: dict[str, object]
) -> None:
    entra = {"enabled": True, "registration": {"clientId": "e7a1", "openIdIssuer": ISSUER}, "validation": validation}
    Admin(azure).set_sign_in(**set_up(identityProviders={"azureActiveDirectory": entra}))
    assert notes(api) == ""


def test_a_link_to_a_static_web_app_is_a_note(azure: Sandbox, api: Api) -> None:
    Admin(azure).set_sign_in(**set_up(identityProviders={"azureStaticWebApps": OTHER}))
    assert "azureStaticWebApps" in notes(api)
    assert problems(api) == ""


def test_the_seeded_sign_in_is_off_and_has_that_problem_alone(api: Api) -> None:
    own = card(api)
    assert (len(own["Problems"]), own["Notes"]) == (1, [])


def test_app_set_up_by_the_readme_has_no_problem(azure: Sandbox, api: Api) -> None:
    Admin(azure).set_sign_in(**settings())
    assert problems(api) == ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (settings(requireAuthentication=False), "requireAuthentication"),
        (settings(unauthenticatedClientAction="AllowAnonymous"), "requireAuthentication"),
        (
            settings(excludedPaths=["/api/PublicPing", "/x"]),
            ": /x. ",
        ),
        (settings(issuer=ISSUER.replace(names.TENANT_ID, names.SAM_APP_ID)), phrases.FOREIGN_ISSUER),
        (settings(issuer="https://login.microsoftonline.com/common/v2.0"), phrases.FOREIGN_ISSUER),
        (
            settings(issuer=f"https://evil.example/{names.TENANT_ID}/v2.0"),
            f"{phrases.FOREIGN_ISSUER}, https://evil.example/",
        ),
        (settings(issuer=ISSUER.replace("https", "http")), phrases.FOREIGN_ISSUER),
        (
            settings(issuer=f"https://u:{names.PLANTED}@evil.example/x?y={names.PLANTED}"),
            f"{phrases.FOREIGN_ISSUER}, https://evil.example/x. ",
        ),
        (settings(issuer=names.PLANTED), f"{phrases.FOREIGN_ISSUER}, {phrases.UNSHOWN_ADDRESS}. "),
        (settings(issuer=f"https://[{names.PLANTED}/"), f"{phrases.FOREIGN_ISSUER}, {phrases.UNSHOWN_ADDRESS}. "),
        (settings(excludedPaths=[f"/api?sig={names.PLANTED}"]), ": /api. "),
        (settings(issuer=None), "openIdIssuer"),
    ],
)
def test_setting_that_allows_strangers_is_a_problem(
    azure: Sandbox, api: Api, wrong: dict[str, object], message: str
) -> None:
    Admin(azure).set_sign_in(**wrong)
    shown_problems = problems(api)
    assert message in shown_problems
    assert names.PLANTED not in shown_problems


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        f"https://sts.windows.net/{names.TENANT_ID}/",
        f"https://login.partner.microsoftonline.cn/{names.TENANT_ID}/v2.0",
        f"https://login.microsoftonline.us/{names.TENANT_ID.upper()}/v2.0",
    ],
)
def test_issuer_names_of_the_served_tenant_are_accepted(issuer: str) -> None:
    assert sign_in_problems(settings(issuer=issuer), lambda tenant: tenant.lower() == names.TENANT_ID) == []


def test_issuer_of_a_served_tenant_is_not_foreign(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("ALLOWED_TENANTS", names.SAM_OBJECT_ID)
    Admin(azure).set_sign_in(**settings(issuer=ISSUER.replace(names.TENANT_ID, names.SAM_OBJECT_ID)))
    assert problems(Api()) == ""


def test_sign_in_of_app_in_another_group_is_looked_up_there(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_RESOURCE_GROUP", names.RESOURCE_GROUP)
    nowhere.setenv("WEBSITE_RESOURCE_GROUP", "elsewhere")
    nowhere.setenv("WEBSITE_SITE_NAME", "backend-elsewhere")
    cards = Api().get("ListBackend").results["Cards"]
    looked_up = [call["path"] for call in azure.calls() if "authsettingsV2" in call["path"]]
    assert looked_up
    assert all("/elsewhere/" in path and "/backend-elsewhere/" in path for path in looked_up)
    main_app = next(card for card in cards if card["Kind"] == "FunctionApp")
    assert any(phrases.OWN_SIGN_IN in problem for problem in main_app["Problems"])
