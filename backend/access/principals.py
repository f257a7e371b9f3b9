"""The callers of this API: a user of the static web app, a user by claims, or an application. Pure."""

from typing import Final

import msgspec

ENTRA: Final = "aad"


class StaticWebAppUser(msgspec.Struct, frozen=True):
    """A user of the static web app. `roles` are from the static web app, including authenticated and anonymous."""

    name: str
    user_id: str
    provider: str
    roles: tuple[str, ...]


class User(msgspec.Struct, frozen=True):
    """A user by the claims of a token. Without an `object_id`, the user is unknown. `name` is only for display.

    `groups` are the group IDs in the token. They are empty if the user has too many groups for a token.
    """

    tenant: str
    object_id: str
    name: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def user_id(self) -> str:
        """The platform's ID of the user."""
        return self.object_id

    @property
    def provider(self) -> str:
        """The identity provider of the user."""
        return ENTRA


class Application(msgspec.Struct, frozen=True):
    """An application by its own token. `client_id` is in lower case."""

    tenant: str
    client_id: str

    @property
    def name(self) -> str:
        """The client ID, because a token does not name its application."""
        return self.client_id

    @property
    def user_id(self) -> str:
        """The platform's ID of the application."""
        return self.client_id

    @property
    def provider(self) -> str:
        """The identity provider of the application."""
        return ENTRA


Principal = StaticWebAppUser | User | Application
