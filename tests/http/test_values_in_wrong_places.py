"""A value in place of a name is refused, and is in no response, log line or table row."""

import json
import logging
from itertools import product
from typing import Literal, get_args, get_origin
from urllib.parse import quote

import pytest
from msgspec.structs import fields

import function_app
from backend.text.pasted_text import Takes
from settings.http.pasted_fields import EXCEPTIONS
from settings.http.routes import all_routes
from tests.examples import OF_A_CONTAINER
from tests.support import phrases, planted
from tests.support.api import Answer, Api
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox
from tests.support.settings_in_azure import ARM, held, writes

MARK = "PLANTED"
VALUES = [
    "PLANTED secret!",
    "abc8Q~fKq3.PLANTED_-x~0123456789abcdefg",
    "0.AXoA-PLANTED-refresh-token",
    "eyJ0eXAiOiJQTEFOVEVE.PLANTED.c2ln",
    "PLANTEDb2dpbiBrZXkgb2YgYW4gYWNjb3VudA0123456789abcdefghij==",
    "glpat-PLANTEDtoken",
    "1PLANTED2a3b4c5d6e7f8091a2b3c4d5",
    planted.KEY,
]
USER = "9f40b7c2d1e64a58b3a6c5d7e8f90122"
# Every body field that is a name, in an otherwise valid body.
NAMES: list[tuple[str, dict[str, object], str]] = [
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "API_KEY"}}, "Set"),
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "1", "value": "2"}}, "Set"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE"]}, "Remove"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE", "VALUE"]}, "Remove"),
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "x"}, "Name": "cippabc12-backend"}, "Set"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE"], "Name": "cippabc12-backend"}, "Remove"),
    ("ExecFunctionAppSettings", {"Set": {"A": "1"}, "Name": "VALUE"}, "Name"),
    ("ExecFunctionAppSettings", {"Set": {"A": ""}, "Name": "nosuchapp", "Update": "VALUE"}, "Update"),
    ("ExecBackendSignInRepair", {"Causes": ["VALUE"]}, "Causes"),
    ("ExecFunctionAppStart", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppStart", {"Name": "nosuchapp", "Update": "VALUE"}, "Update"),
    ("ExecFunctionAppStop", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppStop", {"Name": "nosuchapp", "Update": "VALUE"}, "Update"),
    ("ExecFunctionAppRestart", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppRestart", {"Name": "nosuchapp", "Update": "VALUE"}, "Update"),
    ("ExecFunctionAppDeploymentSync", {"Name": "VALUE"}, "Name"),
    ("ExecTimeSettings", {"Timezone": "VALUE"}, "Timezone"),
    ("ExecBackendVersionSet", {"Channel": "VALUE"}, "Channel"),
    ("ExecBackendVersionSet", {"Version": "VALUE"}, "Version"),
    ("ExecKeyRotation", {"Names": ["RefreshToken", "VALUE"]}, "Names"),
    ("ExecKeyProof", {"Names": ["VALUE"]}, "Names"),
    ("ExecKeySignInStart", {"Name": "VALUE"}, "Name"),
    ("ExecKeySignInStart", {"Name": "RefreshToken", "Method": "VALUE"}, "Method"),
    ("ExecKeySignInFinish", {"State": "VALUE"}, "State"),
    ("ExecKeyVaultSecretSet", {"Name": "VALUE", "Value": "Example"}, "Name"),
    ("ExecKeyVaultSecretRestore", {"Name": "VALUE", "Version": "x"}, "Name"),
    ("ExecKeyVaultSecretRestore", {"Name": "RefreshToken", "Version": "VALUE"}, "Version"),
    ("ExecKeyVaultSecretRecover", {"Name": "VALUE"}, "Name"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "VALUE"}, "Domain"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "VALUE.example.com"}, "Domain"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "new.contosomsp.com", "Validation": "VALUE"}, "Validation"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "new.contosomsp.com", "Validation": "VALUE - at `$.VALUE`"}, "Validation"),
    ("ExecStaticWebAppDomainRemove", {"Domain": "VALUE"}, "Domain"),
    ("ExecBackendDomainAdd", {"Domain": "VALUE"}, "Domain"),
    ("ExecBackendDomainAdd", {"Domain": "VALUE.example.com"}, "Domain"),
    ("ExecBackendDomainAdd", {"Domain": "new.contosomsp.com", "Validation": "VALUE"}, "Validation"),
    ("ExecBackendDomainSecure", {"Domain": "VALUE"}, "Domain"),
    ("ExecBackendDomainRemove", {"Domain": "VALUE"}, "Domain"),
    ("ExecBackendDomainRepairSignIn", {"Domain": "VALUE"}, "Domain"),
    ("ExecStaticWebAppUserInvite", {"UserDetails": "VALUE", "Roles": ["editor"], "Hours": 1}, "UserDetails"),
    ("ExecStaticWebAppUserInvite", {"UserDetails": "a@b.c", "Roles": ["VALUE"], "Hours": 1}, "Roles"),
    (
        "ExecStaticWebAppUserInvite",
        {"UserDetails": "a@b.c", "Roles": ["editor"], "Hours": 1, "Provider": "VALUE"},
        "Provider",
    ),
    (
        "ExecStaticWebAppUserInvite",
        {"UserDetails": "a@b.c", "Roles": ["editor"], "Hours": 1, "Domain": "VALUE"},
        "Domain",
    ),
    ("ExecStaticWebAppUserRoles", {"UserId": "VALUE", "Provider": "VALUE", "Roles": ["editor"]}, "UserId"),
    ("ExecStaticWebAppUserRoles", {"UserId": USER, "Provider": "VALUE", "Roles": ["editor"]}, "Provider"),
    ("ExecStaticWebAppUserRoles", {"UserId": USER, "Provider": "aad", "Roles": ["VALUE"]}, "Roles"),
    ("ExecStaticWebAppUserRemove", {"UserId": "VALUE", "Provider": "aad"}, "UserId"),
    ("ExecStaticWebAppUserRemove", {"UserId": USER, "Provider": "VALUE"}, "Provider"),
    ("ExecBackendUserSet", {"User": "VALUE", "Roles": ["editor"]}, "User"),
    ("ExecBackendUserSet", {"User": "a@b.c", "Roles": ["VALUE"]}, "Roles"),
    ("ExecBackendUserSet", {"User": "a@b.c", "Roles": ["editor"], "Provider": "VALUE"}, "Provider"),
    ("ExecBackendUserSet", {"User": "a@b.c", "Roles": ["editor"], "Domain": "VALUE"}, "Domain"),
    ("ExecBackendUserRemove", {"User": "VALUE"}, "User"),
    ("ExecBackendUserRemove", {"User": "a@b.c", "Provider": "VALUE"}, "Provider"),
    ("ExecFunctionAppStop", {"VALUE": "Name"}, "body"),
    ("ExecFunctionAppStop", {"Name": {"VALUE": "x"}}, "body"),
    ("ExecKeyRotation", {"Force": "VALUE"}, "Force"),
    ("ExecKeyRotation", {"Names": "VALUE"}, "Names"),
]
FOR_APPS_ALONE = {("ExecBackendUserSet", "Provider"), ("ExecBackendUserSet", "Domain")}  # of an invitation
# What the shape of function apps lacks, or does in another way, is also sent to a container.
CASES = [
    *(("functions", *case) for case in NAMES if case[0] not in OF_A_CONTAINER),
    *(("container", *case) for case in NAMES if case[0].startswith("ExecBackend") and case[::2] not in FOR_APPS_ALONE),
]
TAKES_ANY_TEXT = (Takes.LINE, Takes.VALUE)
READS = ["ListFunctionAppSettings", "ListFunctionAppDeployments", "ListKeyVaultSecretVersions"]
FAULTS: list[list[dict[str, object]]] = [
    [],
    [{"host": "*.vault.azure.net", "mode": "refuse", "status": 403, "times": 0}],
    [{"host": "*.vault.azure.net", "mode": "drop-before", "times": 0}],
]


@pytest.fixture(autouse=True)
def at_its_loudest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="cipp")


def traces(azure: Sandbox, response: Answer, caplog: pytest.LogCaptureFixture) -> str:
    """Return all traces of a call: the response, the log of this app and the SDKs, and the rows in CIPP's Logbook."""
    made = response.headers["x-correlation-id"]
    rows = [row for row in Others(azure).rows("CippLogs", record=True) if made in str(row["LogData"])]
    return "\n".join([shown(response, caplog), *map(str, rows)])


def shown(response: Answer, caplog: pytest.LogCaptureFixture) -> str:
    """Return the response and the log of this app and the SDKs."""
    log = [record.getMessage() for record in caplog.records if record.name.startswith(("cipp", "azure"))]
    return "\n".join([response.text, str(response.headers), *log])


def has_text(kind: object) -> bool:
    """Return whether a field's type contains text: `str`, a literal, or a list, mapping or union of them."""
    return kind is str or get_origin(kind) is Literal or any(map(has_text, get_args(kind)))


def test_every_body_field_that_is_a_name_gets_a_value() -> None:
    texts = {
        (route.name, field.encode_name)
        for route in all_routes(function_app.PAGES)
        if route.body
        for field in fields(route.body)
        if has_text(field.type) and EXCEPTIONS.get((route.body.__name__, field.encode_name)) not in TAKES_ANY_TEXT
    }
    assert texts - {(endpoint, place) for endpoint, _, place in NAMES} == set()


def leaks(text: str) -> bool:
    return MARK.lower() in text.lower()


@pytest.mark.slow("sixteen calls")
@pytest.mark.parametrize(("shape", "endpoint", "body", "place"), CASES, ids=lambda part: str(part)[:60])
def test_value_in_place_of_a_name_is_never_repeated(  # noqa: PLR0913, PLR0917 - each is a part of the case
    azure: Sandbox, caplog: pytest.LogCaptureFixture, shape: str, endpoint: str, body: dict[str, object], place: str
) -> None:
    """Each value in turn, as a dry run and without: the refusals change nothing, so they need no new sandbox."""
    if shape == "container":
        azure.reset(propagation_seconds=0, shape=shape)
    api = Api()
    made = set()
    for value, dry_run in product(VALUES, (True, False)):
        caplog.clear()
        raw = json.dumps(body).replace("VALUE", value)
        whole = {**json.loads(raw), **({} if endpoint == "ExecKeyProof" else {"DryRun": dry_run})}
        response = api.post(endpoint, whole)
        assert response.status in (400, 404), (place, value, dry_run, response.text)
        assert not leaks(shown(response, caplog)), (place, value, dry_run, response.text)
        made.add(response.headers["x-correlation-id"])
    rows = [str(row) for row in Others(azure).rows("CippLogs", record=True)]
    assert [row for row in rows if leaks(row) and any(one in row for one in made)] == []
    assert any(one in row for row in rows for one in made)
    assert writes(azure) == []


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("faults", FAULTS, ids=["well", "refused", "silent"])
def test_value_in_the_query_or_a_secret_name_is_never_repeated(
    azure: Sandbox,
    nowhere: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    value: str,
    faults: list[dict[str, object]],
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.3")
    azure.faults(faults)
    api = Api()
    responses = [api.get(f"{name}?Name={quote(value)}&{quote(value)}=1") for name in READS]
    responses += [
        api.post("ExecKeyVaultSecretRecover", {"Name": value}),
        api.post("ExecKeyVaultSecretSet", {"Name": value, "Value": "Example"}),
        api.post("ExecKeyProof", {"Names": [value]}),
    ]
    assert not [response.text for response in responses if leaks(traces(azure, response, caplog))]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("path", ["VALUE", "ExecFunctionAppStop/VALUE", "docs/VALUE", "VALUE/me", "docs/VALUE/VALUE"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_value_in_the_path_is_never_repeated(  # noqa: PLR0913, PLR0917 - each is a part of the case
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture, value: str, path: str, method: str
) -> None:
    response = api.call(method, path.replace("VALUE", value), headers={"content-type": "application/json"})
    assert response.status in (404, 405)
    assert not leaks(traces(azure, response, caplog))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
def test_value_in_a_browsers_header_is_never_repeated(
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture, value: str, header: str
) -> None:
    response = api.call("POST", "ExecKeyProof", b"{}", headers={"content-type": "application/json", header: value})
    assert response.status == 403
    assert not leaks(traces(azure, response, caplog))


@pytest.mark.parametrize(
    ("endpoint", "body", "name"),
    [
        ("ExecFunctionAppStop", {"Naem": "x"}, "Naem"),
        ("ExecFunctionAppStop", {"Name": "cippabc13"}, "cippabc13"),
        ("ExecKeyProof", {"Names": ["RefreshTokn"]}, "RefreshTokn"),
        ("ExecKeyProof", {"Names": ["00000000-0000-0000-0000-000000000000"]}, "00000000-0000-0000-0000-000000000000"),
        ("ExecStaticWebAppDomainRemove", {"Domain": "old.contosomsp.com"}, "old.contosomsp.com"),
    ],
)
def test_misspelled_name_is_shown_in_the_error(api: Api, endpoint: str, body: dict[str, object], name: str) -> None:
    assert f"'{name}'" in api.post(endpoint, body).results


def test_setting_with_a_name_like_a_key_is_removed_when_it_exists(api: Api, azure: Sandbox) -> None:
    from tests.support.settings_in_azure import change, held, put  # noqa: PLC0415 - used only by this test

    odd = ["1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d", "with-dash:and colon"]
    put(azure, held(azure) | dict.fromkeys(odd, "x"))
    assert change(api, Remove=odd).status == 200
    assert not held(azure).keys() & set(odd)


# Passwords that look neither like names nor like keys. They are accepted as names, and never repeated.
PASSWORDS = ["aB3dE5fG7hJ9kL2m", "Tr0ub4dor3", "7hJ9kL2maB3dE5f", "a1b2-c3d4-e5f6"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("field", "body"), [("Set", {"VALUE": "API_KEY"}), ("Remove", ["VALUE"])])
@pytest.mark.parametrize("fault", ["none", "refused"])
def test_password_in_place_of_a_setting_name_is_never_repeated(  # noqa: PLR0913, PLR0917 - each is a part
    api: Api,
    azure: Sandbox,
    caplog: pytest.LogCaptureFixture,
    password: str,
    dry_run: bool,
    field: str,
    body: object,
    fault: str,
) -> None:
    password = password.replace("-", "_")
    if fault == "refused":
        refusal = {"Code": "BadRequest", "Message": f"The parameter {password.upper()} has an invalid value."}
        azure.faults([{"host": ARM, "method": "PUT", "answer": {"status": 400, "body": refusal}, "times": 0}])
    raw = json.dumps({field: body, "DryRun": dry_run}).replace("VALUE", password)
    response = api.post("ExecFunctionAppSettings", json.loads(raw))
    assert password.lower() not in traces(azure, response, caplog).lower()
    if response.status == 200:
        assert response.results["Set" if field == "Set" else "Removed"] == ["***"]
        assert (password in held(azure)) is (field == "Set" and not dry_run)
    else:
        assert fault == "refused"


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("faults", [*FAULTS, [{**FAULTS[1][0], "method": "GET"}]], ids=["well", "403", "cut", "reads"])
def test_password_in_place_of_a_secret_name_is_never_repeated(  # noqa: PLR0913, PLR0917 - each is a part
    azure: Sandbox,
    nowhere: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    password: str,
    dry_run: bool,
    faults: list[dict[str, object]],
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.5")
    azure.faults(faults)
    api = Api()
    options = {"Name": password, "DryRun": dry_run}
    stored = api.post("ExecKeyVaultSecretSet", {**options, "Value": "Example"})
    responses = [
        stored,
        *([] if stored.status == 200 and not dry_run else [api.get(f"ListKeyVaultSecretVersions?Name={password}")]),
        *([] if stored.status == 200 and not dry_run else [api.post("ExecKeyVaultSecretRecover", options)]),
    ]
    assert not [response.text for response in responses if password.lower() in traces(azure, response, caplog).lower()]
    if not faults:
        assert stored.results["Name"] == "***"
        assert [one["Name"] for one in api.get("ListKeyVaultSecrets").results].count(password) == (not dry_run)


def test_odd_name_is_shown_as_azure_spells_it(api: Api, azure: Sandbox) -> None:
    odd = PASSWORDS[0]
    assert api.post("ExecFunctionAppSettings", {"Set": {odd: "1", "Plain": "1"}}).results["Set"] == ["***", "Plain"]
    change = {"Set": {odd.lower(): "2"}, "Remove": ["PLAIN"], "DryRun": True}
    results = api.post("ExecFunctionAppSettings", change).results
    assert (results["Set"], results["Removed"]) == ([odd], ["PLAIN"])
    assert f"set {odd} {phrases.AND_REMOVE} PLAIN" in results["WouldDo"][0]
    assert held(azure)[odd] == "1"
    secret = {"Name": odd, "Value": "Example"}
    assert api.post("ExecKeyVaultSecretSet", secret).results["Name"] == "***"
    again = api.post("ExecKeyVaultSecretSet", {**secret, "Name": odd.lower(), "DryRun": True}).results
    assert (again["Name"], again["WouldDo"]) == (odd, [f"Store {phrases.NEW_VERSION_OF} '{odd}'."])


def test_odd_name_of_a_deleted_secret_is_spelled_as_in_the_vault(api: Api, azure: Sandbox) -> None:
    odd = PASSWORDS[0]
    assert api.post("ExecKeyVaultSecretSet", {"Name": odd, "Value": "Example"}).status == 200
    Others(azure).delete(odd)
    for dry_run in (True, False):
        results = api.post("ExecKeyVaultSecretRecover", {"Name": odd, "DryRun": dry_run}).results
        assert results["Name"] == odd
        assert f"'{odd}'" in " ".join([*results["WouldDo"], *results["Done"]])
