"""The number of calls to Azure by each endpoint, in a process that has served a request before."""

from collections.abc import Mapping
from typing import Final

from settings.http.process import services
from tests.bench.line import Line
from tests.support.api import Answer, Api
from tests.support.sandbox_client import Control

IDENTITY: Final = "127.0.0.1"  # the app's own token, which doesn't come from Azure
USER: Final = {"UserId": "9f40b7c2d1e64a58b3a6c5d7e8f90122", "Provider": "aad"}
OTHER_USER: Final = "c37e5f8a90d24b16a8e1f2c3d4b5a697"  # the first one is removed before
DOMAIN: Final = {"Domain": "portal.contosomsp.com"}
GUEST: Final = {"UserDetails": "pat@contoso.com", "Roles": ["editor"], "Hours": 1}
# The fewest calls that suffice. A value is read before it is written, and after if Azure might not have stored it.
ENDPOINTS: Final[tuple[tuple[str, Mapping[str, object] | None, int | None], ...]] = (
    ("ExecBackendURLs", None, 0),
    ("ListBackend", None, None),
    ("ListBackendRights", None, None),
    ("ListBackendResources", None, 2),
    ("ListKeyVaultSecrets", None, None),
    ("ListFunctionApps", None, 1),
    ("ExecFunctionAppStop", {}, 3),
    ("ExecFunctionAppStart", {}, 3),
    ("ListFunctionAppSettings", None, 4),
    ("ExecFunctionAppSettings", {"Set": {"BENCH": "1"}}, 4),
    ("ListFunctionAppDeployments", None, 4),
    ("ListStaticWebApp", None, 2),
    ("ListStaticWebAppDomains", None, 1),
    ("ExecStaticWebAppDomainAdd", DOMAIN, 2),
    ("ExecStaticWebAppDomainRemove", DOMAIN, 2),
    ("ListStaticWebAppUsers", None, 1),
    ("ListBackendMigration", None, None),
    ("ExecStaticWebAppUserInvite", GUEST, 1),
    ("ExecStaticWebAppUserRoles", {**USER, "Roles": ["admin"]}, 2),
    ("ExecStaticWebAppUserRemove", USER, 2),
    ("ListBackendUsers", None, 1),
    ("ExecBackendUserSet", {"User": OTHER_USER, "Roles": ["admin"]}, 3),
    ("ExecBackendUserRemove", {"User": OTHER_USER}, 3),
)


def azure_calls(env: Mapping[str, str]) -> list[Line]:
    """Call each endpoint once unmeasured, then again while the sandbox counts."""
    control = Control(env["SANDBOX_URL"])
    api = Api()
    for name, body, _ in ENDPOINTS:
        _ask(api, name, body)
    control.reset(propagation_seconds=0)
    _ask(api, "ExecBackendURLs", None)  # the last write has expired what it caches
    return [
        Line(f"{name}, calls to Azure", _counted(api, control, name, body), "", at_most=fewest)
        for name, body, fewest in ENDPOINTS
    ]


def _counted(api: Api, control: Control, name: str, body: Mapping[str, object] | None) -> int:
    before = len(_to_azure(control))
    _ask(api, name, body)
    return len(_to_azure(control)) - before


def _to_azure(control: Control) -> list[dict[str, object]]:
    return [call for call in control.calls() if call["host"] != IDENTITY]


def _ask(api: Api, name: str, body: Mapping[str, object] | None) -> Answer:
    if name == "ListBackend":
        services().overview.look()  # the endpoint itself caches
    answer = api.get(name) if body is None else api.post(name, body)
    if answer.status != 200:
        raise RuntimeError(f"{name} returned {answer.status}, so nothing is measured: {answer.text}")
    return answer
