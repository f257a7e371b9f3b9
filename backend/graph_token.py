"""How a token of ours gets into msgraph-sdk's requests."""

from typing import Any

from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator

from backend.clouds import Cloud
from backend.values import SecretText


class GraphToken(AccessTokenProvider):
    """Hand out one token, to Graph's own host alone."""

    def __init__(self, token: SecretText, cloud: Cloud) -> None:
        self._token = token
        self._hosts = AllowedHostsValidator([cloud.graph.removeprefix("https://")])

    async def get_authorization_token(
        self,
        uri: str,
        additional_authentication_context: dict[str, Any] = {},  # noqa: ARG002, B006 - kiota's own signature
    ) -> str:
        """Answer the token; nothing for another host."""
        return self._token.reveal() if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        """Answer the hosts that may see the token."""
        return self._hosts
