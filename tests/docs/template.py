"""The roles in deploy/azuredeploy.json, from the needs that `ListBackendRights` checks. `make docs` writes them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backend.health import permissions_needed as needed
from backend.hosting.container import needs as container
from backend.hosting.functions import needs as functions

TEMPLATE: Final = "deploy/azuredeploy.json"


def with_roles(text: str) -> str:
    """Return the template's text with the roles of the code."""
    template: dict[str, Any] = json.loads(text)
    template["variables"]["roles"] = roles()
    return json.dumps(template, indent=2) + "\n"


def is_stale(root: Path) -> bool:
    """Return whether the template has other roles than the code, or another layout than `make docs` writes."""
    text = (root / TEMPLATE).read_text(encoding="utf-8")
    return with_roles(text) != text


def roles() -> Mapping[str, Any]:
    """Return the roles by CIPP's shape, and those that are the same in both.

    Each has exactly the actions that this app uses. `controls` and `rotation` also contain what `observe` has.
    """
    of_static_web_app = {
        "observe": _role("staticWebApp", functions.USERS_OF_STATIC_WEB_APP),
        "controls": _role("staticWebApp", functions.ROLE_ACTIONS, not_actions=functions.ROLE_NOT_ACTIONS),
    }
    return {
        "functions": {
            "read": _role("read", (*needed.READ, *functions.READS)),
            "app": {
                "observe": _role("app", functions.SETTINGS_OF_APP),
                "controls": _role("app", functions.ON_APP),
            },
        },
        "container": {
            "read": _role("read", (*needed.READ, *container.READS)),
            "app": {
                "observe": _role("app", container.SETTINGS_OF_SITE),
                "controls": _role("app", container.ON_SITE),
            },
        },
        "staticWebApp": of_static_web_app,
        "self": _role("self", needed.ON_THIS_APP),
        "plan": _role("plan", container.ON_PLAN),
        "certificates": {
            "observe": _role("certificates", container.READ_CERTIFICATES),
            "controls": _role("certificates", container.ON_CERTIFICATES),
        },
        "vaultRead": _role("vaultRead", needed.VAULT_READS),
        "tables": {
            "observe": _role("tables", needed.TABLE_ACTIONS, data_actions=needed.ENTITY_WRITE_ACTIONS),
            "changes": _role("tables", needed.TABLE_ACTIONS, data_actions=needed.ENTITY_ACTIONS),
        },
        "vault": {
            "observe": _role("vault", (), data_actions=needed.SECRET_READ_ACTIONS),
            "rotation": _role("vault", (), data_actions=needed.SECRET_ACTIONS),
        },
        "vaultPolicy": {"observe": list(needed.SECRET_READS), "rotation": list(needed.SECRET_PERMISSIONS)},
    }


def _role(
    key: str, actions: Sequence[str], *, not_actions: Sequence[str] = (), data_actions: Sequence[str] = ()
) -> Mapping[str, Any]:
    return {
        "key": key,
        "actions": list(actions),
        "notActions": list(not_actions),
        "dataActions": list(data_actions),
    }
