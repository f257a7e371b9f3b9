"""The caller that this host puts in where the request names none."""

import base64
import json
import uuid

HEADER = "x-ms-client-principal"
NOBODY = "nobody"


def principal(role: str) -> str | None:
    """Give the header as a static web app sends it for one role; `nobody` has none."""
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
