"""Every list is read to its last page; a link to another host is not followed, and a loop ends."""

from typing import Any

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.odd_responses import QUICK
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
VAULT = "cippabc12.vault.azure.net"
LISTS = [
    ("ListFunctionApps", ARM, "/sites$"),
    ("ListBackendResources", ARM, "/resourcegroups/[^/]+/resources$"),
    ("ListFunctionAppDeployments", ARM, f"/{names.MAIN_SITE}/deployments$"),
    ("ListStaticWebApp", ARM, "/builds$"),
    ("ListStaticWebAppDomains", ARM, "/customDomains$"),
    ("ListStaticWebAppUsers", ARM, "/listUsers$"),
    ("ListBackendUsers", ARM, "/listUsers$"),
    ("ListFunctionAppSettings", ARM, "/config/configreferences/appsettings$"),
    ("ListKeyVaultSecrets", VAULT, "^/secrets$"),
    ("ListKeyVaultSecretVersions?Name=ApplicationSecret", VAULT, "/ApplicationSecret/versions$"),
    ("ListKeyRotations", VAULT, "^/secrets$"),
]
READS = [*dict.fromkeys(name for name, _, _ in LISTS), "ExecBackendURLs", "ListBackend", "ListBackendRights"]
VARYING = ("AsOf", "LastProven", "Started", "Ended", "Seconds")


def steady(value: Any) -> Any:  # noqa: ANN401 - what JSON may hold
    """Leave out the times of this run."""
    if isinstance(value, dict):
        return {name: steady(inner) for name, inner in value.items() if name not in VARYING}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def seen(azure: Sandbox, page_size: int) -> dict[str, Any]:
    """Return what every reading endpoint shows if a page has so many entries. 0 is the service's own size."""
    azure.reset(propagation_seconds=0, page_size=page_size)
    others = Others(azure)
    for number in range(3):
        others.store("ApplicationID", names.SAM_APP_ID, tags={"n": str(number)})
    api = Api()
    return {name: steady(api.get(name).body["Results"]) for name in READS}


@pytest.mark.parametrize("page_size", [1, 2])
def test_every_list_is_read_to_its_last_page(azure: Sandbox, page_size: int) -> None:
    def without_ids(found: dict[str, Any]) -> dict[str, Any]:
        for secret in found["ListKeyVaultSecrets"]:
            secret.update(Version="", Created="", Updated="")
        for version in found["ListKeyVaultSecretVersions?Name=ApplicationSecret"]:
            version.update(Version="", Created="", Updated="")
        return found

    whole = without_ids(seen(azure, 0))
    paged = without_ids(seen(azure, page_size))
    for name in READS:
        if name not in ("ListKeyRotations", "ListBackend"):  # their times differ
            assert paged[name] == whole[name], name
    keys = [[key["Name"] for key in found["ListKeyRotations"]["Keys"]] for found in (paged, whole)]
    assert keys[0] == keys[1]
    links = [call for call in azure.calls() if "sandboxSkip" in call["url"]]
    assert len({call["path"] for call in links}) >= 7


@pytest.mark.parametrize("page_size", [1, 2])
def test_run_in_small_pages_rotates_every_key(azure: Sandbox, page_size: int) -> None:
    azure.reset(propagation_seconds=0, page_size=page_size)
    api = Api()
    rotation = api.post("ExecKeyRotation").results
    keys = rotation["Keys"]
    assert {key["Outcome"] for key in keys} == {"rotated"}
    assert len(keys) == 6
    (run,) = api.get(f"ListKeyRotations?RunId={rotation['RunId']}").results["Runs"]
    assert {key["Name"] for key in run["Keys"]} == {key["Name"] for key in keys}


@pytest.mark.parametrize(
    "link",
    [
        "https://management.example.com/next",
        "http://management.azure.com/next",
        "https://management.azure.com@example.com/next",
        "https://management.azure.com.example.com/next",
        "https://management.azure.com:8443/next",
        "/next",
        7,
        ["https://management.azure.com/next"],
    ],
    ids=repr,
)
@pytest.mark.parametrize(("name", "host", "path"), LISTS, ids=lambda part: str(part)[:40])
def test_link_to_another_host_is_not_followed(  # noqa: PLR0913, PLR0917 - each is a part of the case
    azure: Sandbox, nowhere: pytest.MonkeyPatch, name: str, host: str, path: str, link: object
) -> None:
    for setting, value in QUICK.items():
        nowhere.setenv(setting, value)
    if isinstance(link, str):
        link = link.replace(ARM, host)
    azure.faults([{"host": host, "path": path, "edit": [["nextLink", link]], "times": 0}])
    answer = Api().get(name)
    assert "next" not in "".join(call["path"] for call in azure.calls())
    assert "example.com" not in {call["host"] for call in azure.calls()}
    if answer.status != 200:
        assert answer.status == 500
        assert phrases.FOREIGN_PAGE in answer.results


@pytest.mark.parametrize(("name", "host", "path"), LISTS, ids=lambda part: str(part)[:40])
def test_list_whose_pages_form_a_loop_ends(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, name: str, host: str, path: str
) -> None:
    for setting, value in QUICK.items():
        nowhere.setenv(setting, value)
    first = Api().get(name)
    assert first.status == 200
    url = next(
        call["url"] for call in azure.calls(host) if call["path"].lower().endswith(path.strip("^$/").lower()[-8:])
    )
    azure.faults([{"host": host, "path": path, "edit": [["nextLink", url]], "times": 0}])
    before = len(azure.calls(host))
    answer = Api().get(name)
    assert len(azure.calls(host)) < before + 100
    if answer.status != 200:
        assert phrases.ENDLESS_PAGES in answer.results
