"""The key of the storage account: how to recognize calls that are signed with it, and how the sandbox signs."""

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qs

from sandbox.azurite import ACCOUNT, Tables

PATH: Final = f"/{ACCOUNT}"  # the last part of the connection string's TableEndpoint


def is_by_key(scheme: str, path: str) -> bool:
    """Return whether a call used the connection string."""
    return scheme == "http" and (path == PATH or path.startswith(f"{PATH}/"))


def signature(tables: Tables, date: str, path: str, query: str) -> str:
    """Return the Authorization header of a call (Shared Key Lite for the table service)."""
    component = parse_qs(query).get("comp")
    resource = f"/{tables.account}{path}" + (f"?comp={component[0]}" if component else "")
    signed = hmac.new(base64.b64decode(tables.key), f"{date}\n{resource}".encode(), hashlib.sha256)
    return f"SharedKeyLite {tables.account}:{base64.b64encode(signed.digest()).decode()}"
