"""Key Vault's limits: names, API versions, sizes (Key Vault service limits, about-secrets)."""

import re
from typing import Any, Final

from sandbox.key_vault import errors

LATEST_API_VERSION: Final = "2026-04-01"
API_VERSIONS: Final = frozenset(
    {
        "2016-10-01",
        "7.0",
        "7.1",
        "7.2",
        "7.2-preview",
        "7.3",
        "7.3-preview",
        "7.4",
        "7.4-preview.1",
        "7.5",
        "7.5-preview.1",
        "7.6",
        "7.6-preview.1",
        "7.6-preview.2",
        "2025-06-01-preview",
        "2025-07-01",
        LATEST_API_VERSION,
    }
)
WITHOUT_RECOVERABLE_DAYS: Final = frozenset({"2016-10-01", "7.0"})
PAGE_SIZE: Final = 25
BACKUP_VERSIONS: Final = 500

_NAME: Final = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VALUE_BYTES: Final = 25_600
_CONTENT_TYPE_CHARACTERS: Final = 255
_TAGS: Final = 15
_TAG_CHARACTERS: Final = 512


def check_api_version(version: str | None) -> str:
    """Return the API version of a call.

    Raises:
        VaultError: 400. The version is missing or unknown.
    """
    if not version:
        raise errors.bad_parameter("api-version must be specified")
    if version not in API_VERSIONS:
        raise errors.bad_parameter(
            f"The specified version ({version}) is not recognized. "
            f"Consider using the latest supported version ({LATEST_API_VERSION})."
        )
    return version


def check_name(name: str) -> str:
    """Return the name of a secret.

    Raises:
        VaultError: 400. The name is not valid in Key Vault.
    """
    if not _NAME.fullmatch(name):
        raise errors.bad_parameter(f"The request URI contains an invalid name: {name}")
    return name


def check_page_size(text: str | None) -> int:
    """Return the maximum number of items on a page.

    Raises:
        VaultError: 400. It is not a number from 1 to 25.
    """
    if text is None:
        return PAGE_SIZE
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= PAGE_SIZE:
        raise errors.bad_parameter("invalid maxresults")
    return int(text)


def check_value(value: object) -> str:
    """Return a secret's value. It can be empty.

    Raises:
        VaultError: 400. It is missing, not text or too large.
    """
    if not isinstance(value, str) or len(value.encode()) > _VALUE_BYTES:
        raise errors.invalid_value()
    return value


def check_content_type(content_type: object) -> str | None:
    """Return a content type.

    Raises:
        VaultError: 400. It is not text or too long.
    """
    if content_type is None:
        return None
    if not isinstance(content_type, str) or len(content_type) > _CONTENT_TYPE_CHARACTERS:
        raise errors.invalid_value()
    return content_type


def check_tags(tags: object) -> dict[str, str] | None:
    """Return tags.

    Raises:
        VaultError: 400. The tags are not an object of texts, too many, or too long.
    """
    if tags is None:
        return None
    if not isinstance(tags, dict) or len(tags) > _TAGS:
        raise errors.invalid_value()
    checked: dict[str, Any] = tags
    for name, value in checked.items():
        if not isinstance(value, str) or max(len(name), len(value)) > _TAG_CHARACTERS:
            raise errors.invalid_value()
    return dict(checked)
