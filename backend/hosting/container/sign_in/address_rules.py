"""Which rules restrict the addresses from which users reach CIPP as a container: CIPP's, and App Service's. Pure.

From which address a user calls is unknown to this app. So a rule may keep a user out. Without any, no address is
refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.access.tables import RANGES, AccessRules
from backend.readings import Json, objects_of, properties_of, text_of
from backend.text.quoting import shown

_EVERYWHERE: Final = ("any", "0.0.0.0/0", "::/0")
_UNREADABLE: Final = f"A row of CIPP's table {RANGES} is not readable, so it may restrict any role."
_PRIVATE: Final = "Public network access of the app is off, so users reach CIPP only through its private network."


@dataclass(frozen=True)
class AddressRules:
    """The rules as sentences. `cipps` are CIPP's own, and `of_the_site` those of App Service. None is unknown."""

    cipps: Sequence[str] | None
    of_the_site: Sequence[str] | None

    @property
    def sentences(self) -> list[str]:
        """What is known to restrict addresses."""
        return [*(self.cipps or ()), *(self.of_the_site or ())]


def cipps_rules(rules: AccessRules) -> list[str]:
    """Return what CIPP's table restricts. A superadmin is never restricted."""
    roles = [shown(role) for role in sorted(rules.ranges) if role not in ("", "superadmin")]
    restricted = (
        f"CIPP's table {RANGES} restricts these roles to addresses: {', '.join(roles)}. From another address, their "
        "users get 403 after they have signed in."
    )
    return [*([_UNREADABLE] if rules.restricts_all else []), *([restricted] if roles else [])]


def site_rules(site: Json, web: Json) -> list[str]:
    """Return what App Service restricts. `web` is the site's `config/web`."""
    settings = properties_of(web)
    access = [text_of(one.get("publicNetworkAccess")).lower() for one in (properties_of(site), settings)]
    rules = [rule for rule in objects_of(settings.get("ipSecurityRestrictions")) if not _allows_all(rule)]
    denies = text_of(settings.get("ipSecurityRestrictionsDefaultAction")).lower() == "deny"
    found = [_PRIVATE] if "disabled" in access else []
    if rules or denies:
        default = ", and denies all other addresses" if denies else ""
        found.append(
            f"App Service has {len(rules)} rules of who may call CIPP{default}. Others get 403 before they can sign in."
        )
    return found


def _allows_all(rule: Json) -> bool:
    """Return whether a rule is the one that a site has without any other, which allows each address."""
    return text_of(rule.get("action")).lower() == "allow" and text_of(rule.get("ipAddress")).lower() in _EVERYWHERE
