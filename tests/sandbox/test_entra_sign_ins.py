"""Sign-ins of persons in the sandbox: device codes, and authorization codes with PKCE, as strict as Entra."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from sandbox import names
from tests.support.sandbox.sign_in import Sam, claims_of, sam
from tests.support.sandbox_client import Sandbox
from tests.support.sign_in import DEVICE_PAGE, Person, next_poll

LOGIN = f"https://login.microsoftonline.com/{names.TENANT_ID}/oauth2/v2.0"
REDIRECT = "https://login.microsoftonline.com/common/oauth2/nativeclient"
SCOPE = "offline_access openid https://graph.microsoft.com/.default"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox, propagation_seconds=0)


def device(app: Sam, **form: str) -> requests.Response:
    return app.sandbox.web().post(f"{LOGIN}/devicecode", data={"client_id": app.app_id, "scope": SCOPE, **form})


def redeem_device(app: Sam, code: str, **form: str) -> requests.Response:
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code}
    return app.sandbox.web().post(f"{LOGIN}/token", data={"client_id": app.app_id, **grant, **form})


def address(app: Sam, **query: str) -> str:
    whole = {
        "client_id": app.app_id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "abc",
        "nonce": "n1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **query,
    }
    return f"{LOGIN}/authorize?{urlencode(whole)}"


def code_of(app: Sam, person: Person, **query: str) -> str:
    answer = parse_qs(urlsplit(person.sign_in_at(address(app, **query))).query)
    assert answer["state"] == ["abc"]
    return answer["code"][0]


def redeem(app: Sam, code: str, **form: str | None) -> requests.Response:
    whole = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    return app.post({**whole, "scope": SCOPE, **form})


def errors(answer: requests.Response) -> tuple[str, int]:
    body: dict[str, Any] = answer.json()
    return body["error"], body["error_codes"][0]


def test_device_code_is_redeemed_once_and_not_too_often(app: Sam) -> None:
    found = device(app).json()
    code = found["device_code"]
    assert (found["expires_in"], found["interval"]) == (900, 5)
    assert errors(redeem_device(app, code)) == ("authorization_pending", 70016)
    assert errors(redeem_device(app, code))[0] == "slow_down"
    next_poll(app.sandbox)
    assert errors(redeem_device(app, code))[0] == "authorization_pending"
    Person(app.sandbox, mfa=False).enter(found["user_code"].lower())
    next_poll(app.sandbox)
    assert errors(redeem_device(app, code, client_secret="x"))[1] == 700025
    token = redeem_device(app, code).json()
    claims = claims_of(token["access_token"])
    assert (claims["upn"], claims["amr"], claims["appidacr"]) == (names.ADMIN_NAME, ["pwd"], "0")
    again = app.refresh(token["refresh_token"]).json()
    assert claims_of(again["access_token"])["amr"] == ["pwd"]
    assert errors(redeem_device(app, code)) == ("invalid_grant", 54005)


def test_device_code_ends_when_it_is_canceled_expires_or_is_unknown(app: Sam) -> None:
    canceled, late = device(app).json(), device(app).json()
    Person(app.sandbox).enter(canceled["user_code"], "cancel")
    assert errors(redeem_device(app, canceled["device_code"]))[0] == "authorization_declined"
    form = {"user_code": late["user_code"], "login": "nobody@contosomsp.com"}
    assert "AADSTS50034" in app.sandbox.web().post(DEVICE_PAGE, data=form).text
    app.sandbox.advance(900)
    assert errors(redeem_device(app, late["device_code"])) == ("expired_token", 70020)
    assert app.sandbox.web().post(DEVICE_PAGE, data=form).status_code == 400
    assert errors(redeem_device(app, "made up")) == ("bad_verification_code", 70018)
    assert errors(redeem_device(app, ""))[1] == 900144


def test_device_code_needs_a_public_client_of_the_tenant(app: Sam) -> None:
    assert errors(device(app, client_id="6f1d3c57-0000-4000-8000-2b9d7e5a1c44")) == ("unauthorized_client", 700016)
    assert errors(device(app, client_id=""))[1] == 900144
    assert errors(device(app, scope=""))[1] == 900144
    assert errors(device(app, scope="https://nobody.example/.default"))[1] == 500011
    spare = sam(app.sandbox, propagation_seconds=0, spare_apps=1)
    other = next(one for one in spare.sandbox.state()["applications"] if one != names.SAM_APP_ID)
    assert errors(device(spare, client_id=other)) == ("invalid_client", 7000218)
    elsewhere = f"{LOGIN.replace(names.TENANT_ID, 'nobody.example')}/devicecode"
    assert errors(app.sandbox.web().post(elsewhere, data={"client_id": app.app_id}))[1] == 90002


def test_authorization_code_is_bound_to_its_request(app: Sam) -> None:
    code = code_of(app, Person(app.sandbox))
    assert errors(redeem(app, code, code_verifier="w" * 43)) == ("invalid_grant", 501481)
    assert errors(redeem(app, code, code_verifier=None))[1] == 501481
    assert errors(redeem(app, code, redirect_uri="http://localhost"))[1] == 500112
    assert errors(redeem(app, code, client_secret=None))[1] == 7000218
    assert errors(redeem(app, code, redirect_uri=None))[1] == 900144
    token = redeem(app, code).json()
    assert claims_of(token["access_token"])["appidacr"] == "1"
    assert claims_of(token["id_token"])["nonce"] == "n1"
    assert app.refresh(token["refresh_token"]).status_code == 200
    assert errors(redeem(app, code)) == ("invalid_grant", 54005)
    assert errors(redeem(app, "made up"))[1] == 9002313
    late = code_of(app, Person(app.sandbox))
    app.sandbox.advance(600)
    assert errors(redeem(app, late)) == ("invalid_grant", 70008)
    assert "refresh_token" not in redeem(app, code_of(app, Person(app.sandbox), scope="openid"), scope="openid").json()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"redirect_uri": "https://example.com/"}, "AADSTS50011"),
        ({"client_id": "6f1d3c57-0000-4000-8000-2b9d7e5a1c44"}, "AADSTS700016"),
        ({"scope": ""}, "AADSTS900144"),
    ],
)
def test_page_shows_a_request_that_is_not_valid(app: Sam, query: dict[str, str], shown: str) -> None:
    answer = app.sandbox.web().get(address(app, **query))
    assert answer.status_code == 400
    assert shown in answer.text


def test_canceled_page_returns_an_error_to_the_application(app: Sam) -> None:
    followed = Person(app.sandbox).sign_in_at(address(app), "cancel")
    assert parse_qs(urlsplit(followed).query)["error"] == ["access_denied"]
    stranger = Person(app.sandbox, "nobody@contosomsp.com").form()
    assert "AADSTS50034" in app.sandbox.web().post(address(app), data=stranger).text


def test_discovery_names_the_endpoints_of_sign_ins(app: Sam) -> None:
    url = f"https://login.microsoftonline.com/{names.TENANT_ID}/v2.0/.well-known/openid-configuration"
    found = app.sandbox.web().get(url).json()
    assert found["device_authorization_endpoint"] == f"{LOGIN}/devicecode"
    assert found["authorization_endpoint"] == f"{LOGIN}/authorize"
    assert app.sandbox.web().get(DEVICE_PAGE).status_code == 200
