"""A value where a name belongs: it is refused, and stands in no response, no log line and no row of a table."""

import json
import logging
from urllib.parse import quote

import pytest

from tests import planted
from tests.api import Answer, Api
from tests.rotation.others import Others
from tests.sandbox_client import Sandbox
from tests.settings_in_azure import ARM, held, writes

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
# Every field of a body that is a name, in an otherwise good body.
NAMES: list[tuple[str, dict[str, object], str]] = [
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "API_KEY"}}, "Set"),
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "1", "value": "2"}}, "Set"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE"]}, "Remove"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE", "VALUE"]}, "Remove"),
    ("ExecFunctionAppSettings", {"Set": {"VALUE": "x"}, "Name": "cippabc12-backend"}, "Set"),
    ("ExecFunctionAppSettings", {"Remove": ["VALUE"], "Name": "cippabc12-backend"}, "Remove"),
    ("ExecFunctionAppSettings", {"Set": {"A": "1"}, "Name": "VALUE"}, "Name"),
    ("ExecFunctionAppStart", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppStop", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppRestart", {"Name": "VALUE"}, "Name"),
    ("ExecFunctionAppDeploymentSync", {"Name": "VALUE"}, "Name"),
    ("ExecTimeSettings", {"Timezone": "VALUE"}, "Timezone"),
    ("ExecKeyRotation", {"Names": ["RefreshToken", "VALUE"]}, "Names"),
    ("ExecKeyProof", {"Names": ["VALUE"]}, "Names"),
    ("ExecKeyVaultSecretSet", {"Name": "VALUE", "Value": "Example"}, "Name"),
    ("ExecKeyVaultSecretRestore", {"Name": "VALUE", "Version": "x"}, "Name"),
    ("ExecKeyVaultSecretRestore", {"Name": "RefreshToken", "Version": "VALUE"}, "Version"),
    ("ExecKeyVaultSecretRecover", {"Name": "VALUE"}, "Name"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "VALUE"}, "Domain"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "VALUE.example.com"}, "Domain"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "new.contosomsp.com", "Validation": "VALUE"}, "Validation"),
    ("ExecStaticWebAppDomainAdd", {"Domain": "new.contosomsp.com", "Validation": "VALUE - at `$.VALUE`"}, "Validation"),
    ("ExecStaticWebAppDomainRemove", {"Domain": "VALUE"}, "Domain"),
    ("ExecStaticWebAppUserInvite", {"UserDetails": "VALUE", "Roles": ["editor"], "Hours": 1}, "UserDetails"),
    ("ExecStaticWebAppUserInvite", {"UserDetails": "a@b.c", "Roles": ["VALUE"], "Hours": 1}, "Roles"),
    (
        "ExecStaticWebAppUserInvite",
        {"UserDetails": "a@b.c", "Roles": ["editor"], "Hours": 1, "Provider": "VALUE"},
        "Provider",
    ),
    ("ExecStaticWebAppUserRoles", {"UserId": "VALUE", "Provider": "VALUE", "Roles": ["editor"]}, "UserId"),
    ("ExecStaticWebAppUserRemove", {"UserId": "VALUE", "Provider": "aad"}, "UserId"),
    ("ExecFunctionAppStop", {"VALUE": "Name"}, "body"),
    ("ExecFunctionAppStop", {"Name": {"VALUE": "x"}}, "body"),
    ("ExecKeyRotation", {"Force": "VALUE"}, "Force"),
    ("ExecKeyRotation", {"Names": "VALUE"}, "Names"),
]
READS = ["ListFunctionAppSettings", "ListFunctionAppDeployments", "ListKeyVaultSecretVersions"]
FAULTS: list[list[dict[str, object]]] = [
    [],
    [{"host": "*.vault.azure.net", "mode": "refuse", "status": 403, "times": 0}],
    [{"host": "*.vault.azure.net", "mode": "drop-before", "times": 0}],
]


@pytest.fixture(autouse=True)
def at_its_loudest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="cipp")


def told(azure: Sandbox, answer: Answer, caplog: pytest.LogCaptureFixture) -> str:
    """Everything that a call left: its response, the log of this app and of the SDKs, and its row of CIPP's Logbook."""
    made = answer.headers["x-correlation-id"]
    rows = [row for row in Others(azure).rows("CippLogs", record=True) if made in str(row["LogData"])]
    log = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("cipp", "azure")))
    return "\n".join([answer.text, str(answer.headers), log, *map(str, rows)])


def leaks(text: str) -> bool:
    return MARK.lower() in text.lower()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("endpoint", "body", "place"), NAMES, ids=lambda part: str(part)[:60])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_value_in_place_of_a_name_is_repeated_nowhere(  # noqa: PLR0913, PLR0917 - each is a part of the case
    api: Api,
    azure: Sandbox,
    caplog: pytest.LogCaptureFixture,
    endpoint: str,
    body: dict[str, object],
    place: str,
    value: str,
    dry_run: bool,
) -> None:
    raw = json.dumps(body).replace("VALUE", value)
    whole = {**json.loads(raw), **({} if endpoint == "ExecKeyProof" else {"DryRun": dry_run})}
    answer = api.post(endpoint, whole)
    assert answer.status in (400, 404), (place, answer.text)
    assert not leaks(told(azure, answer, caplog)), (place, answer.text)
    assert writes(azure) == []


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("faults", FAULTS, ids=["well", "refused", "silent"])
def test_value_in_the_query_or_a_secret_name_is_repeated_nowhere(
    azure: Sandbox,
    nowhere: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    value: str,
    faults: list[dict[str, object]],
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.3")
    azure.faults(faults)
    api = Api()
    answers = [api.get(f"{name}?Name={quote(value)}&{quote(value)}=1") for name in READS]
    answers += [
        api.post("ExecKeyVaultSecretRecover", {"Name": value}),
        api.post("ExecKeyVaultSecretSet", {"Name": value, "Value": "Example"}),
        api.post("ExecKeyProof", {"Names": [value]}),
    ]
    assert not [answer.text for answer in answers if leaks(told(azure, answer, caplog))]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("path", ["VALUE", "ExecFunctionAppStop/VALUE", "docs/VALUE", "VALUE/me", "docs/VALUE/VALUE"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_value_in_the_path_is_repeated_nowhere(  # noqa: PLR0913, PLR0917 - each is a part of the case
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture, value: str, path: str, method: str
) -> None:
    answer = api.call(method, path.replace("VALUE", value), headers={"content-type": "application/json"})
    assert answer.status in (404, 405)
    assert not leaks(told(azure, answer, caplog))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
def test_a_value_in_a_browsers_header_is_repeated_nowhere(
    api: Api, azure: Sandbox, caplog: pytest.LogCaptureFixture, value: str, header: str
) -> None:
    answer = api.call("POST", "ExecKeyProof", b"{}", headers={"content-type": "application/json", header: value})
    assert answer.status == 403
    assert not leaks(told(azure, answer, caplog))


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
def test_a_misspelt_name_is_repeated_so_that_it_is_found(
    api: Api, endpoint: str, body: dict[str, object], name: str
) -> None:
    assert f"'{name}'" in api.post(endpoint, body).results


def test_setting_with_a_name_like_a_key_is_removed_when_it_exists(api: Api, azure: Sandbox) -> None:
    from tests.settings_in_azure import change, held, put  # noqa: PLC0415 - this test alone needs them

    odd = ["1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d", "with-dash:and colon"]
    put(azure, held(azure) | dict.fromkeys(odd, "x"))
    assert change(api, Remove=odd).status == 200
    assert not held(azure).keys() & set(odd)


# Passwords that neither read like names nor look like keys: as names they are accepted, and repeated nowhere.
PASSWORDS = ["aB3dE5fG7hJ9kL2m", "Tr0ub4dor3", "7hJ9kL2maB3dE5f", "a1b2-c3d4-e5f6"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("field", "body"), [("Set", {"VALUE": "API_KEY"}), ("Remove", ["VALUE"])])
@pytest.mark.parametrize("fault", ["none", "refused"])
def test_a_password_in_place_of_a_settings_name_is_repeated_nowhere(  # noqa: PLR0913, PLR0917 - each is a part
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
    answer = api.post("ExecFunctionAppSettings", json.loads(raw))
    assert password.lower() not in told(azure, answer, caplog).lower()
    if answer.status == 200:
        assert answer.results["Set" if field == "Set" else "Removed"] == ["***"]
        assert (password in held(azure)) is (field == "Set" and not dry_run)
    else:
        assert fault == "refused"


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("faults", [*FAULTS, [{**FAULTS[1][0], "method": "GET"}]], ids=["well", "403", "cut", "reads"])
def test_a_password_in_place_of_a_secrets_name_is_repeated_nowhere(  # noqa: PLR0913, PLR0917 - each is a part
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
    answers = [
        stored,
        *([] if stored.status == 200 and not dry_run else [api.get(f"ListKeyVaultSecretVersions?Name={password}")]),
        *([] if stored.status == 200 and not dry_run else [api.post("ExecKeyVaultSecretRecover", options)]),
    ]
    assert not [answer.text for answer in answers if password.lower() in told(azure, answer, caplog).lower()]
    if not faults:
        assert stored.results["Name"] == "***"
        assert [one["Name"] for one in api.get("ListKeyVaultSecrets").results].count(password) == (not dry_run)


def test_an_odd_name_that_azure_has_is_shown_as_azure_spells_it(api: Api, azure: Sandbox) -> None:
    odd = PASSWORDS[0]
    assert api.post("ExecFunctionAppSettings", {"Set": {odd: "1", "Plain": "1"}}).results["Set"] == ["***", "Plain"]
    change = {"Set": {odd.lower(): "2"}, "Remove": ["PLAIN"], "DryRun": True}
    results = api.post("ExecFunctionAppSettings", change).results
    assert (results["Set"], results["Removed"]) == ([odd], ["PLAIN"])
    assert f"set {odd} and remove PLAIN" in results["WouldDo"][0]
    assert held(azure)[odd] == "1"
    secret = {"Name": odd, "Value": "Example"}
    assert api.post("ExecKeyVaultSecretSet", secret).results["Name"] == "***"
    again = api.post("ExecKeyVaultSecretSet", {**secret, "Name": odd.lower(), "DryRun": True}).results
    assert (again["Name"], again["WouldDo"]) == (odd, [f"Store a new version of '{odd}'."])


def test_a_deleted_secret_of_an_odd_name_is_shown_as_the_vault_spells_it(api: Api, azure: Sandbox) -> None:
    odd = PASSWORDS[0]
    assert api.post("ExecKeyVaultSecretSet", {"Name": odd, "Value": "Example"}).status == 200
    Others(azure).delete(odd)
    for dry_run in (True, False):
        results = api.post("ExecKeyVaultSecretRecover", {"Name": odd, "DryRun": dry_run}).results
        assert results["Name"] == odd
        assert f"'{odd}'" in " ".join([*results["WouldDo"], *results["Done"]])
