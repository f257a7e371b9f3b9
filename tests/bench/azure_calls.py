"""How many calls to Azure each endpoint makes in a process that has been called before."""

from collections.abc import Mapping
from typing import Final

from settings.http import backend
from tests.api import Answer, Api
from tests.bench.line import Line
from tests.sandbox_client import Control

IDENTITY: Final = "127.0.0.1"  # the app's own token, which is not Azure's answer
USER: Final = {"UserId": "9f40b7c2d1e64a58b3a6c5d7e8f90122", "Provider": "aad"}
DOMAIN: Final = {"Domain": "portal.contosomsp.com"}
GUEST: Final = {"UserDetails": "pat@contoso.com", "Roles": ["editor"], "Hours": 1}
# The fewest calls that can answer: what is written is read before, and after where Azure may not have kept it.
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
    ("ExecStaticWebAppUserInvite", GUEST, 1),
    ("ExecStaticWebAppUserRoles", {**USER, "Roles": ["admin"]}, 2),
    ("ExecStaticWebAppUserRemove", USER, 2),
)


def azure_calls(env: Mapping[str, str]) -> list[Line]:
    """Call each endpoint once unmeasured, and once more as the sandbox counts."""
    control = Control(env["SANDBOX_URL"])
    api = Api()
    for name, body, _ in ENDPOINTS:
        _ask(api, name, body)
    control.reset(propagation_seconds=0)
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
        backend().overview.look()  # the endpoint itself remembers
    answer = api.get(name) if body is None else api.post(name, body)
    if answer.status != 200:
        raise RuntimeError(f"{name} answered {answer.status}, so nothing is measured: {answer.text}")
    return answer
