"""The languages and versions that function apps can run: those of the seeded apps."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.gateway import Operation
from sandbox.arm.sites import page

_PYTHON: Final = ("3.11", "3.12", "3.13")
_POWERSHELL: Final = ("7.4",)


def _settings(language: str, version: str, config: dict[str, Any]) -> dict[str, Any]:
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
        "Sku": [
            {
                "skuCode": "FC1",
                "instanceMemoryMB": [{"size": size, "isDefault": size == 2048} for size in (512, 2048, 4096)],
                "maximumInstanceCount": {"lowestMaximumInstanceCount": 40, "highestMaximumInstanceCount": 1000},
                "functionAppConfigProperties": {"runtime": {"name": language, "version": version}},
            }
        ],
    }


def _version(language: str, title: str, version: str) -> dict[str, Any]:
    linux = {"use32BitWorkerProcess": False, "linuxFxVersion": f"{title}|{version}"}
    stack = {"linuxRuntimeSettings": _settings(language, version, linux)}
    if language == "powershell":
        windows = {"use32BitWorkerProcess": True, "powerShellVersion": version}
        stack["windowsRuntimeSettings"] = _settings(language, version, windows)
    return {"displayText": f"{title} {version}", "value": version, "stackSettings": stack}


def _stack(language: str, title: str, versions: tuple[str, ...], kind: str) -> dict[str, Any]:
    major = versions[0].partition(".")[0]
    minor_versions = [_version(language, title, version) for version in versions]
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
