"""The sign-in of a person for a refresh token that no rotation can repair, by device code and in the browser."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from backend.cipp.row_lock import RowLock, row_lock
from backend.credentials.change_lock import LOCK
from backend.credentials.sign_in_again.account import Account, signed_in_account
from backend.credentials.sign_in_again.sealed_state import SignInState, UnknownStateError, opened, seal
from backend.key_vault.secrets import Version
from backend.values import SecretText
from sandbox import names
from settings.http.process import services
from tests.support import phrases
from tests.support.api import Answer, Api, principal
from tests.support.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, day_of
from tests.support.planted import MARKER
from tests.support.rotation.others import Others
from tests.support.rotation.scene import ENTRA, SECRET, TOKEN, VAULT, Scene, moment
from tests.support.sandbox.sign_in import claims_of
from tests.support.sandbox_client import Sandbox
from tests.support.sign_in import Person, finish, host_of, next_poll, start

Results = dict[str, Any]
DEVICE_GRANT = "grant_type=urn"
CODE_GRANT = "grant_type=authorization_code"
REFRESH_GRANT = "grant_type=refresh_token"
CHANGED_PASSWORD = 50173


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant and short waits. Faults are removed after the test."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Scene(azure, Others(azure))
    azure.faults([])


def started(scene: Scene, name: str = TOKEN, **more: object) -> Results:
    answer = start(scene.api(), name, **more)
    assert answer.status == 200, answer.text
    results: Results = answer.results
    return results


def finished(scene: Scene, state: str, **more: object) -> Results:
    answer = finish(scene.api(), state, **more)
    assert answer.status == 200, answer.text
    results: Results = answer.results
    return results


def revoke(scene: Scene, name: str = TOKEN) -> dict[str, object]:
    """Return the fault after which Entra refuses the present token alone, as after a change of the password."""
    fault = {
        "host": ENTRA,
        "body": scene.value(name)[:60],
        "times": 0,
        "mode": "refuse",
        "status": 400,
        "aadsts": CHANGED_PASSWORD,
    }
    scene.azure.faults([fault])
    return fault


def checked_by_cipp(scene: Scene, user: str = names.ADMIN_NAME) -> None:
    """Write CIPP's permissions check, which names the account of its token."""
    data = {"AccessTokenDetails": {"UserPrincipalName": user, "Name": "CIPP Service"}}
    row = {"PartitionKey": "AccessCheck", "RowKey": "AccessPermissions", "Data": json.dumps(data)}
    scene.others.tables.create_table_if_not_exists("AccessChecks").upsert_entity(row)


def account_of(scene: Scene, name: str) -> str:
    """Return the account of a direct tenant's token."""
    form = {"refresh_token": scene.value(name), "client_secret": scene.value(SECRET), "scope": "openid"}
    token = scene.others.token(name, grant_type="refresh_token", **form).json()["id_token"]
    return str(claims_of(token)["preferred_username"])


@pytest.mark.slow("a whole sign-in, with its waits")
def test_revoked_token_is_replaced_after_a_sign_in_by_device_code(scene: Scene) -> None:
    old = scene.served(TOKEN)
    checked_by_cipp(scene)
    revoke(scene)
    first = start(scene.api())
    assert first.status == 200, first.text
    begun = first.results
    assert (begun["Account"], begun["TenantId"], begun["AppId"]) == (
        names.ADMIN_NAME,
        names.TENANT_ID,
        names.SAM_APP_ID,
    )
    assert (begun["Method"], begun["IntervalSeconds"]) == ("device", 5)
    assert host_of(begun["Address"]) == "microsoft.com"
    waiting = finished(scene, begun["State"])
    assert (waiting["Progress"], waiting["IntervalSeconds"], waiting["Done"]) == ("waiting", 5, [])
    assert finished(scene, begun["State"])["IntervalSeconds"] == 10  # too early: slow_down
    assert scene.served(TOKEN) == old
    Person(scene.azure).enter(begun["UserCode"])
    next_poll(scene.azure)
    done = finish(Api(), begun["State"])  # on another instance, which shares no memory
    assert done.status == 200, done.text
    new = scene.served(TOKEN)
    results = done.results
    assert (results["Progress"], results["Version"], results["Account"]) == (
        "stored",
        new["version"],
        names.ADMIN_NAME,
    )
    assert new["value"] != old["value"]
    assert new["tags"]["account"] == names.ADMIN_ID
    assert moment(new["expires"]) - scene.now() > timedelta(days=89)
    assert scene.versions(TOKEN)[-2] == old
    assert names.MAIN_SITE in results["Done"][-1]
    assert scene.redeems()
    for text in (first.text, done.text):
        assert MARKER not in text
        assert new["value"] not in text
    # The same call again, as after a lost response, stores nothing more.
    again = finished(scene, begun["State"])
    assert (again["Progress"], again["Version"]) == ("stored", new["version"])
    assert scene.served(TOKEN) == new


def test_token_of_a_direct_tenant_is_replaced_by_its_own_account(scene: Scene) -> None:
    (tenant,) = scene.tenants()
    login = account_of(scene, tenant)
    begun = started(scene, tenant, Method="code")
    assert (begun["TenantId"], begun["Account"]) == (tenant, login)
    query = parse_qs(urlsplit(begun["Address"]).query)
    assert (query["code_challenge_method"], query["prompt"], query["login_hint"]) == (["S256"], ["login"], [login])
    followed = Person(scene.azure, login).sign_in_at(begun["Address"])
    before = scene.value(TOKEN)
    done = finished(scene, begun["State"], Pasted=followed)
    assert done["Version"] == scene.served(tenant)["version"]
    assert scene.redeems(tenant)
    assert scene.value(TOKEN) == before
    assert "00:30" not in done["Done"][-1]  # CIPP reads this token at a start alone
    (grant,) = scene.calls(ENTRA, body=CODE_GRANT)
    assert f"/{tenant}/" in grant["path"]


def test_code_alone_can_be_pasted(scene: Scene) -> None:
    begun = started(scene, Method="code")
    followed = Person(scene.azure).sign_in_at(begun["Address"])
    (code,) = parse_qs(urlsplit(followed).query)["code"]
    assert finished(scene, begun["State"], Pasted=code)["Progress"] == "stored"
    # A code can be redeemed once. The state of another sign-in can't redeem it at all.
    other = started(scene, Method="code")
    assert finish(scene.api(), other["State"], Pasted=code).status == 409
    assert finish(scene.api(), other["State"], Pasted=followed).status == 409


def test_dry_runs_change_nothing_and_describe_the_sign_in(scene: Scene) -> None:
    old = scene.served(TOKEN)
    dry = started(scene, DryRun=True)
    assert (dry["State"], dry["UserCode"]) == (None, None)
    assert names.ADMIN_NAME in dry["WouldDo"][-1]
    assert scene.calls(ENTRA, path="devicecode") == []
    begun = started(scene)
    Person(scene.azure).enter(begun["UserCode"])
    assert TOKEN in finished(scene, begun["State"], DryRun=True)["WouldDo"][0]
    assert scene.calls(ENTRA, body=DEVICE_GRANT) == []
    assert scene.served(TOKEN) == old


def test_another_account_needs_force(scene: Scene) -> None:
    old = scene.served(TOKEN)
    alex = Person(scene.azure, names.MEMBER_NAME)
    begun = started(scene)
    alex.enter(begun["UserCode"])
    refused = finish(scene.api(), begun["State"])
    assert refused.status == 409
    assert names.MEMBER_NAME in refused.results
    assert names.ADMIN_NAME in refused.results
    assert "Force" in refused.results
    assert scene.served(TOKEN) == old
    begun = started(scene)
    alex.enter(begun["UserCode"])
    done = finished(scene, begun["State"], Force=True)
    assert (done["Progress"], done["Account"]) == ("stored", names.MEMBER_NAME)
    assert scene.served(TOKEN)["tags"]["account"] == names.MEMBER_ID


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("none", False),
        ("check", True),
        ("check-old", False),
        ("tag", True),
        ("tag-rotated", True),
        ("tag-others", False),
    ],
)
def test_account_of_a_revoked_token_is_known_from_other_places(scene: Scene, source: str, known: bool) -> None:
    token = scene.value(TOKEN)
    if source.startswith("check"):
        checked_by_cipp(scene)
    if source == "check-old":
        scene.azure.advance(3_600)
        scene.others.store(TOKEN, token)
    if source.startswith("tag"):
        scene.others.store(TOKEN, token, tags={"account": names.ADMIN_ID, "sign-in": "1"})
        scene.azure.advance(60)
    if source == "tag-rotated":
        scene.others.store(TOKEN, token, tags={"rotated-by": "CIPP Backend"})
    if source == "tag-others":
        scene.others.store(TOKEN, token)
    revoke(scene)
    begun = started(scene)
    assert begun["Account"] == (names.ADMIN_NAME if source == "check" else None)
    Person(scene.azure).enter(begun["UserCode"])
    answer = finish(scene.api(), begun["State"])
    assert answer.status == (200 if known else 409), answer.text
    assert ("Force" in answer.results) == (not known)


OURS = {"rotated-by": "CIPP Backend"}
SIGNED_IN = {**OURS, "account": "x", "sign-in": "1"}


@pytest.mark.parametrize(
    ("tags", "account"),
    [
        ([], None),
        ([SIGNED_IN], "x"),
        ([OURS, OURS, SIGNED_IN], "x"),
        ([OURS, {}, SIGNED_IN], None),
        ([{**OURS, "sign-in": "2"}, SIGNED_IN], None),  # the account of that sign-in was unknown
        ([{**OURS, "follows": "2"}, {}, SIGNED_IN], "x"),  # stored by others at the same time
        ([{**OURS, "follows": "gone"}, SIGNED_IN], None),
        ([{"restored-from": "2"}, {}, SIGNED_IN], "x"),
        ([{"restored-from": "1"}, {}, SIGNED_IN], None),
        ([{"restored-from": "0"}, SIGNED_IN], None),
    ],
)
def test_account_is_that_of_the_sign_in_behind_a_version(tags: list[dict[str, str]], account: str | None) -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    versions = [
        Version(
            id=str(place),
            created=at - timedelta(days=place),
            updated=None,
            enabled=True,
            expires=None,
            tags=tag,
            content_type=None,
            managed=False,
        )
        for place, tag in enumerate(tags)
    ]
    assert signed_in_account(versions) == account


def test_sign_in_without_mfa_is_refused_also_with_force(scene: Scene) -> None:
    old = scene.served(TOKEN)
    begun = started(scene)
    Person(scene.azure, mfa=False).enter(begun["UserCode"])
    refused = finish(scene.api(), begun["State"], Force=True)
    assert refused.status == 409
    assert "MFA" in refused.results
    assert scene.served(TOKEN) == old


ALTERED: list[tuple[dict[str, object], int]] = [
    ({"claims": {"tid": "00000000-0000-4000-8000-000000000001"}}, 409),
    ({"claims": {"appid": "00000000-0000-4000-8000-000000000002"}}, 409),
    ({"claims": {"amr": ["pwd"]}}, 409),
    ({"claims": {"oid": names.GUEST_ID}}, 409),
    ({"answer": {"access_token": None}}, 500),
    ({"answer": {"refresh_token": None}}, 500),
    ({"opaque": True}, 200),  # its claims can't be read, and those of the ID token agree
]


@pytest.mark.slow("a sign-in for each claim")
def test_token_for_another_tenant_app_or_account_is_not_stored(scene: Scene) -> None:
    for alter, status in ALTERED:
        old = scene.served(TOKEN)
        begun = started(scene)
        Person(scene.azure).enter(begun["UserCode"])
        fault = {"host": ENTRA, "body": REFRESH_GRANT, "times": 0, "mode": "alter", "alter": alter}
        scene.azure.faults([fault])
        answer = finish(scene.api(), begun["State"])
        scene.azure.faults([])
        assert answer.status == status, (alter, answer.text)
        assert (scene.served(TOKEN) == old) == (status != 200)


# Entra's refusal at a step, its code, and the method that the message proposes.
REFUSALS = [
    (DEVICE_GRANT, 7000218, "code"),
    (DEVICE_GRANT, 53003, "code"),
    (DEVICE_GRANT, 530036, "code"),
    (DEVICE_GRANT, 50076, ""),
    (DEVICE_GRANT, 50079, ""),
    (DEVICE_GRANT, 70008, ""),
    (REFRESH_GRANT, 700025, "code"),
    (REFRESH_GRANT, 53003, "code"),
    (REFRESH_GRANT, 50076, ""),
]


@pytest.mark.slow("a sign-in for each refusal by Entra")
def test_refusals_by_entra_store_nothing_and_name_the_code(scene: Scene) -> None:
    old = scene.served(TOKEN)
    for grant, code, advice in REFUSALS:
        begun = started(scene)
        Person(scene.azure).enter(begun["UserCode"])
        fault = {"host": ENTRA, "body": grant, "times": 0, "mode": "refuse", "status": 400, "aadsts": code}
        # The signer's own refresh of the present token comes at the start, so the next one is that of the new token.
        scene.azure.faults([fault])
        refused = finish(scene.api(), begun["State"])
        scene.azure.faults([])
        assert refused.status == 409, (code, refused.text)
        assert f"AADSTS{code}" in refused.results
        assert ("Method: code" in refused.results) == (advice == "code"), (code, refused.results)
        assert scene.served(TOKEN) == old


def test_start_that_entra_refuses_proposes_the_other_method(scene: Scene) -> None:
    fault = {"host": ENTRA, "path": "/devicecode$", "mode": "refuse", "status": 401, "aadsts": 7000218, "times": 0}
    scene.azure.faults([fault])
    refused = start(scene.api())
    assert (refused.status, refused.body["azureCode"]) == (500, "AADSTS7000218")
    assert "Method: code" in refused.results
    assert start(scene.api(), Method="code").status == 200


def test_sign_in_that_ends_without_a_token_is_refused(scene: Scene) -> None:
    canceled = started(scene)
    Person(scene.azure).enter(canceled["UserCode"], "cancel")
    assert finish(scene.api(), canceled["State"]).status == 409
    begun = started(scene, Method="code")
    followed = Person(scene.azure).sign_in_at(begun["Address"], "cancel")
    denied = finish(scene.api(), begun["State"], Pasted=followed)
    assert denied.status == 409
    assert "AADSTS65004" in denied.results
    bare = f"{followed.partition('?')[0]}?error=access_denied"
    assert finish(scene.api(), begun["State"], Pasted=bare).status == 409
    by_entra = started(scene)
    scene.azure.advance(901)
    assert finish(scene.api(), by_entra["State"]).status == 409
    assert len(scene.calls(ENTRA, body=DEVICE_GRANT)) == 1  # that of the canceled one


def test_expiry_that_only_entra_sees_ends_the_sign_in(scene: Scene) -> None:
    longer: dict[str, object] = {"host": ENTRA, "path": "/devicecode$", "edit": [["expires_in", 3600]]}
    scene.azure.faults([longer])
    begun = started(scene)
    scene.azure.advance(901)
    assert finish(scene.api(), begun["State"]).status == 409
    assert len(scene.calls(ENTRA, body=DEVICE_GRANT)) == 1


def test_state_opens_only_for_its_caller_and_unchanged(scene: Scene) -> None:
    begun = started(scene)
    state = begun["State"]
    others = [state[:-2] + ("AA" if state[-2:] != "AA" else "BB"), state[:20], "x", state + "A" * 4]
    for other in others:
        assert finish(scene.api(), other).status == 400
    assert finish(scene.api(), "").status == 400
    assert finish(scene.api(), "A" * 8_193).status == 400
    someone = {"x-ms-client-principal": principal("superadmin", userId="7c21", userDetails="kim@contoso.com")}
    assert Api().post("ExecKeySignInFinish", {"State": state}, **someone).status == 400
    secret = scene.others.add_secret()["secretText"]
    assert finish(scene.api(), state, DryRun=True).results["WouldDo"]
    scene.others.store(SECRET, secret)
    assert finish(scene.api(), state).body["field"] == "State"
    assert scene.calls(ENTRA, body=DEVICE_GRANT) == []


@pytest.mark.parametrize(
    "bound_to", [["cippabc12", "app", "kim"], ["other", "app", "alex"], ["cippabc12", "x", "alex"]]
)
def test_state_of_another_caller_vault_or_app_can_not_be_opened(bound_to: list[str]) -> None:
    state = SignInState(
        id="1",
        name=TOKEN,
        tenant=names.TENANT_ID,
        method="device",
        code=SecretText(MARKER),
        account=Account(name=names.ADMIN_NAME),
        interval_seconds=5,
        expires=datetime(2030, 1, 1, tzinfo=UTC),
    )
    secret, own = SecretText("a client secret"), ["cippabc12", "app", "alex"]
    sealed = seal(state, secret, own)
    assert opened(sealed, secret, own) == state
    assert seal(state, secret, own) != sealed
    for other, to in ((secret, bound_to), (SecretText("another secret"), own)):
        with pytest.raises(UnknownStateError):
            opened(sealed, other, to)


@pytest.mark.parametrize(
    ("name", "status"), [(SECRET, 400), ("Example", 400), ("3f2b8c1d-0000-4000-8000-000000000000", 404)]
)
def test_only_refresh_tokens_of_this_installation_can_be_named(scene: Scene, name: str, status: int) -> None:
    assert start(scene.api(), name).status == status
    assert scene.calls(ENTRA) == []


def test_pasted_text_is_checked_and_not_repeated(scene: Scene) -> None:
    begun = started(scene, Method="code")
    for pasted in (f"https://example.com/?state={MARKER}", MARKER[:10], "x" * 17_000, "https://[", ""):
        refused = finish(scene.api(), begun["State"], Pasted=pasted)
        assert (refused.status, refused.body["field"]) == (400, "Pasted"), pasted
    assert finish(scene.api(), begun["State"]).body["field"] == "Pasted"
    assert finish(scene.api(), started(scene)["State"], Pasted="code").body["field"] == "Pasted"
    assert scene.calls(ENTRA, body=CODE_GRANT) == []


def test_sign_in_waits_while_a_rotation_owns_the_lock(scene: Scene) -> None:
    begun = started(scene)
    Person(scene.azure).enter(begun["UserCode"])
    with lock_of_another_run():
        waiting = finished(scene, begun["State"])
        assert waiting["Progress"] == "waiting"
        assert scene.calls(ENTRA, body=DEVICE_GRANT) == []
    assert finished(scene, begun["State"])["Progress"] == "stored"


def test_waiting_has_one_audit_entry_a_minute(scene: Scene) -> None:
    api, user = Api(), f"{uuid4().hex}@contoso.com"
    caller = {"x-ms-client-principal": principal("superadmin", userDetails=user)}
    state = api.post("ExecKeySignInStart", {"Name": TOKEN}, **caller).results["State"]
    for _ in range(3):
        next_poll(scene.azure)
        assert api.post("ExecKeySignInFinish", {"State": state}, **caller).status == 200
    rows = scene.others.tables.get_table_client("CippLogs").query_entities(f"Username eq '{user}'")
    endpoints = [str(row["Message"]).partition(":")[0] for row in rows]
    assert sorted(endpoints) == ["ExecKeySignInFinish", "ExecKeySignInStart"]


def test_certificate_only_cipp_signs_in_again(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    azure.reset(propagation_seconds=0, direct_tenants=0, certificate_only=True)
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "5")
    scene = Scene(azure, Others(azure))
    for method in ("device", "code"):
        begun = started(scene, Method=method)
        person = Person(azure)
        more: dict[str, object] = {}
        if method == "device":
            person.enter(begun["UserCode"])
        else:
            more["Pasted"] = person.sign_in_at(begun["Address"])
        assert finished(scene, begun["State"], **more)["Version"] == scene.served(TOKEN)["version"]


STRUCK: list[tuple[str, str, dict[str, object]]] = [
    ("start", "device", {"host": VAULT, "method": "GET", "path": "/secrets/ApplicationID/"}),
    ("start", "device", {"host": ENTRA, "method": "POST", "path": "/devicecode$"}),
    ("finish", "device", {"host": VAULT, "method": "GET", "path": "/versions$"}),
    ("finish", "device", {"host": ENTRA, "method": "POST", "body": DEVICE_GRANT}),
    ("finish", "code", {"host": ENTRA, "method": "POST", "body": CODE_GRANT}),
    ("finish", "device", {"host": ENTRA, "method": "POST", "body": REFRESH_GRANT}),
    ("finish", "device", {"host": VAULT, "method": "PUT", "path": "/secrets/RefreshToken$"}),
]


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize(("act", "method", "where"), STRUCK)
def test_failure_at_each_call_is_reported_and_loses_no_token(
    scene: Scene, fault: dict[str, Any], act: str, method: str, where: dict[str, object]
) -> None:
    old = scene.served(TOKEN)
    begun, more = {}, {}
    if act == "finish":
        begun = started(scene, Method=method)
        if method == "device":
            Person(scene.azure).enter(begun["UserCode"])
        else:
            more["Pasted"] = Person(scene.azure).sign_in_at(begun["Address"])
    scene.azure.faults([{**where, "times": 0, **fault}])
    began = time.monotonic()
    answer = start(scene.api(), Method=method) if act == "start" else finish(scene.api(), begun["State"], **more)
    assert time.monotonic() - began < 2 * LONGEST_SECONDS
    scene.azure.faults([])
    is_stored = scene.served(TOKEN) != old
    assert is_stored == (where.get("method") == "PUT" and fault["mode"] == "drop-after")
    if is_stored:
        assert answer.status == 200, answer.text
        assert answer.results["Progress"] == "stored"
    else:
        assert answer.status in (404, 409, 500), answer.text
        assert phrases.INTERNAL_ERROR not in answer.text
    assert len(scene.versions(TOKEN)) <= 2
    assert scene.redeems()


def test_store_whose_result_is_unknown_is_found_by_the_next_call(scene: Scene) -> None:
    begun = started(scene)
    Person(scene.azure).enter(begun["UserCode"])
    cut: dict[str, object] = {"host": VAULT, "method": "PUT", "path": "/secrets/RefreshToken$", "mode": "drop-after"}
    unread: dict[str, object] = {
        "host": VAULT,
        "method": "GET",
        "path": "/secrets/RefreshToken/$",
        "nth": 3,
        "times": 0,
        "mode": "refuse",
        "status": 503,
    }
    scene.azure.faults([cut, unread])
    unknown = finish(scene.api(), begun["State"])
    assert unknown.status == 500, unknown.text
    scene.azure.faults([])
    found = finished(scene, begun["State"])
    assert (found["Progress"], found["Version"]) == ("stored", scene.served(TOKEN)["version"])


def tokens_of_another_sign_in(scene: Scene, person: Person) -> Any:  # noqa: ANN401 - what JSON may hold
    """Return what Entra returns for a device code that the person has entered."""
    client = {"client_id": names.SAM_APP_ID, "scope": "https://graph.microsoft.com/.default offline_access openid"}
    address = f"https://{ENTRA}/{names.TENANT_ID}/oauth2/v2.0/devicecode"
    code = scene.others.web.post(address, data=client).json()
    person.enter(code["user_code"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    found = scene.others.token(grant_type=grant, device_code=code["device_code"], scope=client["scope"])
    assert found.ok, found.text
    return found.json()


@pytest.mark.slow("two sign-ins, and calls that wait for each other")
@pytest.mark.parametrize(("method", "replicas"), [("device", 1), ("code", 1), ("device", 2)])
def test_two_concurrent_calls_store_the_token_once(
    scene: Scene, nowhere: pytest.MonkeyPatch, method: str, replicas: int
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "30")  # while both are held
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "60")
    grant = DEVICE_GRANT if method == "device" else CODE_GRANT
    api, begun = scene.api(), started(scene, Method=method)
    person, more = Person(scene.azure), dict[str, object]()
    held: dict[str, object] = {"host": ENTRA, "body": grant, "mode": "hold", "times": 2}
    if replicas > 1:  # of Entra, which redeem the code for both calls
        held["answer"] = {"body": tokens_of_another_sign_in(scene, person)}
    if method == "device":
        person.enter(begun["UserCode"])
    else:
        more["Pasted"] = person.sign_in_at(begun["Address"])
    before = scene.versions(TOKEN)
    scene.azure.faults([held])
    with ThreadPoolExecutor(2) as workers:
        calls = [workers.submit(finish, api, begun["State"], **more) for _ in range(2)]
        while scene.azure.control("GET", "faults")["faults"][0]["held"] < 2:
            assert not any(call.done() for call in calls)
        scene.azure.faults([])
        answers = [call.result() for call in calls]
    new = [version for version in scene.versions(TOKEN) if version not in before]
    assert len(new) == 1
    ends = [answer.results["Progress"] if answer.status == 200 else answer.status for answer in answers]
    assert "stored" in ends
    assert set(ends) <= ({"stored"} if replicas > 1 else {"stored", "waiting", 409}), [one.text for one in answers]
    assert scene.served(TOKEN) == new[0]
    assert scene.redeems()
    again = finished(scene, begun["State"], **more)
    assert (again["Progress"], again["Version"]) == ("stored", new[0]["version"])
    assert scene.versions(TOKEN)[-1] == new[0]


def test_call_beside_the_one_that_stores_waits_for_it(scene: Scene, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "30")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "60")
    api, begun = scene.api(), started(scene)
    Person(scene.azure).enter(begun["UserCode"])
    scene.azure.faults([{"host": VAULT, "method": "PUT", "mode": "hold"}])
    with ThreadPoolExecutor(1) as worker:
        first = worker.submit(finish, api, begun["State"])
        assert scene.azure.wait_until_held(or_else=first.done)
        beside = finish(api, begun["State"])
        scene.azure.faults([])
        stored = first.result()
    assert (beside.status, beside.results["Progress"]) == (200, "waiting"), beside.text
    assert (stored.status, stored.results["Progress"]) == (200, "stored"), stored.text
    assert finish(api, begun["State"]).results["Version"] == stored.results["Version"]


def lock_of_another_run() -> AbstractContextManager[RowLock]:
    """Own the rotation's lock as another run does."""
    return row_lock(services().clients, LOCK, run_id="0123456789ab", by="the weekly timer")


def test_every_response_is_free_of_secrets(scene: Scene) -> None:
    secrets = {scene.value(TOKEN)}
    device, code = start(scene.api()), start(scene.api(), Method="code")
    answers: list[Answer] = [device, code, finish(scene.api(), device.results["State"])]
    Person(scene.azure).enter(device.results["UserCode"])
    next_poll(scene.azure)
    answers.append(finish(scene.api(), device.results["State"]))
    secrets.add(scene.value(TOKEN))
    pasted = Person(scene.azure).sign_in_at(code.results["Address"])
    answers.append(finish(scene.api(), code.results["State"], Pasted=pasted))
    secrets.add(scene.value(TOKEN))
    assert [answer.results["Progress"] for answer in answers[3:]] == ["stored", "stored"]
    forms = [parse_qs(call["request_body"] or "") for call in scene.calls(ENTRA, "POST")]
    sent = {
        name: {form[name][0] for form in forms if name in form} for name in ("code", "device_code", "code_verifier")
    }
    assert all(sent.values())
    secrets.update(*sent.values())
    assert len(secrets) == 6  # three tokens, and one of each
    for answer in answers:
        assert MARKER not in answer.text
        assert [secret for secret in secrets if secret in answer.text] == []
