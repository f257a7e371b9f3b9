"""Which host names can be a custom domain of CIPP. Pure.

Sources: the rule of CIPP's own page of domains, RFC 1035, and Microsoft's documentation of custom domains.
"""

import re
from typing import Final

from backend.errors import InvalidInputError
from backend.hosting.domains.public_suffixes import is_apex, is_suffix
from backend.text.quoting import is_like_a_key

WILDCARD: Final = "*."
LONGEST: Final = 253  # RFC 1035
LONGEST_LABEL: Final = 63
LONGEST_CERTIFIED: Final = 64  # of Azure's managed certificates, by Microsoft's documentation
AZURES: Final = (".azurewebsites.net", ".azurewebsites.us", ".chinacloudsites.cn", ".azurestaticapps.net")
_RULE: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_PUNYCODE: Final = "xn--"
# IDNA 2003 and 2008 disagree on these, so that the name could lead to another domain.
_AMBIGUOUS: Final = "\u00df\u03c2"
_FORM: Final = (
    "Domain must be a host name without a scheme, port or path. It needs at least two labels of 1 to 63 letters a-z, "
    "digits and hyphens. A label must not start or end with a hyphen, and the last one has letters only. The first one "
    "may be an asterisk."
)


def custom_host(text: str, default_host: str = "") -> str:
    """Return a custom host name in lower case, an internationalized one in punycode.

    `default_host` is the app's own one: Azure never binds another name below it.

    Raises:
        InvalidInputError: It is not a host name, or Azure never binds it.
    """
    wanted = in_punycode(text.strip())
    base = wanted.removeprefix(WILDCARD)
    fits = len(wanted) <= LONGEST and all(len(label) <= LONGEST_LABEL for label in wanted.split("."))
    if not fits or not _RULE.fullmatch(wanted):
        raise InvalidInputError(_FORM, field="Domain")
    own = default_host.lower()
    if wanted.endswith(AZURES) or (own and (base == own or base.endswith(f".{own}"))):
        raise InvalidInputError(
            f"'{wanted}' belongs to Azure.", field="Domain", advice="Send a domain that you registered."
        )
    if is_suffix(base):
        raise InvalidInputError(
            f"'{wanted}' is a public suffix, which you can't own.",
            field="Domain",
            advice="Send the domain that you registered.",
        )
    return wanted


def in_punycode(text: str) -> str:
    """Return a host name in lower case with its internationalized labels in punycode, without a final period.

    Raises:
        InvalidInputError: Punycode can't express it without doubt. Or it looks like a secret, which a message about a
            missing domain must not repeat: in lower case, that can't be seen any more.
    """
    if is_like_a_secret(text):
        raise InvalidInputError(_FORM, field="Domain")
    lower = text.lower().removesuffix(".")
    if lower.isascii():
        return lower
    prefix = WILDCARD if lower.startswith(WILDCARD) else ""
    advice = "Send its form in punycode, xn--..."
    if any(character in lower for character in _AMBIGUOUS):
        raise InvalidInputError(_FORM, field="Domain", advice=advice)
    try:
        return prefix + lower.removeprefix(WILDCARD).encode("idna").decode().lower()
    except UnicodeError as error:
        raise InvalidInputError(_FORM, field="Domain", advice=advice) from error


def is_like_a_secret(text: str) -> bool:
    """Return whether a text in place of a host name looks like a secret. A label in punycode alone does not count."""
    return is_like_a_key(".".join(label for label in text.split(".") if not label.lower().startswith(_PUNYCODE)))


def is_wildcard(host: str) -> bool:
    """Return whether a host name stands for all names of its zone."""
    return host.startswith(WILDCARD)


def why_no_certificate(host: str) -> str:
    """Return why Azure never issues a managed certificate for a host name, "" if it does."""
    if is_wildcard(host):
        return "Azure issues no managed certificate for a wildcard."
    if len(host) > LONGEST_CERTIFIED:
        return f"Azure issues no managed certificate for a name with more than {LONGEST_CERTIFIED} characters."
    return ""


def record_type(host: str) -> str:
    """Return the type of the DNS record that a custom domain needs: the top of a zone can't have a CNAME."""
    return "A" if not is_wildcard(host) and is_apex(host) else "CNAME"


def ownership_host(host: str) -> str:
    """Return the name of the TXT record that would name the subscription that may bind a host."""
    return f"asuid.{host.removeprefix(WILDCARD)}"
