"""Which storage account the settings name: a table of cases."""

import pytest

from backend.configuration.clouds import CHINA, CLOUDS, PUBLIC, US_GOVERNMENT, Cloud
from backend.configuration.storage_settings import storage_of
from backend.errors import NotConfiguredError

KEY = "AccountKey=PLANTEDkey=="
TEXT = f"DefaultEndpointsProtocol=https;AccountName=cipptext;{KEY};EndpointSuffix=core.windows.net"
URI = "https://cippuri.table.core.windows.net"
FORMS = {"": TEXT, "__tableServiceUri": URI, "__accountName": "cippname"}
ORDER = [f"{prefix}{form}" for prefix in ("CIPP_STORAGE", "AzureWebJobsStorage") for form in FORMS]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_first_form_that_is_set_wins(first: int) -> None:
    forms = {name: name.removeprefix("CIPP_STORAGE").removeprefix("AzureWebJobsStorage") for name in ORDER}
    settings = storage_of({name: FORMS[forms[name]] for name in ORDER[first:]}, PUBLIC)
    assert settings is not None
    assert settings.setting == ORDER[first]
    assert settings.by_identity == ("__" in ORDER[first])


def test_missing_or_blank_setting_names_no_account() -> None:
    assert storage_of({}, PUBLIC) is None
    assert storage_of(dict.fromkeys(ORDER, "  "), PUBLIC) is None


@pytest.mark.parametrize(
    ("cloud", "suffix"),
    [(PUBLIC, "core.windows.net"), (US_GOVERNMENT, "core.usgovcloudapi.net"), (CHINA, "core.chinacloudapi.cn")],
)
@pytest.mark.parametrize("setting", ["CIPP_STORAGE__accountName", "AzureWebJobsStorage__accountName"])
def test_account_name_is_an_address_of_the_cloud(cloud: Cloud, suffix: str, setting: str) -> None:
    settings = storage_of({setting: " cippstgabc12 "}, cloud)
    assert settings is not None
    assert settings.address == f"https://cippstgabc12.table.{suffix}"
    assert (settings.account, settings.by_identity) == ("cippstgabc12", True)


@pytest.mark.parametrize(
    "name", ["ab", "a" * 25, "CippStg", "cipp-stg", "evil.example/x", "cipp.stg", "cipp@evil", "stg\u0661", "a\nb"]
)
@pytest.mark.parametrize("setting", ["CIPP_STORAGE__accountName", "AzureWebJobsStorage__accountName"])
def test_invalid_account_name_is_refused_and_not_repeated(setting: str, name: str) -> None:
    with pytest.raises(NotConfiguredError) as refused:
        storage_of({setting: name}, PUBLIC)
    assert setting in str(refused.value)
    assert name not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "account"),
    [
        (TEXT, "cipptext"),
        (f"accountname=cipptext;{KEY}", "cipptext"),
        ("UseDevelopmentStorage=true", "devstoreaccount1"),
        ("TableEndpoint=https://cippsas.table.core.windows.net/;SharedAccessSignature=sv=1&sig=PLANTEDsig", "cippsas"),
        ("TableEndpoint=https://cippsas-secondary.table.core.windows.net;SharedAccessSignature=sig=P", "cippsas"),
        ("TableEndpoint=https://cippzone.z01.table.storage.azure.net;SharedAccessSignature=sig=P", "cippzone"),
        (f"TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;{KEY}", "devstoreaccount1"),
        ("TableEndpoint=https://tables.contoso.com;SharedAccessSignature=sig=P", ""),
        ("TableEndpoint=https://127.0.0.1;SharedAccessSignature=sig=P", ""),
        ("TableEndpoint=https://[::1;SharedAccessSignature=sig=P", ""),
        ("nonsense", ""),
        (f"AccountName=https://x?sig=PLANTEDsig;{KEY}", ""),
    ],
)
def test_account_of_a_connection_string_is_shown_without_its_key(text: str, account: str) -> None:
    settings = storage_of({"CIPP_STORAGE": text}, PUBLIC)
    assert settings is not None
    assert settings.account == account
    assert "PLANTED" not in f"{settings} {settings.sentence_start}"


def test_every_cloud_has_a_suffix_of_its_own() -> None:
    assert len({cloud.storage_suffix for cloud in CLOUDS.values()}) == len(CLOUDS)
