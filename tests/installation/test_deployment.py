"""The rules for CIPP's app, vault, group and cloud, as tables of cases."""

import pytest

from backend.configuration.clouds import cloud_of
from backend.errors import NotConfiguredError
from backend.installation.installation import (
    NAMING_SETTINGS,
    Deployment,
    main_app_of,
    misfits,
    offload_suffix,
    template_static_web_app,
)

S = "11111111-1111-1111-1111-111111111111"
SITE = "cippabc12"


def mirid(group: str, site: str, subscription: str = S) -> str:
    """Return the claim of a system-assigned identity, in lower case as in Entra's tokens."""
    return f"/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Web/sites/{site}"


@pytest.mark.parametrize(
    ("name", "main", "suffix"),
    [
        ("cippabc12", "cippabc12", None),
        ("cippabc12-proc", "cippabc12", "proc"),
        ("cippabc12-AuditLog", "cippabc12", "auditlog"),
        ("CIPPABC12-STANDARDS", "CIPPABC12", "standards"),
        ("cippabc12-usertasks", "cippabc12", "usertasks"),
        ("cipp-proc-abc12", "cipp-proc-abc12", None),
        ("cipp-processor", "cipp-processor", None),
        ("cippproc", "cippproc", None),
        ("cipp-proc-", "cipp-proc-", None),
        ("cipp-proc-proc", "cipp-proc", "proc"),
        ("cipp-standards-usertasks", "cipp-standards", "usertasks"),
        ("compaction-01-z2ir2", "compaction-01-z2ir2", None),
        ("compaction-01-z2ir2-standards", "compaction-01-z2ir2", "standards"),
        ("proc", "proc", None),
    ],
)
def test_one_offload_suffix_at_the_end_is_stripped_and_nothing_else(name: str, main: str, suffix: str | None) -> None:
    assert (main_app_of(name), offload_suffix(name)) == (main, suffix)


@pytest.mark.parametrize(
    ("environ", "vault"),
    [
        pytest.param({"WEBSITE_SITE_NAME": "cippabc12"}, "cippabc12", id="K1"),
        pytest.param({"WEBSITE_SITE_NAME": "compaction-01-z2ir2"}, "compaction-01-z2ir2", id="K2"),
        pytest.param({"WEBSITE_SITE_NAME": "compaction-01-z2ir2-standards"}, "compaction-01-z2ir2", id="K3"),
        pytest.param({"WEBSITE_SITE_NAME": "cippabc12-proc"}, "cippabc12", id="K4"),
        pytest.param({"WEBSITE_SITE_NAME": "cippabc12-auditlog"}, "cippabc12", id="K5"),
        pytest.param({"WEBSITE_SITE_NAME": "cippabc12-usertasks"}, "cippabc12", id="K6"),
        pytest.param({"WEBSITE_SITE_NAME": "cipp-proc-abc12"}, "cipp-proc-abc12", id="K8"),
        pytest.param({"WEBSITE_SITE_NAME": "cipp-processor"}, "cipp-processor", id="K10"),
        pytest.param({"CIPP_KV_NAME": "my-kv-proc", "WEBSITE_SITE_NAME": "x"}, "my-kv-proc", id="K13"),
        pytest.param({"CIPP_KV_NAME": "   ", "WEBSITE_SITE_NAME": "cippabc12"}, "cippabc12", id="K14"),
        pytest.param({"WEBSITE_SITE_NAME": " ", "WEBSITE_DEPLOYMENT_ID": "cippabc12"}, "cippabc12", id="K17"),
        pytest.param({"WEBSITE_SITE_NAME": "site", "WEBSITE_DEPLOYMENT_ID": "dep"}, "site", id="K18"),
        pytest.param({}, None, id="K19"),
        pytest.param({"WEBSITE_DEPLOYMENT_ID": "cippabc12-proc"}, "cippabc12", id="the deployment's suffix goes too"),
        pytest.param({"WEBSITE_SITE_NAME": "CIPPABC12-PROC"}, "cippabc12", id="a derived name is lower case"),
        pytest.param({"CIPP_KV_NAME": "MyVault"}, "MyVault", id="a given name is kept as it is"),
        pytest.param(
            {"CIPP_FUNCTION_APP": "cippabc12", "WEBSITE_SITE_NAME": "cippabc12-backend"},
            "cippabc12",
            id="CIPP_FUNCTION_APP stands for WEBSITE_SITE_NAME",
        ),
        pytest.param(
            {"CIPP_FUNCTION_APP": "cippabc12-proc", "WEBSITE_SITE_NAME": "x"}, "cippabc12", id="an offload app named"
        ),
        pytest.param({"CIPP_FUNCTION_APP": " ", "WEBSITE_SITE_NAME": "cippabc12"}, "cippabc12", id="a blank setting"),
    ],
)
def test_vault_is_the_one_that_cipp_uses(environ: dict[str, str], vault: str | None) -> None:
    assert Deployment.of(environ).vault_name == vault


def test_unknown_vault_is_reported_with_the_settings_that_name_it() -> None:
    with pytest.raises(NotConfiguredError, match=r"CIPP_KV_NAME or CIPP_FUNCTION_APP"):
        _ = Deployment.of({}).vault_url


@pytest.mark.parametrize(
    ("main", "name"),
    [
        ("cippabc12", "cipp-swa-abc12"),
        ("CIPPABC12", "cipp-swa-abc12"),
        ("contosoabc12", "contoso-swa-abc12"),
        ("cippxyz", "ci-swa-ppxyz"),
        ("my-cippabc12", "my-cipp-swa-abc12"),
        ("x12345", "x-swa-12345"),
        ("12345", None),
        ("abc", None),
        ("compaction-01-z2ir2", None),
        ("cipp-abc12", None),
        ("cippabc-2", None),
        ("cippab_12", None),
        ("cippabçé2", None),
        ("", None),
    ],
)
def test_static_web_app_is_derived_only_when_the_name_fits_the_template(main: str, name: str | None) -> None:
    assert template_static_web_app(main) == name


@pytest.mark.parametrize(
    ("environ", "claim", "group"),
    [
        pytest.param({"WEBSITE_RESOURCE_GROUP": "CIPP"}, None, "CIPP", id="B1"),
        pytest.param({}, mirid("CIPP-myinstance", SITE), "CIPP-myinstance", id="B3"),
        pytest.param({}, mirid("rg-a", f"{SITE}/slots/staging"), "rg-a", id="B4 a slot"),
        pytest.param(
            {},
            f"/subscriptions/{S}/resourcegroups/rg-id/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai",
            None,
            id="B5 a user-assigned identity",
        ),
        pytest.param({"WEBSITE_OWNER_NAME": f"{S}+cipp-rg-WestEuropewebspace"}, None, None, id="B7 never by the owner"),
        pytest.param({"WEBSITE_RESOURCE_GROUP": ""}, mirid("rg-c", SITE.upper()), "rg-c", id="B8 whatever the case"),
        pytest.param({"WEBSITE_RESOURCE_GROUP": "rg-real"}, mirid("rg-c", SITE), "rg-real", id="B9 the variable first"),
        pytest.param({}, mirid("rg", "cippabc123"), None, id="another site with the same beginning"),
        pytest.param({}, mirid("rg", "xcippabc12"), None, id="another site with the same end"),
        pytest.param({}, mirid("rg", "cippxabc12"), None, id="another site"),
        pytest.param({"CIPP_RESOURCE_GROUP": "theirs", "WEBSITE_RESOURCE_GROUP": "ours"}, None, "theirs", id="CIPP's"),
        pytest.param({"CIPP_RESOURCE_GROUP": " ", "WEBSITE_RESOURCE_GROUP": "ours"}, None, "ours", id="blank"),
        pytest.param({"CIPP_FUNCTION_APP": "other"}, mirid("rg", SITE), "rg", id="the identity is of the app itself"),
        pytest.param({"CIPP_FUNCTION_APP": "other"}, mirid("rg", "other"), None, id="not of the app that is named"),
    ],
)
def test_group_is_read_from_a_setting_else_from_this_sites_identity(
    environ: dict[str, str], claim: str | None, group: str | None
) -> None:
    claims = {} if claim is None else {"xms_mirid": claim}
    assert Deployment.of({"WEBSITE_SITE_NAME": SITE, **environ}, claims).resource_group == group


def test_identity_does_not_determine_the_group_without_a_site_name() -> None:
    deployment = Deployment.of({"WEBSITE_OWNER_NAME": f"{S}+r"}, {"xms_mirid": mirid("rg", SITE)})
    assert (deployment.subscription_id, deployment.resource_group) == (S, None)


@pytest.mark.parametrize(
    ("environ", "claim", "subscription"),
    [
        pytest.param({"WEBSITE_OWNER_NAME": f"{S}+CIPP-WestEuropewebspace"}, None, S, id="B1"),
        pytest.param({"WEBSITE_OWNER_NAME": S}, None, S, id="B24 no plus"),
        pytest.param({}, mirid("rg", SITE), S, id="B23 by the identity"),
        pytest.param({}, mirid("rg", "other"), None, id="not by another site's"),
        pytest.param({"WEBSITE_OWNER_NAME": "+x"}, None, None, id="nothing before the plus"),
        pytest.param({"CIPP_SUBSCRIPTION_ID": "theirs", "WEBSITE_OWNER_NAME": f"{S}+r"}, None, "theirs", id="CIPP's"),
        pytest.param({}, None, None, id="B27"),
    ],
)
def test_subscription_is_read_from_a_setting_the_owner_or_the_identity(
    environ: dict[str, str], claim: str | None, subscription: str | None
) -> None:
    claims = {} if claim is None else {"xms_mirid": claim}
    assert Deployment.of({"WEBSITE_SITE_NAME": SITE, **environ}, claims).subscription_id == subscription


def test_unknown_group_or_subscription_is_reported_with_its_setting() -> None:
    with pytest.raises(NotConfiguredError, match="CIPP_SUBSCRIPTION_ID"):
        Deployment.of({"WEBSITE_RESOURCE_GROUP": "r"}).group()
    with pytest.raises(NotConfiguredError, match="CIPP_RESOURCE_GROUP"):
        Deployment.of({"WEBSITE_OWNER_NAME": f"{S}+r"}).group()


@pytest.mark.parametrize(
    "setting", ["CIPP_FUNCTION_APP", "CIPP_KV_NAME", "CIPP_RESOURCE_GROUP", "CIPP_SUBSCRIPTION_ID"]
)
@pytest.mark.parametrize("value", ["a/b", "a b", "..", ".", "a?b", "a#b", "x" * 91, "a\nb", "\udcff", "a%2Fb", "x."])
def test_setting_that_is_not_a_valid_azure_name_counts_as_unknown(setting: str, value: str) -> None:
    environ = {
        "WEBSITE_SITE_NAME": SITE,
        "WEBSITE_RESOURCE_GROUP": "ours",
        "WEBSITE_OWNER_NAME": f"{S}+r",
        setting: value,
    }
    deployment = Deployment.of(environ)
    derived = {
        "CIPP_FUNCTION_APP": deployment.main_app,
        "CIPP_KV_NAME": deployment.vault_name,
        "CIPP_RESOURCE_GROUP": deployment.resource_group,
        "CIPP_SUBSCRIPTION_ID": deployment.subscription_id,
    }
    assert derived[setting] is None
    assert misfits(environ) == [setting]


GENERATED = {
    "CIPP_FUNCTION_APP": ("main_app", "cippbackendk7m2q4x3hjr5a"),
    "CIPP_KV_NAME": ("vault_name", "kv2contoso3cipp4prod5x"),
    "CIPP_RESOURCE_GROUP": ("resource_group", "rg2prod3cipp4west5eu6main"),
    "CIPP_SUBSCRIPTION_ID": ("subscription_id", "sub2prod3cipp4west5eu6main"),
    "WEBSITE_SITE_NAME": ("answering_app", "cippbackendk7m2q4x3hjr5a"),
    "WEBSITE_DEPLOYMENT_ID": ("vault_name", "kv2contoso3cipp4prod5x"),
    "WEBSITE_RESOURCE_GROUP": ("resource_group", "rg2prod3cipp4west5eu6main"),
    "WEBSITE_OWNER_NAME": ("subscription_id", "sub2prod3cipp4west5eu6main"),
}


@pytest.mark.parametrize("setting", GENERATED)
def test_name_generated_by_a_template_is_used(setting: str) -> None:
    field, name = GENERATED[setting]
    environ = {setting: name}
    assert getattr(Deployment.of(environ), field) == name
    assert misfits(environ) == []


def test_naming_settings_all_accept_generated_names() -> None:
    assert GENERATED.keys() >= set(NAMING_SETTINGS)


def test_group_of_the_identity_is_used_when_it_looks_like_a_token() -> None:
    environ = {"WEBSITE_SITE_NAME": SITE, "WEBSITE_RESOURCE_GROUP": "1.Apps"}
    assert Deployment.of(environ, {"xms_mirid": mirid("1.Apps", SITE)}).resource_group == "1.Apps"
    assert misfits(environ) == ["WEBSITE_RESOURCE_GROUP"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("CIPP_FUNCTION_APP", value) for value in ("a", "x" * 61, "a_b", "a.b", "-ab", "ab-", "(ab)")),
        *(("CIPP_KV_NAME", value) for value in ("ab", "x" * 25, "a_b", "a.b", "éab")),
        *(("CIPP_RESOURCE_GROUP", value) for value in ("ab.", "x" * 91, "a/b")),
        *(("WEBSITE_SITE_NAME", value) for value in ("0.AXoA-PLANTED-refresh-token", "abc8Q~x", "a", "x" * 61)),
        *((name, f"glpat-{'x' * 12}") for name in ("CIPP_FUNCTION_APP", "CIPP_KV_NAME", "CIPP_RESOURCE_GROUP")),
        *((name, "eyJ0eXAiOiJKV1Qi") for name in ("CIPP_FUNCTION_APP", "CIPP_KV_NAME", "CIPP_SUBSCRIPTION_ID")),
        *((name, "0.AXoA-PLANTED") for name in ("CIPP_RESOURCE_GROUP", "WEBSITE_RESOURCE_GROUP")),
    ],
)
def test_name_that_breaks_the_rule_of_its_kind_counts_as_unknown(setting: str, value: str) -> None:
    environ = {setting: value}
    deployment = Deployment.of(environ)
    assert misfits(environ) == [setting]
    assert (deployment.main_app, deployment.vault_name, deployment.resource_group) == (None, None, None)
    assert (deployment.subscription_id, deployment.answering_app) == (None, None)


def test_variable_of_a_slot_is_valid() -> None:
    assert misfits({"WEBSITE_DEPLOYMENT_ID": "cippabc12__staging"}) == []


@pytest.mark.parametrize(
    ("environ", "cloud"),
    [
        ({}, "public"),
        ({"CIPP_CLOUD": "usgov"}, "usgov"),
        ({"CIPP_CLOUD": " China "}, "china"),
        ({"WEBSITE_HOSTNAME": "cippabc12.azurewebsites.net"}, "public"),
        ({"WEBSITE_HOSTNAME": "cippabc12.azurewebsites.us"}, "usgov"),
        ({"WEBSITE_HOSTNAME": "CIPPABC12.CHINACLOUDSITES.CN"}, "china"),
        ({"WEBSITE_HOSTNAME": "cippabc12-h4x5.westeurope-01.azurewebsites.us"}, "usgov"),
        ({"WEBSITE_HOSTNAME": "azurewebsites.us.example.com"}, "public"),
        ({"WEBSITE_HOSTNAME": "cippabc12.azurewebsites.us", "CIPP_CLOUD": "public"}, "public"),
        ({"WEBSITE_HOSTNAME": "cippabc12.azurewebsites.us", "CIPP_CLOUD": ""}, "usgov"),
    ],
)
def test_cloud_is_read_from_the_setting_else_from_the_sites_host(environ: dict[str, str], cloud: str) -> None:
    assert cloud_of(environ).name == cloud


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        ("public", "https://myvault.vault.azure.net"),
        ("usgov", "https://myvault.vault.usgovcloudapi.net"),
        ("china", "https://myvault.vault.azure.cn"),
    ],
)
def test_vault_address_belongs_to_its_cloud(cloud: str, url: str) -> None:
    assert Deployment.of({"CIPP_KV_NAME": "MyVault", "CIPP_CLOUD": cloud}).vault_url == url


def test_this_app_is_always_the_site_that_runs_it() -> None:
    deployment = Deployment.of({"CIPP_FUNCTION_APP": SITE, "WEBSITE_SITE_NAME": "cippabc12-backend"})
    assert (deployment.main_app, deployment.answering_app) == (SITE, "cippabc12-backend")
