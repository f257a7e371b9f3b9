"""The languages and versions that function apps can run: those of the seeded apps."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.gateway import Operation
from sandbox.arm.sites import page

# Each version and the day on which support for it stops. Azure CLI 2.60 requires the day.
_PYTHON: Final = {"3.11": "2027-10-31", "3.12": "2028-10-31", "3.13": "2029-10-31"}
_POWERSHELL: Final = {"7.4": "2026-11-10"}


def _settings(language: str, version: str, end: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "runtimeVersion": version,
        "remoteDebuggingSupported": False,
        "appInsightsSettings": {"isSupported": True},
        "gitHubActionSettings": {"isSupported": True, "supportedVersion": version},
        "appSettingsDictionary": {"FUNCTIONS_WORKER_RUNTIME": language},
        "siteConfigPropertiesDictionary": config,
        "supportedFunctionsExtensionVersions": ["~4"],
        "isPreview": False,
        "isDeprecated": False,
        "isHidden": False,
        "isDefault": True,
        "endOfLifeDate": f"{end}T00:00:00Z",
        "Sku": [
            {
                "skuCode": "FC1",
                "instanceMemoryMB": [{"size": size, "isDefault": size == 2048} for size in (512, 2048, 4096)],
                "maximumInstanceCount": {"lowestMaximumInstanceCount": 40, "highestMaximumInstanceCount": 1000},
                "functionAppConfigProperties": {"runtime": {"name": language, "version": version}},
            }
        ],
    }


def _version(language: str, title: str, version: str, end: str) -> dict[str, Any]:
    linux = {"use32BitWorkerProcess": False, "linuxFxVersion": f"{title}|{version}"}
    stack = {"linuxRuntimeSettings": _settings(language, version, end, linux)}
    if language == "powershell":
        windows = {"use32BitWorkerProcess": True, "powerShellVersion": version}
        stack["windowsRuntimeSettings"] = _settings(language, version, end, windows)
    return {"displayText": f"{title} {version}", "value": version, "stackSettings": stack}


def _stack(language: str, title: str, versions: Mapping[str, str], kind: str) -> dict[str, Any]:
    major = next(iter(versions)).partition(".")[0]
    minor_versions = [_version(language, title, version, end) for version, end in versions.items()]
    return {
        "id": f"/providers/{kind}/{language}",
        "name": language,
        "type": kind,
        "properties": {
            "displayText": title,
            "value": language,
            "preferredOs": "Windows" if language == "powershell" else "Linux",
            "majorVersions": [{"displayText": f"{title} {major}", "value": major, "minorVersions": minor_versions}],
        },
    }


def _list(call: Call) -> Response:
    wanted, location = call.query.get("stack", ""), call.params.get("location")
    kind = f"Microsoft.Web/{'locations/' if location else ''}functionAppStacks"
    all_stacks = [
        _stack("python", "Python", _PYTHON, kind),
        _stack("powershell", "PowerShell", _POWERSHELL, kind),
    ]
    return JSONResponse(page([s for s in all_stacks if wanted.lower() in ("", s["name"])]))


OPERATIONS: Final = (
    Operation("GET", "/providers/Microsoft.Web/functionAppStacks", _list, anyone=True),
    Operation("GET", "/providers/Microsoft.Web/locations/{location}/functionAppStacks", _list, anyone=True),
)
