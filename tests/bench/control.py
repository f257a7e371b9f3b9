"""The control address of the sandbox in an environment."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

_OPENER = build_opener(ProxyHandler({}))


def reset(env: Mapping[str, str], **options: object) -> None:
    """Reset the sandbox with these options."""
    _ask(env, "reset", json.dumps(options).encode())


def calls(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every call since the reset, oldest first."""
    found: list[dict[str, Any]] = _ask(env, "calls")
    return found


def secrets(env: Mapping[str, str]) -> dict[str, str]:
    """Return the current values of the vault's secrets, by name."""
    (vault,) = _ask(env, "state")["vaults"].values()
    return {name: versions[-1]["value"] for name, versions in vault["secrets"].items()}


def _ask(env: Mapping[str, str], name: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - what JSON may hold
    request = Request(f"{env['SANDBOX_URL']}/sandbox/{name}", body)  # noqa: S310 - a loopback address
    with _OPENER.open(request, timeout=60) as answer:
        return json.load(answer)
