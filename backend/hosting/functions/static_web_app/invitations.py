"""Invitations to a role in the static web app."""

import re
from typing import Final

from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.errors import InvalidInputError
from backend.formats import moment_of
from backend.hosting.functions.static_web_app.domains import StaticWebAppDomains, host_name
from backend.hosting.functions.static_web_app.site import StaticWebApp
from backend.hosting.functions.static_web_app.users import check_roles
from backend.hosting.results.static_web_app import Guest, Invitation
from backend.readings import properties_of, text_or_none
from backend.text.quoting import is_like_a_key, quoted

LONGEST_HOURS: Final = 168
DETAILS: Final = r"[^\s\x00-\x1f\x7f]{1,320}"  # the longest e-mail address
PROVIDER: Final = r"[0-9A-Za-z_-]{1,50}"


class StaticWebAppInvitations:
    """The service of the invitations. Requires Microsoft.Web/staticSites/createUserInvitation/action."""

    def __init__(self, app: StaticWebApp, domains: StaticWebAppDomains) -> None:
        self._app = app
        self._domains = domains

    def invite(self, guest: Guest, *, dry_run: bool) -> Invitation:
        """Invite a user. The link is returned but not stored. The request is not retried: that could invite twice.

        Raises:
            InvalidInputError: A field breaks Azure's rules, or the domain is not ready.
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
            made = fetched(
                self._app.operations.create_user_roles_invitation_link, self._app.group, name, envelope, retry_total=0
            )
        invitation = properties_of(made)
        return Invitation(
            dry_run=False,
            done=[f"Invited {who}."],
            invitation_url=text_or_none(invitation.get("invitationUrl")),
            expires_on=moment_of(invitation.get("expiresOn")),
        )

    def _host(self, wanted: str | None) -> str:
        """Return the host name for an invitation's link: the wanted one, which must be ready, or the default."""
        default = self._app.host_name
        if wanted is None or wanted.lower() == default:
            return default
        ready = [default, *(domain.name for domain in self._domains.domains() if domain.state == "Ready")]
        if host_name(wanted) not in ready:
            raise InvalidInputError(
                f"{quoted(wanted)} is not a domain with the state Ready. Those are: {', '.join(ready)}.", field="Domain"
            )
        return host_name(wanted)


def check_guest(guest: Guest) -> list[str]:
    """Return an invitation's roles without duplicates, after a check of all fields by Azure's rules. Pure.

    Raises:
        InvalidInputError: A field is not valid.
    """
    checked = check_roles(guest.roles)
    if not 1 <= guest.hours <= LONGEST_HOURS:
        raise InvalidInputError(f"Hours must be 1 to {LONGEST_HOURS}.", field="Hours")
    if not re.fullmatch(DETAILS, guest.details) or is_like_a_key(guest.details):
        raise InvalidInputError(
            "UserDetails must be an e-mail address or user name of up to 320 characters without spaces. "
            "It must not be a key or a token.",
            field="UserDetails",
        )
    if not re.fullmatch(PROVIDER, guest.provider) or is_like_a_key(guest.provider):
        raise InvalidInputError(
            "Provider must be an identity provider such as aad or github: letters, digits, hyphens and underscores.",
            field="Provider",
        )
    if guest.domain is not None:
        host_name(guest.domain)
    return checked
