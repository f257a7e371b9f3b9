from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox import names
from tests.support.sandbox.arm import SITE, STATIC_SITE, Arm
from tests.support.sandbox_client import Sandbox

GROUP, NAME = names.RESOURCE_GROUP, names.STATIC_SITE
HOST = "nice-sand-0abc12345.3.azurestaticapps.net"


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset()
    return Arm(sandbox)


def held(sandbox: Sandbox) -> Any:  # noqa: ANN401 - what JSON may hold
    return sandbox.state()["staticSites"][NAME]


def test_static_web_app_lists_its_backend_in_both_ways(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().static_sites
    assert [s.name for s in apps.list()] == [NAME]
    site = apps.get_static_site(GROUP, NAME)
    assert site.default_hostname == HOST
    assert site.custom_domains == [names.CUSTOM_DOMAIN]
    assert [b.backend_resource_id for b in site.linked_backends] == [SITE]
    # Azure sends these flat. Microsoft's model looks for them under "properties" and finds None.
    assert [f["functionAppResourceId"] for f in site.user_provided_function_apps] == [SITE]
    (provided,) = apps.get_user_provided_function_apps_for_static_site(GROUP, NAME)
    assert provided.name == NAME
    (linked,) = apps.get_linked_backends(GROUP, NAME)
    assert linked.backend_resource_id == SITE
    assert held(sandbox)["linkedBackends"] == [SITE]


def test_roles_of_a_user_include_the_platforms_own(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().static_sites
    users = list(apps.list_static_site_users(GROUP, NAME, "all"))
    assert {u.roles for u in users} >= {"superadmin,anonymous,authenticated", "editor,anonymous,authenticated"}
    assert list(apps.list_static_site_users(GROUP, NAME, "github")) == []
    body = {"properties": {"roles": "editor, readonly,anonymous"}}
    changed = apps.update_static_site_user(GROUP, NAME, "aad", users[0].name, body)
    assert changed.roles == "editor,readonly,anonymous,authenticated"
    (found,) = [u for u in held(sandbox)["users"] if u["userId"] == users[0].name]
    assert found["roles"] == ["editor", "readonly"]
    raw = arm.call("POST", f"{STATIC_SITE}/authproviders/all/listUsers").json()
    assert (raw["nextLink"], raw["id"]) == (None, None)
    assert raw["value"][0]["type"] == "Microsoft.Web/staticSites/users"


def test_deleting_a_user_returns_204_which_the_sdk_rejects(arm: Arm, sandbox: Sandbox) -> None:
    first, second, _ = (u["userId"] for u in held(sandbox)["users"])
    assert arm.call("DELETE", f"{STATIC_SITE}/authproviders/aad/users/{first}").status_code == 204
    with pytest.raises(HttpResponseError) as caught:
        arm.web_client().static_sites.delete_static_site_user(GROUP, NAME, "aad", second)
    assert caught.value.status_code == 204
    assert len(held(sandbox)["users"]) == 1


def test_invitation_requires_the_apps_host_name_and_at_most_a_week(arm: Arm) -> None:
    def invite(**changes: object) -> Any:  # noqa: ANN401 - what JSON may hold
        properties = {"domain": HOST, "provider": "aad", "userDetails": "new@contosomsp.com", "roles": "editor,admin"}
        body = {"properties": {**properties, "numHoursToExpiration": 24, **changes}}
        return arm.call("POST", f"{STATIC_SITE}/createUserInvitation", body)

    made = invite().json()
    assert made["type"] == "Microsoft.Web/staticSites/invitations"
    expires = datetime.fromisoformat(made["properties"]["expiresOn"])
    now = datetime.fromisoformat(arm.sandbox.state()["now"])
    assert timedelta(hours=23.9) < expires - now < timedelta(hours=24.1)
    link = urlsplit(made["properties"]["invitationUrl"])
    assert (link.hostname, link.path) == (HOST, "/.auth/invitations/accept")
    assert parse_qs(link.query)["roles"] == ["editor,admin"]
    assert invite(domain=names.CUSTOM_DOMAIN, numHoursToExpiration="168").status_code == 200
    for wrong in (
        {"numHoursToExpiration": 169},
        {"numHoursToExpiration": 0},
        {"domain": "elsewhere.example"},
        {"roles": "with space"},
        {"userDetails": ""},
    ):
        assert invite(**wrong).status_code == 400


def test_domain_is_added_by_a_long_running_operation(arm: Arm, sandbox: Sandbox) -> None:
    path = f"{STATIC_SITE}/customDomains/portal.contosomsp.com"
    answer = arm.call("PUT", path, {"properties": {}})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["retry-after"] == "60"
    result, location = (urlsplit(answer.headers[h]).path for h in ("azure-asyncoperation", "location"))
    assert "/operationResults/" in result
    assert arm.get(result, version="2019-01-01") == {"id": result, "status": "InProgress"}
    assert arm.call("GET", location, version="2019-01-01").status_code == 202
    domain = arm.get(path)
    assert domain["properties"]["status"] == "Validating"
    assert datetime.fromisoformat(domain["properties"]["createdOn"]).tzinfo is None
    sandbox.advance(60)
    assert arm.get(result, version="2019-01-01")["status"] == "Succeeded"
    assert arm.call("GET", location, version="2019-01-01").status_code == 204
    assert arm.get(path)["properties"]["status"] == "Ready"
    assert arm.call("PUT", path, {"properties": {}}).status_code == 200
    assert held(sandbox)["customDomains"]["portal.contosomsp.com"]["status"] == "Ready"


def test_domain_with_txt_token_stays_validating(arm: Arm, sandbox: Sandbox) -> None:
    path = f"{STATIC_SITE}/customDomains/contosomsp.com"
    answer = arm.call("PUT", path, {"properties": {"validationMethod": "dns-txt-token"}})
    first = arm.get(path)["properties"]
    assert first["status"] == "RetrievingValidationToken"
    assert "validationToken" not in first
    sandbox.advance(86_400)
    later = arm.get(path)["properties"]
    assert later["status"] == "Validating"
    assert len(later["validationToken"]) == 32
    result = urlsplit(answer.headers["azure-asyncoperation"]).path
    assert arm.get(result, version="2019-01-01")["status"] == "InProgress"


def test_domain_fails_outside_dns_and_is_removed_when_deleted(arm: Arm, sandbox: Sandbox) -> None:
    path = f"{STATIC_SITE}/customDomains/nobody.invalid"
    arm.call("PUT", path, {"properties": {}})
    sandbox.advance(20)
    failed = arm.get(path)["properties"]
    assert failed["status"] == "Failed"
    assert failed["errorMessage"].startswith("CNAME Record is invalid.")
    assert arm.call("DELETE", path).status_code == 202
    assert arm.get(path)["properties"]["status"] == "Deleting"
    sandbox.advance(30)
    assert arm.call("GET", path).status_code == 404
    assert set(held(sandbox)["customDomains"]) == {names.CUSTOM_DOMAIN}


def test_static_web_app_accepts_only_one_backend(arm: Arm, sandbox: Sandbox) -> None:
    apps = arm.web_client().static_sites
    other = {"properties": {"backendResourceId": SITE.replace("abc12", "abc12-proc"), "region": "westeurope"}}
    assert arm.call("PUT", f"{STATIC_SITE}/linkedBackends/other", other).status_code == 400
    assert arm.call("POST", f"{STATIC_SITE}/linkedBackends/other/validate", other).status_code == 400
    (linked,) = apps.get_linked_backends(GROUP, NAME)
    apps.unlink_backend(GROUP, NAME, linked.name)
    assert held(sandbox)["linkedBackends"] == []
    elsewhere = {"properties": {**other["properties"], "region": "centralus"}}
    answer = arm.call("PUT", f"{STATIC_SITE}/linkedBackends/other", elsewhere)
    assert (answer.status_code, answer.json()) == (500, {"Message": "An error has occurred."})
    assert apps.begin_link_backend(GROUP, NAME, "other", other).result().provisioning_state == "Succeeded"
    assert held(sandbox)["linkedBackends"] == [other["properties"]["backendResourceId"]]


def test_settings_roles_secrets_and_builds_are_listed(arm: Arm) -> None:
    apps = arm.web_client().static_sites
    apps.create_or_update_static_site_app_settings(GROUP, NAME, {"properties": {"a": "b"}})
    assert dict(apps.list_static_site_app_settings(GROUP, NAME).properties) == {"a": "b"}
    assert "superadmin" in apps.list_static_site_configured_roles(GROUP, NAME).properties
    assert apps.list_static_site_secrets(GROUP, NAME).properties["apiKey"]
    (build,) = apps.get_static_site_builds(GROUP, NAME)
    assert build.status == "Ready"
