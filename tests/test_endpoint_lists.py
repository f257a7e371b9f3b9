"""Lists of endpoints that tests and the benchmark keep by hand. A new endpoint joins them, or is named as an exception.

docs/testing.md#lists-that-a-new-endpoint-joins describes them.
"""

from typing import Final

import pytest

import function_app
from settings.http.routes import all_routes
from tests.bench.azure_calls import ENDPOINTS, azure_calls
from tests.support.odd_responses import READS
from tests.support.sandbox_client import Sandbox

ROUTES: Final = all_routes(function_app.PAGES)
# The endpoints whose calls to Azure the benchmark does not count, by the reason.
UNCOUNTED: Final = {
    **dict.fromkeys(("PublicPing", "me", "OpenApi", "Docs", "Console"), "calls no resource of Azure"),
    **dict.fromkeys(("ExecKeyRotation", "ExecKeyProof", "ListKeyRotations"), "the rotation has a measure of its own"),
    **dict.fromkeys(
        ("ListKeyVaultSecretVersions", "ExecKeyVaultSecretSet", "ExecKeyVaultSecretRestore"),
        "the number of calls depends on the versions",
    ),
    **dict.fromkeys(
        ("ListBackendDomains", "ExecBackendDomainAdd", "ExecBackendDomainSecure", "ExecBackendDomainRemove"),
        "on a container, the number of calls depends on the domains",
    ),
    "ExecBackendDomainRepairSignIn": "calls nothing for function apps",
    **dict.fromkeys(("ExecKeySignInStart", "ExecKeySignInFinish"), "the number of calls depends on the token's state"),
    "ExecKeyVaultSecretRecover": "needs a deleted secret",
    "ExecFunctionAppRestart": "polls, so the number of calls depends on the time",
    "ExecTimeSettings": "writes CIPP's table only",
    "ListBackendStatus": "shows a part of ListBackend, from its cache",
    "ListKeyRotationRuns": "reads this app's table only",
    "ListBackendLog": "reads CIPP's table only",
    "ExecBackendVersionSet": "polls, so the number of calls depends on the time",
    "ListBackendVersions": "reads the registry and CIPP's tables, by what is cached",
    "ListBackendOperations": "reads this app's table only, unless an operation is running",
    "ListBackendSignIn": "the number of calls depends on CIPP's shape and on what can be read",
    "ExecBackendSignInRepair": "the number of calls depends on the causes",
    "ExecFunctionAppDeploymentSync": "needs an app that is connected to its fork",
}


def test_every_endpoint_is_counted_by_the_benchmark_or_has_a_reason() -> None:
    counted = {name for name, _, _ in ENDPOINTS}
    assert counted.isdisjoint(UNCOUNTED)
    assert counted | UNCOUNTED.keys() == {route.name for route in ROUTES}


@pytest.mark.slow("it calls each endpoint twice")
def test_no_endpoint_calls_azure_more_often_than_its_target(azure: Sandbox) -> None:
    lines = azure_calls(azure.env)
    assert len(lines) == len(ENDPOINTS)
    assert [line for line in lines if line.missed] == []


def test_every_read_that_needs_a_caller_gets_odd_responses() -> None:
    reads = {route.path for route in ROUTES if route.method == "GET" and not route.raw and not route.public}
    assert {address.partition("?")[0] for address in READS} == reads
