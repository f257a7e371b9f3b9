"""The token provider that adds this app's token to msgraph-sdk's requests."""

from typing import Any

from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from backend.configuration.clouds import Cloud
from backend.values import SecretText


class GraphToken(AccessTokenProvider):
    """A provider of one token, for requests to Graph's own host only."""

    def __init__(self, token: SecretText, cloud: Cloud) -> None:
        self._token = token
        self._hosts = AllowedHostsValidator([cloud.graph.removeprefix("https://")])

    async def get_authorization_token(
        self,
        uri: str,
        additional_authentication_context: dict[str, Any] = {},  # noqa: ARG002, B006 - kiota's own signature
    ) -> str:
        """Return the token, or "" for another host."""
        return self._token.reveal() if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        """Return the validator of the hosts that may get the token."""
        return self._hosts
