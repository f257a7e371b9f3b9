"""From where a caller calls, by X-Forwarded-For and the proxies that are trusted; and which ranges hold it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.address_ranges import ANYWHERE, ranges_of, readable
from settings.address import address_of, trusted_proxies


def of(forwarded: str | None, proxies: str | None = None) -> str:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return address_of(headers, {} if proxies is None else {"TRUSTED_PROXIES": proxies})


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9:49152", "0", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9:49152", "0", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9:49152", "1", "198.51.100.1"),
        ("6.6.6.6,198.51.100.1:1,203.0.113.9:2", "1", "198.51.100.1"),
        ("6.6.6.6,198.51.100.1:1,203.0.113.9:2", " 2 ", "6.6.6.6"),
        ("  203.0.113.9  ", "", "203.0.113.9"),
        ("198.51.100.1,203.0.113.9", " ", "203.0.113.9"),
        ("2001:db8::1", None, "2001:db8::1"),
        ("2001:DB8:0::1", None, "2001:db8::1"),
        ("[2001:db8::1]", None, "2001:db8::1"),
        ("[2001:db8::1]:443", None, "2001:db8::1"),
        ("2001:db8::1:443", None, "2001:db8::1:443"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("[fe80::1%25eth0]:1", None, "fe80::1"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", None, "203.0.113.9"),
        # What is unreadable or too short tells no address.
        (None, None, ""),
        ("", None, ""),
        (" , ", None, ""),
        ("203.0.113.9,", None, ""),
        ("203.0.113.9, ,198.51.100.1", "1", ""),
        ("203.0.113.9", "1", ""),
        ("203.0.113.9", "999", ""),
        ("unknown", None, ""),
        ("203.0.113", None, ""),
        ("203.0.113.09", None, ""),
        ("203.0.113.9:x", None, ""),
        ("203.0.113.9:", None, ""),
        ("203.0.113.9:70000", None, ""),
        ("203.0.113.9 198.51.100.1", None, ""),
        ("[2001:db8::1", None, ""),
        ("2001:db8::1]", None, ""),
        ("[2001:db8::1]443", None, ""),
        ("[[2001:db8::1]]", None, ""),
        ("for=203.0.113.9", None, ""),
        ("203.0.113.9/32", None, ""),
        ("٢٠٣.0.113.9", None, ""),
        # A setting that is no whole number from 0 up closes.
        ("203.0.113.9", "-1", ""),
        ("203.0.113.9", "1.0", ""),
        ("203.0.113.9", "one", ""),
        ("203.0.113.9", "+0", ""),
        ("203.0.113.9", "0x0", ""),
        ("203.0.113.9", "٠", ""),  # noqa: RUF001 - the same
    ],
)
def test_the_entry_that_the_nearest_trusted_proxy_wrote_counts(
    forwarded: str | None, proxies: str | None, address: str
) -> None:
    assert of(forwarded, proxies) == address


def test_a_setting_that_is_no_number_is_not_zero() -> None:
    assert [trusted_proxies({"TRUSTED_PROXIES": text}) for text in ("", "0", "2", "-1", "x")] == [0, 0, 2, None, None]


@pytest.mark.parametrize(
    ("ranges", "inside", "outside"),
    [
        (["203.0.113.9"], ["203.0.113.9", "::ffff:203.0.113.9"], ["203.0.113.8", "::1", "", "x"]),
        (["203.0.113.0/24"], ["203.0.113.0", "203.0.113.255"], ["203.0.114.0", ""]),
        (["203.0.113.77/24"], ["203.0.113.1"], ["203.0.112.1"]),
        (["2001:db8::/32", "198.51.100.1"], ["2001:db8:1::", "198.51.100.1"], ["2001:db9::", "198.51.100.2"]),
        (["::ffff:203.0.113.0/120"], ["203.0.113.4"], ["203.0.114.4"]),
        (["0.0.0.0/0"], ["8.8.8.8"], ["2001:db8::1", ""]),
        (["any"], ["8.8.8.8", "", "x"], []),
        (["nonsense", " Any "], ["", "8.8.8.8"], []),
        (["nonsense", "203.0.113.9/33", ""], [], ["203.0.113.9", ""]),
        ([], [], ["203.0.113.9", ""]),
    ],
)
def test_a_range_holds_what_is_in_it_and_no_unknown_address(
    ranges: list[str], inside: list[str], outside: list[str]
) -> None:
    read = ranges_of(ranges)
    assert [address for address in inside if not read.hold(address)] == []
    assert [address for address in outside if read.hold(address)] == []


def test_ranges_together_hold_what_either_holds() -> None:
    both = ranges_of(["203.0.113.9"]) | ranges_of(["2001:db8::1"])
    assert both.hold("203.0.113.9")
    assert both.hold("2001:db8::1")
    assert not both.hold("203.0.113.8")
    assert (both | ANYWHERE) is ANYWHERE


ENTRY = st.sampled_from(["203.0.113.9", "[::1]:1", "::1%x", "[", "]", ":", "%", "1.1.1.1:", ""]) | st.text(max_size=12)


@given(
    entries=st.lists(ENTRY, max_size=5), proxies=st.sampled_from(["", "0", "1", "2", "x", "-1"]) | st.text(max_size=4)
)
def test_any_header_is_an_address_or_none_and_what_stands_further_left_does_not_matter(
    entries: list[str], proxies: str
) -> None:
    forwarded = ",".join(entries)
    address = of(forwarded, proxies)
    assert address == "" or readable(address) is not None
    if address:
        assert of(f"6.6.6.6,{forwarded}", proxies) == address
