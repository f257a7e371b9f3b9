"""The cost of an idle app: its import loads no SDK, and nothing that only a call needs."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = (
    "azure.core",
    "azure.identity",
    "azure.keyvault",
    "azure.mgmt",
    "azure.data",
    "msgraph",
    "msal",
    "requests",
    "httpx",
)
BY_NAME = "import sys, json; import {}; print(json.dumps(sorted(sys.modules)))"


def loaded_by(module: str) -> set[str]:
    """Return the modules of a new interpreter after the import."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-W", "error", "-c", BY_NAME.format(module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return set(json.loads(done.stdout))


def test_app_import_loads_no_azure_sdk_and_no_http_client() -> None:
    loaded = loaded_by("function_app")
    assert [name for name in loaded if name.startswith(HEAVY)] == []
    assert {name for name in loaded if name.count(".") == 1 and name.startswith("azure.")} == {"azure.functions"}
    assert not any(name == "sandbox" or name.startswith("sandbox.") for name in loaded)


def test_app_import_adds_only_its_own_packages_and_msgspec() -> None:
    added = {name.partition(".")[0] for name in loaded_by("function_app") - loaded_by("azure.functions")}
    # msgspec imports typing_extensions if it is installed
    assert added - sys.stdlib_module_names - {"typing_extensions"} == {"backend", "settings", "function_app", "msgspec"}


def test_links_from_settings_load_no_sdk() -> None:
    script = (
        "import os, sys, json; os.environ['AZURE_FUNCTIONS_ENVIRONMENT'] = 'Development';"
        "import tests.support.api as api; api.Api().get('ExecBackendURLs'); api.Api().get('me');"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script], cwd=ROOT, env={}, capture_output=True, text=True, check=True, timeout=60
    )
    assert [name for name in json.loads(done.stdout) if name.startswith(HEAVY)] == []
