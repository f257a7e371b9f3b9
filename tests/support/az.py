"""The commands that ListBackendRights prints, applied to the sandbox as the Azure CLI does.

The CLI itself is too large for the tests. This sends what the CLI was seen to send for these commands.
A command with an unknown word fails the test.
"""

import json
import shlex
from uuid import uuid4

from sandbox import names
from tests.support.admin import ROLES, ROLES_API, SUBSCRIPTION, Admin


def run(admin: Admin, command: str) -> None:
    """Run one line of commands joined by `&&`."""
    for part in command.split(" && "):
        words = shlex.split(part)
        start = next(index for index, word in enumerate(words) if word.startswith("--"))
        verb, options = " ".join(words[:start]), _options(words[start:])
        if verb == "az role assignment create":
            assert options.pop("--assignee-principal-type") == ["ServicePrincipal"]
            (who,), (role,), (scope,) = (options.pop(o) for o in ("--assignee-object-id", "--role", "--scope"))
            admin.give_role(role, scope, who)
        elif verb == "az role definition create":
            _create_role(admin, json.loads(options.pop("--role-definition")[0]))
        elif verb == "az keyvault set-policy":
            assert options.pop("--name") == [names.VAULT]
            admin.set_policy(*options.pop("--secret-permissions"), principal=options.pop("--object-id")[0])
        else:
            raise AssertionError(f"unknown: {verb}")
        assert options == {}


def _options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word, [])
        else:
            values.append(word)
    return options


def _create_role(admin: Admin, definition: dict[str, object]) -> None:
    given = {name[0].lower() + name[1:]: value for name, value in definition.items()}
    properties = {
        "roleName": given.pop("name"),
        "description": given.pop("description"),
        "type": "CustomRole",
        "assignableScopes": given.pop("assignableScopes"),
        "permissions": [{"actions": given.pop("actions"), "notActions": given.pop("notActions")}],
    }
    assert given == {}
    admin.call("PUT", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions/{uuid4()}", ROLES_API, {"properties": properties})
