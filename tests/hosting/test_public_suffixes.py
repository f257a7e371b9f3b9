"""The apex of a zone by the public suffix list."""

import pytest

from backend.hosting.domains.public_suffixes import is_apex, is_suffix


@pytest.mark.parametrize(
    ("domain", "apex", "suffix"),
    [
        ("contoso.com", True, False),
        ("cipp.contoso.com", False, False),
        ("co.uk", False, True),
        ("contoso.co.uk", True, False),
        ("contoso.id.au", True, False),
        ("com.au", False, True),
        ("contoso.uk", True, False),
        ("uk.com", True, False),  # a company's suffix, under which others register
        ("contoso.uk.com", True, False),
        ("github.io", True, False),
        ("contoso.github.io", True, False),
        ("cipp.contoso.github.io", False, False),
        ("contoso.unknowntld", True, False),
        ("a.contoso.unknowntld", False, False),
        ("contoso.xn--p1ai", True, False),
        ("xn--55qx5d.cn", False, True),
        ("contoso.xn--55qx5d.cn", True, False),
        ("foo.ck", False, True),  # *.ck
        ("www.ck", True, False),  # !www.ck
        ("city.kawasaki.jp", True, False),
        ("x.kawasaki.jp", False, True),
        ("", False, True),
        ("contoso", False, True),
    ],
)
def test_apex_and_suffix_of_a_domain(domain: str, apex: bool, suffix: bool) -> None:
    assert (is_apex(domain), is_suffix(domain)) == (apex, suffix)
