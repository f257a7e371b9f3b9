"""CIPP's static web app: its state, domains and users, and the results of writes to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from backend.values import Act, Value


class StaticWebAppState(Value, frozen=True):
    """The static web app as ARM shows it. `exists` is false if CIPP does not have one.

    `reason` states why it does not exist, or that it does not have a host name.
    """

    exists: bool
    reason: str | None = None
    name: str | None = None
    host_name: str | None = None
    plan: str | None = None
    linked_backends: list[str] = []  # noqa: RUF012 - msgspec copies the default
    repository: str | None = None
    branch: str | None = None
    last_build: datetime | None = None
    last_build_status: str | None = None
    link: str | None = None


Validation = Literal["cname", "txt"]


class Invitation(Act, frozen=True, kw_only=True):
    """An invitation. Only this response contains the address. Anyone who has it can take the roles."""

    invitation_url: str | None = None
    expires_on: datetime | None = None


class Guest(msgspec.Struct, frozen=True):
    """A user to invite. `details` is the e-mail address or user name. `domain` defaults to the app's host name."""

    details: str
    provider: str
    roles: Sequence[str]
    hours: int
    domain: str | None


class User(Value, frozen=True):
    """One user with roles. `unknown_roles` are neither CIPP's own roles nor custom roles in its table."""

    user_id: str
    display_name: str
    provider: str
    roles: list[str]
    unknown_roles: list[str]


class UserAct(Act, frozen=True, kw_only=True):
    """A change of a user's roles, or a user's removal."""

    user_id: str


class DnsRecord(Value, frozen=True):
    """A DNS record to create. `value` is null while Azure has not created the token or the host name yet."""

    type: Literal["CNAME", "TXT", "ALIAS"]
    host: str
    value: str | None


class Domain(Value, frozen=True):
    """One custom domain. `state` is Azure's, for example Ready, Validating or Failed.

    `dns_record` is what Azure still checks for, or null. `routing_record` leads visitors to the app, and is needed
    permanently. For a domain validated by TXT, Azure does not show whether that record exists.
    """

    name: str
    state: str
    validation_token: str | None
    error: str | None
    since: datetime | None
    dns_record: DnsRecord | None
    routing_record: DnsRecord | None = None


class DomainAct(Act, frozen=True, kw_only=True):
    """A domain added or removed. Azure checks for `dns_record`, and `routing_record` leads visitors to the app."""

    domain: str
    dns_record: DnsRecord | None = None
    routing_record: DnsRecord | None = None


SEATS: Final = 25  # users in custom roles, per app, on every plan (Static Web Apps quotas)


class Users(Value, frozen=True):
    """The users, the seats they use, and what Azure can't list."""

    users: list[User]
    seats_used: int
    note: str
    seats: int = SEATS
