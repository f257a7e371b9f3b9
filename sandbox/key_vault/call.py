"""One authorized call of a vault, as the operations receive it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.key_vault import errors
from sandbox.key_vault.limits import check_name
from sandbox.key_vault.state import Vault


@dataclass(frozen=True)
class Call:
    """The called vault and the parameters of the call."""

    vault: Vault
    vault_url: str  # without a trailing slash
    api_version: str
    path: str  # without a trailing slash
    path_params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The secret's name, in the caller's case.

        Raises:
            VaultError: 400. The name is not valid in Key Vault.
        """
        return check_name(self.path_params["name"])

    @property
    def version(self) -> str:
        """The secret's version. Empty for the latest."""
        return self.path_params.get("version", "")

    def json(self) -> dict[str, Any]:
        """Return the body.

        Raises:
            VaultError: 400. The body is not a JSON object.
        """
        try:
            body = json.loads(self.body)
        except ValueError as error:
            raise errors.invalid_value() from error
        if not isinstance(body, dict):
            raise errors.invalid_value()
        return body
