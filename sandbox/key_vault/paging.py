"""Pages of a list, and the token of the next page in Key Vault's format."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from sandbox.key_vault import errors
from sandbox.key_vault.call import Call
from sandbox.key_vault.limits import check_page_size

# Key Vault's own rows are `<length>!secret/NAME[/VERSION]!000028!9999-12-31T23:59:59.9999999Z!`.
_END_OF_TIME: Final = "9999-12-31T23:59:59.9999999Z"
_TOKEN_BASE64: Final = str.maketrans("+/=", "*_-")
_FROM_TOKEN_BASE64: Final = str.maketrans("*_-", "+/=")

Row = tuple[str, Callable[[], dict[str, Any]] | None]
"""The function that shows an item, under the item's sort key. None for a row that only counts against the page size."""


def page(call: Call, rows: Sequence[Row]) -> dict[str, Any]:
    """Return one page of `rows`, which are sorted by their keys.

    As in Key Vault, the size counts rows. So a page can have fewer items, or none, and still have a next page.

    Raises:
        VaultError: 400. maxresults or $skiptoken is not valid in Key Vault.
    """
    size = check_page_size(call.query.get("maxresults"))
    token = call.query.get("$skiptoken")
    start = "" if token is None else _key_in(token)
    left = [row for row in rows if row[0] >= start]
    link = None
    if len(left) > size:
        link = (
            f"{call.vault_url}:443{call.path}?api-version={call.api_version}"
            f"&$skiptoken={_token_at(left[size][0])}&maxresults={size}"
        )
    return {"value": [show() for _, show in left[:size] if show is not None], "nextLink": link}


def _token_at(key: str) -> str:
    row = f"{len(key):06d}!{key}!{len(_END_OF_TIME):06d}!{_END_OF_TIME}!"
    marker = base64.b64encode(row.encode()).decode().translate(_TOKEN_BASE64)
    token = {"NextMarker": f"2!{len(marker)}!{marker}", "TargetLocation": 0}
    text = json.dumps(token, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key_in(token: str) -> str:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        marker = json.loads(text)["NextMarker"].split("!", 2)[2]
        row = base64.b64decode(marker.translate(_FROM_TOKEN_BASE64)).decode()
    except (binascii.Error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise errors.bad_parameter("invalid $skiptoken") from error
    found = re.match(r"[0-9]{6}!([^!]+)!", row)
    if found is None:
        raise errors.bad_parameter("invalid $skiptoken")
    return found[1]
