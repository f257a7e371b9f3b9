"""The start of a registered DNS zone, by the public suffix list (publicsuffix.org) in a package, offline.

The list is loaded on first use, which takes 35 ms. It has suffixes of registries, such as co.uk, and of companies, such
as uk.com or github.io.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def is_apex(domain: str) -> bool:
    """Return whether a domain is the top of a registered zone, such as contoso.com or contoso.co.uk.

    A company's suffix on the list, such as github.io, is the top of the company's own zone.
    """
    if domain == _list(only_icann=False).privatesuffix(domain):
        return True
    return domain == _list(only_icann=True).privatesuffix(domain)


def is_suffix(domain: str) -> bool:
    """Return whether a domain is a registry's suffix, such as co.uk, which can't be registered."""
    return _list(only_icann=True).privatesuffix(domain) is None


@cache
def _list(*, only_icann: bool) -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - only the page of the domains needs it

    return PublicSuffixList(only_icann=only_icann)
