"""What Resource Manager states of this app's sign-in decides whether callers are trusted, if it states anything."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from backend.access import sign_in_door
from backend.access.platform_sign_in import sign_in_problems
from backend.access.roles import Denial
from backend.access.sign_in_door import ANONYMOUS, OFF, denial_in
from backend.azure import arm
from sandbox import names
from settings.http.process import services
from tests.support.admin import Admin
from tests.support.api import Answer, Api
from tests.support.host import wait_for
from tests.support.principals import PRINCIPAL, user, visitor
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import ARM

AUTH = "/config/authsettingsv2$"
OF_CIPP = (f"/sites/{names.MAIN_SITE}($|/)", "/sites$", "/staticSites")  # the paths of CIPP's own app
STRICT = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}


def why(refused: Answer) -> Denial:
    """Return the reason and the advice of a response."""
    return Denial(refused.body["detail"], refused.body["advice"])


def sign_in(*, enabled: bool = True, path: str | None = None, **validation: object) -> dict[str, object]:
    """App Service authentication as docs/deploy.md sets it up, but for what is given."""
    file = {} if path is None else {"configFilePath": path}
    return {"platform": {"enabled": enabled, **file}, "globalValidation": {**STRICT, **validation}}


CLOSING: list[tuple[dict[str, object], Denial]] = [
    (sign_in(enabled=False), OFF),
    (sign_in(enabled=False, path="/home/site/wwwroot/auth.json"), OFF),
    (sign_in(requireAuthentication=False), ANONYMOUS),
    (sign_in(unauthenticatedClientAction="AllowAnonymous"), ANONYMOUS),
    (sign_in(unauthenticatedClientAction="allowanonymous"), ANONYMOUS),
    (sign_in(requireAuthentication=False, unauthenticatedClientAction="AllowAnonymous"), ANONYMOUS),
    (sign_in(excludedPaths=["/api/PublicPing", "/api/*"]), ANONYMOUS),
    (sign_in(excludedPaths=["/api/PublicPing/*"]), ANONYMOUS),
    (sign_in(excludedPaths=["/x", "/y"]), ANONYMOUS),
    *[(sign_in(excludedPaths=[path]), ANONYMOUS) for path in ("/api/console/*", "/api/console/js", "/api/consoles")],
]
OTHERS: list[dict[str, object]] = [
    sign_in(),
    sign_in(unauthenticatedClientAction="RedirectToLoginPage"),
    sign_in(unauthenticatedClientAction="Return403", excludedPaths=[]),
    sign_in(excludedPaths=None),
    sign_in(excludedPaths=["/api/PublicPing", "/api/publicping"]),
    sign_in(excludedPaths=["/api/console", "/api/Console/", "/api/console/js/main.js"]),
    # A file in the app decides in place of these.
    sign_in(path="/home/site/wwwroot/auth.json", requireAuthentication=False),
]


@pytest.mark.parametrize(("settings", "denial"), CLOSING)
def test_settings_without_verified_callers_have_a_reason_and_a_problem(
    settings: dict[str, object], denial: Denial
) -> None:
    assert denial_in(settings) == denial
    assert sign_in_problems(settings, lambda _: True) != []


@pytest.mark.parametrize("settings", [*OTHERS, {}, {"platform": None, "globalValidation": None}, {"platform": {}}])
def test_settings_without_a_definite_word_have_no_reason(settings: dict[str, object]) -> None:
    assert denial_in(settings) is None


@pytest.fixture
def in_azure(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process as this API's own app in Azure. No variable differs from that of an app with authentication on."""
    Admin(azure).set_sign_in(**sign_in())
    nowhere.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    nowhere.setenv("WEBSITE_INSTANCE_ID", "x")
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")
    nowhere.setenv("TRUST_STATIC_WEB_APP", "true")
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    return nowhere


def me(api: Api, headers: dict[str, str] | None = None) -> Answer:
    return api.call("GET", "me", role=None, headers=user("superadmin") if headers is None else headers)


def looks(azure: Sandbox, answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return the reads of the settings for these responses. A read of an earlier test might be retried now."""
    ids = {answer.headers["x-correlation-id"] for answer in answers}
    reads = [call for call in azure.calls(ARM) if call["method"] == "GET"]
    return [
        call
        for call in reads
        if "/config/authsettingsv2" in call["path"].lower() and call["request_headers"].get(arm.HEADER) in ids
    ]


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


@pytest.mark.parametrize("settings", OTHERS)
def test_callers_are_trusted_if_azure_verifies_them(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    del in_azure
    Admin(azure).set_sign_in(**settings)
    assert me(Api()).status == 200


@pytest.mark.parametrize(("settings", "denial"), CLOSING)
def test_no_caller_is_trusted_if_azure_does_not_verify_them(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, settings: dict[str, object], denial: Denial
) -> None:
    del in_azure
    Admin(azure).set_sign_in(**settings)
    api, refused = Api(), list[Answer]()
    for headers in (user("superadmin"), visitor("a@b", "superadmin")):
        for method, name in (
            ("GET", "me"),
            ("GET", "ListFunctionApps"),
            ("POST", "ExecFunctionAppStop"),
            ("GET", "No"),
        ):
            refused.append(api.call(method, name, b"", role=None, headers=headers))
            assert (refused[-1].status, why(refused[-1])) == (401, denial)
    assert api.get("PublicPing", role=None).status == 200
    assert len(looks(azure, refused)) == 1


@pytest.mark.parametrize("group", ["elsewhere", names.RESOURCE_GROUP])
def test_this_apps_own_settings_count_wherever_cipp_is(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, group: str
) -> None:
    in_azure.setenv("CIPP_RESOURCE_GROUP", group)
    in_azure.setenv(
        "CIPP_SUBSCRIPTION_ID", names.SUBSCRIPTION_ID if group == names.RESOURCE_GROUP else names.SAM_APP_ID
    )
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    refused = me(Api())
    assert why(refused) == OFF
    (look,) = looks(azure, [refused])
    assert f"/resourceGroups/{names.RESOURCE_GROUP}/" in look["path"]


def test_the_identitys_token_names_the_app_without_variables(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    for name in ("WEBSITE_RESOURCE_GROUP", "WEBSITE_OWNER_NAME"):
        in_azure.delenv(name)
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    assert why(me(Api())) == OFF


@pytest.mark.parametrize("app", ["cippbackendk7m2q4x3hjr5a", "cipp2api3contoso4west5", "cipp-backend-k7m2q4x3hjr5a"])
@pytest.mark.parametrize("group", ["rg2prod3cipp4west5eu6main", "rg_cipp.prod(1)"])
def test_a_generated_app_name_closes_the_door_too(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, app: str, group: str
) -> None:
    in_azure.setenv("WEBSITE_SITE_NAME", app)
    in_azure.setenv("WEBSITE_RESOURCE_GROUP", group)
    response = {"status": 200, "body": {"properties": sign_in(enabled=False)}}
    azure.faults([{"path": f"/sites/{app}{AUTH}", "answer": response, "times": 0}])
    refused = me(Api())
    assert (refused.status, why(refused)) == (401, OFF)
    (look,) = looks(azure, [refused])
    assert f"/sites/{app}/" in look["path"]


@pytest.mark.compares_times
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_refusal_leaves_the_decision_to_the_environment(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, status: int
) -> None:
    del in_azure
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    azure.faults([{"path": AUTH, "mode": "refuse", "status": status, "times": 0}])
    api = Api()
    assert me(api).status == 200
    assert max(seconds_of(lambda: me(api)) for _ in range(3)) < 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WEBSITE_SITE_NAME", "gone"),
        ("WEBSITE_SITE_NAME", ""),
        ("WEBSITE_SITE_NAME", "a b"),
        ("WEBSITE_SLOT_NAME", "staging"),
        ("IDENTITY_ENDPOINT", ""),
        ("CIPP_CLOUD", "moon"),
    ],
)
def test_an_app_that_azure_cannot_show_leaves_the_decision_to_the_environment(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    in_azure.setenv(variable, value)
    assert me(Api()).status == 200


def test_the_production_slot_is_the_app_itself(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setenv("WEBSITE_SLOT_NAME", "Production")
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    assert me(Api()).status == 401


def test_azure_is_called_once_for_all_who_call(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    api, answers = Api(), list[Answer]()
    callers = [threading.Thread(target=lambda: answers.append(me(api))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [answer.status for answer in answers] == [200] * 8
    assert len(looks(azure, answers)) == 1


@pytest.mark.parametrize("headers", [{}, {PRINCIPAL: ""}, {PRINCIPAL: "%%%"}, {PRINCIPAL: "e30="}])
def test_a_request_without_a_principal_does_not_call_azure(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    del in_azure
    refused = me(Api(), headers)
    assert refused.status == 401
    assert looks(azure, [refused]) == []


def test_a_development_host_does_not_call_azure(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")
    answer = me(Api())
    assert answer.status == 200
    assert looks(azure, [answer]) == []


@pytest.mark.compares_times
def test_while_azure_hangs_only_the_first_request_waits(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    azure.faults([{"path": AUTH, "mode": "hang", "times": 0}])
    api = Api()
    services().clients.web(names.SUBSCRIPTION_ID)  # loading the SDK is not measured
    assert 2.3 < seconds_of(lambda: me(api)) < 4
    assert max(seconds_of(lambda: me(api)) for _ in range(5)) < 0.5
    assert me(api).status == 200


@pytest.mark.compares_times
def test_me_in_azure_waits_only_for_this_apps_own_sign_in(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    azure.faults([{"host": ARM, "path": path, "mode": "hang", "times": 0} for path in OF_CIPP])
    api = Api()
    services().clients.web(names.SUBSCRIPTION_ID)  # loading the SDK is not measured
    answers: list[Answer] = []
    assert seconds_of(lambda: answers.append(me(api))) < 2
    (answer,) = answers
    assert answer.status == 200
    assert "superadmin" in answer.body["clientPrincipal"]["userRoles"]
    assert not {"ng", "hosted"} & set(answer.body)
    assert len(looks(azure, [answer])) == 1


@pytest.mark.compares_times
def test_requests_that_join_a_check_wait_no_longer_than_its_limit(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    azure.faults([{"path": AUTH, "mode": "hang", "times": 0}])
    api, waited = Api(), []
    callers = [threading.Thread(target=lambda: waited.append(seconds_of(lambda: me(api)))) for _ in range(6)]
    for caller in callers:
        caller.start()
        time.sleep(0.2)
    for caller in callers:
        caller.join()
    assert min(waited) < 2.3
    assert max(waited) < 4


def test_turning_authentication_on_helps_after_some_seconds(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setattr(sign_in_door, "CLOSED_SECONDS", 1.0)
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    api = Api()
    assert me(api).status == 401
    Admin(azure).set_sign_in(**sign_in())
    assert me(api).status == 401
    time.sleep(1.1)
    assert me(api).status == 200


def test_turning_authentication_off_is_noticed_in_the_background(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setattr(sign_in_door, "OPEN_SECONDS", 0.5)
    api = Api()
    assert me(api).status == 200
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    wait_for(lambda: me(api).status == 401)


@pytest.mark.parametrize("fault", [{"mode": "refuse", "status": 403}, {"mode": "drop-before"}])
def test_a_definite_off_stands_while_azure_times_out(
    azure: Sandbox, in_azure: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    in_azure.setattr(sign_in_door, "CLOSED_SECONDS", 0.2)
    Admin(azure).set_sign_in(**sign_in(enabled=False))
    api = Api()
    assert me(api).status == 401
    azure.faults([{"path": AUTH, "times": 0, **fault}])
    for _ in range(3):
        time.sleep(0.3)
        assert me(api).status == 401


@pytest.mark.compares_times
def test_cached_sign_in_check_does_not_delay_a_request(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    answer = me(Api())
    assert answer.status == 200
    door, times = services().sign_in_door, 20_000
    assert seconds_of(lambda: [door.denial() for _ in range(times)]) / times < 20e-6
    assert len(looks(azure, [answer])) == 1
