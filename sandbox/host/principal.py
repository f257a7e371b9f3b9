"""The caller that this host adds to requests without one."""

import base64
import json
import uuid

HEADER = "x-ms-client-principal"
NOBODY = "nobody"


def principal(role: str) -> str | None:
    """Return the header that a static web app sends for a user with one role, or None if no caller is added."""
    if role == NOBODY:
        return None
    details = f"{role}@localhost"
    principal = {
        "identityProvider": "aad",
        "userId": str(uuid.uuid5(uuid.NAMESPACE_DNS, details)),
        "userDetails": details,
        "userRoles": list(dict.fromkeys([role, "authenticated", "anonymous"])),
    }
    return base64.b64encode(json.dumps(principal).encode()).decode()
