"""The overview: the cards, their problems, and how long they take."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.overview import REMEMBERED_SECONDS
from backend.platform_sign_in import sign_in_problems
from sandbox import names
from settings.http import backend
from tests.admin import Admin
from tests.api import Answer, Api
from tests.page_troubles import AMONG_OTHERS, ARM, MOST_SECONDS, REFUSALS, SILENCES
from tests.sandbox_client import Sandbox

ISSUER = f"https://login.microsoftonline.com/{names.TENANT_ID}/v2.0"
ALL = ["ResourceGroup", "KeyVault", "FunctionApp", "FunctionApp", "FunctionApp", "StaticWebApp", "Keys"]
VAULT_HOST = f"{names.VAULT}.vault.azure.net"
# The call that each card depends on.
PROBES = {
    "ResourceGroup": {"host": ARM, "path": "/resourcegroups/cipp$"},
    "KeyVault": {"host": ARM, "path": f"^/subscriptions/{names.SUBSCRIPTION_ID}/resources$"},
    "FunctionApp": {"host": ARM, "path": "/Microsoft.Web/sites$"},
    "StaticWebApp": {"host": ARM, "path": "/Microsoft.Web/staticSites$"},
    "Keys": {"host": VAULT_HOST, "path": "/secrets$"},
}


def cards(answer: Answer) -> list[dict[str, object]]:
    assert answer.status == 200
    found: list[dict[str, object]] = answer.results["Cards"]
    return found


def problems(api: Api, name: str) -> str:
    (card,) = [card for card in cards(api.get("ListBackend")) if card["Name"] == name and card["Kind"] == "FunctionApp"]
    return " ".join(card["Problems"])  # type: ignore[arg-type] # a list of texts


def settings(*, clientid: str = "e7a1", issuer: str | None = ISSUER, **validation: object) -> dict[str, object]:
    """App Service authentication as the README sets it, but for what is given."""
    registration = {"clientId": clientid, **({} if issuer is None else {"openIdIssuer": issuer})}
    strict = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}
    return {
        "platform": {"enabled": True},
        "globalValidation": {**strict, **validation},
        "identityProviders": {"azureActiveDirectory": {"enabled": True, "registration": registration}},
    }


def test_every_resource_has_its_card(api: Api) -> None:
    answer = api.get("ListBackend")
    found = cards(answer)
    assert [card["Kind"] for card in found] == ALL
    assert [card["Name"] for card in found] == [
        "cipp",
        "cippabc12",
        "cippabc12",
        "cippabc12-proc",
        "cippabc12-backend",
        "cipp-swa-abc12",
        "Keys",
    ]
    assert all(card["Exists"] is True for card in found)
    assert [card["State"] for card in found[:6]] == ["Succeeded", "Succeeded", *["Running"] * 3, "Linked"]
    assert all(str(card["Link"]).startswith("https://portal.azure.com/#@") for card in found[:6])
    assert answer.results["AsOf"].endswith("Z")
    assert answer.results["RememberedSeconds"] == REMEMBERED_SECONDS


def test_a_stopped_app_is_a_problem_that_says_what_to_do(api: Api) -> None:
    assert api.post("ExecFunctionAppStop").status == 200
    assert "ExecFunctionAppStart" in problems(api, "cippabc12")


def test_authentication_that_is_off_is_a_problem_of_our_own_app_alone(api: Api) -> None:
    assert "authentication is off" in problems(api, "cippabc12-backend")
    assert problems(api, "cippabc12") == ""


def set_up(**more: object) -> dict[str, object]:
    """App Service authentication as the README sets it, and what is given beside it."""
    found = settings()
    entra = found["identityProviders"]["azureActiveDirectory"]  # type: ignore[index] # built above
    providers = {"azureActiveDirectory": entra, **more.pop("identityProviders", {})}  # type: ignore[dict-item] # a dict
    platform = {"enabled": True, **more.pop("platform", {})}  # type: ignore[dict-item] # the same
    return {**found, **more, "platform": platform, "identityProviders": providers}


OTHER = {"enabled": True, "registration": {"clientId": "x"}}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (set_up(httpSettings={"requireHttps": False}), "set requireHttps"),
        (set_up(platform={"configFilePath": "/auth/config.json"}), "A file decides about sign-in, /auth/config.json"),
        (set_up(login={"allowedExternalRedirectUrls": ["https://evil.example/x"]}), "https://evil.example/x"),
        *[
            (set_up(identityProviders={name: provider}), f"disable {name}.")
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
            "disable google, okta.",
        ),
    ],
)
def test_a_further_way_past_the_sign_in_is_a_problem(
    azure: Sandbox, api: Api, wrong: dict[str, object], said: str
) -> None:
    Admin(azure).set_sign_in(**wrong)
    assert said in problems(api, "cippabc12-backend")


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
    assert problems(api, "cippabc12-backend") == ""


def notes(api: Api) -> str:
    (card,) = [card for card in cards(api.get("ListBackend")) if card["Name"] == "cippabc12-backend"]
    return " ".join(card["Notes"])  # type: ignore[arg-type] # a list of texts


def test_sign_in_open_to_any_client_application_has_a_note(azure: Sandbox, api: Api) -> None:
    Admin(azure).set_sign_in(**settings(clientid="e7a1"))
    assert "allowedApplications of azureActiveDirectory to this app's client id, e7a1" in notes(api)
    assert problems(api, "cippabc12-backend") == ""


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
    assert "remove the provider azureStaticWebApps" in notes(api)
    assert problems(api, "cippabc12-backend") == ""


def test_the_seeded_sign_in_is_off_and_has_that_problem_alone(api: Api) -> None:
    (card,) = [card for card in cards(api.get("ListBackend")) if card["Name"] == "cippabc12-backend"]
    assert (len(card["Problems"]), card["Notes"]) == (1, [])  # type: ignore[arg-type] # a list of texts


def test_our_own_app_set_up_as_the_readme_says_has_no_problem(azure: Sandbox, api: Api) -> None:
    Admin(azure).set_sign_in(**settings())
    assert problems(api, "cippabc12-backend") == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (settings(requireAuthentication=False), "Anonymous requests are let through"),
        (settings(unauthenticatedClientAction="AllowAnonymous"), "Anonymous requests are let through"),
        (
            settings(excludedPaths=["/api/PublicPing", "/x"]),
            "unauthenticated, so empty excludedPaths: /api/PublicPing, /x",
        ),
        (settings(issuer=ISSUER.replace(names.TENANT_ID, names.SAM_APP_ID)), "foreign issuer"),
        (settings(issuer="https://login.microsoftonline.com/common/v2.0"), "foreign issuer"),
        (settings(issuer=f"https://evil.example/{names.TENANT_ID}/v2.0"), "foreign issuer, https://evil.example/"),
        (settings(issuer=ISSUER.replace("https", "http")), "foreign issuer"),
        (
            settings(issuer=f"https://u:{names.PLANTED}@evil.example/x?y={names.PLANTED}"),
            "foreign issuer, https://evil.example/x: set",
        ),
        (settings(issuer=names.PLANTED), "foreign issuer, an address that can't be shown: set"),
        (settings(issuer=f"https://[{names.PLANTED}/"), "foreign issuer, an address that can't be shown: set"),
        (settings(excludedPaths=[f"/api?sig={names.PLANTED}"]), "so empty excludedPaths: /api."),
        (settings(issuer=None), "names no issuer"),
    ],
)
def test_what_lets_strangers_in_is_a_problem_of_our_own_app(
    azure: Sandbox, api: Api, wrong: dict[str, object], said: str
) -> None:
    Admin(azure).set_sign_in(**wrong)
    told = problems(api, "cippabc12-backend")
    assert said in told
    assert names.PLANTED not in told


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        f"https://sts.windows.net/{names.TENANT_ID}/",
        f"https://login.partner.microsoftonline.cn/{names.TENANT_ID}/v2.0",
        f"https://login.microsoftonline.us/{names.TENANT_ID.upper()}/v2.0",
    ],
)
def test_entras_own_names_for_our_tenant_are_no_problem(issuer: str) -> None:
    assert sign_in_problems(settings(issuer=issuer), lambda tenant: tenant.lower() == names.TENANT_ID) == []


def test_an_issuer_whose_users_are_served_is_no_foreign_one(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("ALLOWED_TENANTS", names.SAM_OBJECT_ID)
    Admin(azure).set_sign_in(**settings(issuer=ISSUER.replace(names.TENANT_ID, names.SAM_OBJECT_ID)))
    assert problems(Api(), "cippabc12-backend") == ""


def test_a_main_app_that_azure_does_not_show_is_a_card_that_says_what_to_set(
    azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "nosuch12345")
    del azure
    missing = [card for card in cards(Api().get("ListBackend")) if card["Exists"] is False]
    assert {card["Kind"]: card["Name"] for card in missing} == {
        "KeyVault": "nosuch12345",
        "FunctionApp": "nosuch12345",
        "StaticWebApp": "",
    }
    assert all("CIPP_FUNCTION_APP" in str(card["Problems"]) for card in missing if card["Kind"] != "StaticWebApp")


def test_no_static_web_app_is_a_fact_and_no_problem(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_FUNCTION_APP", "cippabc12-backend")
    del azure
    (card,) = [card for card in cards(Api().get("ListBackend")) if card["Kind"] == "StaticWebApp"]
    assert (card["Exists"], card["Problems"]) == (False, [])
    assert "container" in str(card["State"])


@pytest.mark.parametrize("kind", PROBES)
@pytest.mark.parametrize("status", REFUSALS)
def test_a_probe_that_is_refused_spoils_no_other(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, status: int
) -> None:
    _spoil(azure, nowhere, kind, {"mode": "refuse", "status": status, "retry_after": 2700})


@pytest.mark.parametrize("kind", PROBES)
@pytest.mark.parametrize("mode", SILENCES)
def test_a_probe_without_an_answer_spoils_no_other_and_is_not_waited_for(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    _spoil(azure, nowhere, kind, {"mode": mode})


def _spoil(azure: Sandbox, nowhere: pytest.MonkeyPatch, kind: str, fault: dict[str, object]) -> None:
    if fault["mode"] == "hang":
        for name, value in AMONG_OTHERS.items():
            nowhere.setenv(name, value)
    api = Api()
    azure.faults([{**PROBES[kind], "times": 0, **fault}])
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < MOST_SECONDS
    assert {str(card["Kind"]) for card in found} == set(ALL)
    for card in found:
        if card["Kind"] == kind:
            assert card["Exists"] is not True
            assert "Tried to " in str(card["Problems"])
        elif card["Kind"] != "Keys":  # the keys need the list of apps, too, and say so themselves
            assert card["Exists"] is True
            assert "Tried to " not in str(card["Problems"])


def test_a_silent_azure_is_told_within_the_time_of_one_call(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "5")
    api = Api()
    backend().discovery.deployment()  # the identity's token
    azure.faults([{"mode": "hang", "times": 0}])
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < MOST_SECONDS
    assert [card["Exists"] for card in found] == [None] * 5


def test_an_app_without_a_token_is_told_in_one_card(api: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/msi/token", "mode": "refuse", "status": 400, "times": 0}])
    (card,) = cards(api.get("ListBackend"))
    assert (card["Exists"], "managed identity" in str(card["Problems"])) == (None, True)


def test_the_cards_are_remembered_for_the_stated_time(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr("backend.overview.REMEMBERED_SECONDS", 0.5)
    api = Api()
    first = api.get("ListBackend").results
    calls = len(azure.calls())
    assert api.get("ListBackend").results == first
    assert len(azure.calls()) == calls
    time.sleep(first["RememberedSeconds"] + 0.1)
    api.get("ListBackend")
    assert len(azure.calls()) > calls


def test_the_probes_run_at_once(api: Api, azure: Sandbox) -> None:
    api.get("ListBackend")  # what is loaded once
    azure.reset(propagation_seconds=0, latency_seconds={ARM: 1})
    azure.faults([{"host": VAULT_HOST, "mode": "refuse", "status": 403, "times": 0}])  # so that the keys are no chain
    api = Api()
    backend().discovery.deployment()
    began = time.monotonic()
    found = cards(api.get("ListBackend"))
    assert time.monotonic() - began < 4  # five calls, one after another, take 5 s
    assert len(azure.calls(ARM)) == 5
    assert [card["Exists"] for card in found] == [True] * 6 + [None]


def test_concurrent_callers_join_one_look(azure: Sandbox, api: Api) -> None:
    api.get("ListBackend", role="superadmin")
    alone = len(azure.calls(ARM))
    azure.reset(propagation_seconds=0)
    again = Api()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: again.get("ListBackend").results, range(6)))
    assert all(answer == answers[0] for answer in answers)
    assert len(azure.calls(ARM)) <= alone


def test_sign_in_of_app_in_another_group_is_looked_up_there(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_RESOURCE_GROUP", names.RESOURCE_GROUP)
    nowhere.setenv("WEBSITE_RESOURCE_GROUP", "elsewhere")
    nowhere.setenv("WEBSITE_SITE_NAME", "backend-elsewhere")
    cards = Api().get("ListBackend").results["Cards"]
    looked_up = [call["path"] for call in azure.calls() if "authsettingsV2" in call["path"]]
    assert looked_up
    assert all("/elsewhere/" in path and "/backend-elsewhere/" in path for path in looked_up)
    main_app = next(card for card in cards if card["Kind"] == "FunctionApp")
    assert any("Sign-in of this app" in problem for problem in main_app["Problems"])
