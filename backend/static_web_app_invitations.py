"""Invitations to a role in the static web app."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.act import Act
from backend.errors import InvalidInputError, while_trying_to
from backend.quoting import is_like_a_key, quoted
from backend.static_web_app import StaticWebApp, moment_of
from backend.static_web_app_domains import StaticWebAppDomains, host_name
from backend.static_web_app_users import check_roles

LONGEST_HOURS: Final = 168
DETAILS: Final = r"[^\s\x00-\x1f\x7f]{1,320}"  # an e-mail address at its longest
PROVIDER: Final = r"[0-9A-Za-z_-]{1,50}"


class Invitation(Act, frozen=True, kw_only=True):
    """An invitation. The address is given this once; whoever has it takes the roles."""

    invitation_url: str | None = None
    expires_on: datetime | None = None


@dataclass(frozen=True)
class Guest:
    """Whom to invite: `details` is the e-mail address or user name; `domain` None is the default host name."""

    details: str
    provider: str
    roles: Sequence[str]
    hours: int
    domain: str | None


class StaticWebAppInvitations:
    """The service of the invitations. Needs Microsoft.Web/staticSites/createUserInvitation/action."""

    def __init__(self, app: StaticWebApp, domains: StaticWebAppDomains) -> None:
        self._app = app
        self._domains = domains

    def invite(self, guest: Guest, *, dry_run: bool) -> Invitation:
        """Invite a user; the link is answered once and kept nowhere. Sent once: a repeat would invite twice.

        Raises:
            InvalidInputError: A field breaks Azure's rules, or the domain is none that is ready.
        """
        checked = check_guest(guest)
        name, host = self._app.name, self._host(guest.domain)
        who = f"'{guest.details}' ({guest.provider}) to '{name}' as {', '.join(checked)} for {guest.hours} hours"
        if dry_run:
            return Invitation(dry_run=True, would_do=[f"Invite {who}."])
        envelope = {
            "properties": {
                "domain": host,
                "provider": guest.provider,
                "userDetails": guest.details,
                "roles": ",".join(checked),
                "numHoursToExpiration": guest.hours,
            }
        }
        with while_trying_to(f"invite {who}"):
            made = self._app.operations.create_user_roles_invitation_link(
                self._app.group, name, envelope, retry_total=0
            )
        invitation = made.as_dict()["properties"]
        return Invitation(
            dry_run=False,
            done=[f"Invited {who}."],
            invitation_url=invitation["invitationUrl"],
            expires_on=moment_of(invitation["expiresOn"]),
        )

    def _host(self, wanted: str | None) -> str:
        """Answer the host name that an invitation leads to: the one asked for, if it is ready."""
        default = self._app.host_name
        if wanted is None or wanted.lower() == default:
            return default
        ready = [default, *(domain.name for domain in self._domains.domains() if domain.state == "Ready")]
        if host_name(wanted) not in ready:
            raise InvalidInputError(f"{quoted(wanted)} is not a ready domain: {', '.join(ready)}.", field="Domain")
        return host_name(wanted)


def check_guest(guest: Guest) -> list[str]:
    """Check an invitation by Azure's rules; answer its roles without repeats. Pure.

    Raises:
        InvalidInputError: A field breaks its rule.
    """
    checked = check_roles(guest.roles)
    if not 1 <= guest.hours <= LONGEST_HOURS:
        raise InvalidInputError(f"Hours must be from 1 to {LONGEST_HOURS}.", field="Hours")
    if not re.fullmatch(DETAILS, guest.details) or is_like_a_key(guest.details):
        raise InvalidInputError(
            "UserDetails must be an e-mail address or user name of up to 320 characters, without spaces, "
            "and not a key or a token.",
            field="UserDetails",
        )
    if not re.fullmatch(PROVIDER, guest.provider) or is_like_a_key(guest.provider):
        raise InvalidInputError(
            "Provider must be an identity provider such as aad or github: letters, digits, dashes and underscores.",
            field="Provider",
        )
    if guest.domain is not None:
        host_name(guest.domain)
    return checked
