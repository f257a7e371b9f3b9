"""From where a caller calls, by X-Forwarded-For and the proxies that are trusted; and which ranges hold it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.configuration.address_ranges import ANYWHERE, Ranges, ranges_of, readable
from backend.configuration.trusted_proxies import trusted_proxies
from settings.access.address import address_of, why_unknown
from tests.support import phrases


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
        # An unreadable or too short header has no address.
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
        # A setting that is not a non-negative integer denies.
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


GATEWAY = "20.50.2.0/24"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        # Through the gateway, and past it with an invented entry.
        ("198.51.100.7, 20.50.2.3:443", GATEWAY, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7:4711", GATEWAY, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7:4711, 20.50.2.3:443", GATEWAY, "198.51.100.7"),
        ("203.0.113.9, 20.50.2.3, 198.51.100.7", GATEWAY, "198.51.100.7"),
        ("198.51.100.7:4711", GATEWAY, "198.51.100.7"),
        # Several proxies in a row, and several kinds of setting.
        ("6.6.6.6, 198.51.100.7, 10.0.0.4, 20.50.2.3", f"10.0.0.4,{GATEWAY}", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 10.0.0.4, 20.50.2.3", GATEWAY, "10.0.0.4"),
        ("198.51.100.7, 20.50.2.3", " 20.50.2.3 , 2001:db8::/32 ", "198.51.100.7"),
        ("198.51.100.7, 20.50.2.3", "20.50.2.77/24", "198.51.100.7"),
        ("198.51.100.7, 20.50.2.3", "20.50.2.0/255.255.255.0", "198.51.100.7"),
        ("198.51.100.7, 20.50.3.3", GATEWAY, "20.50.3.3"),
        ("198.51.100.7, [2001:db8::1]:443", "2001:db8::/32", "198.51.100.7"),
        ("198.51.100.7, 2001:DB8:0::1", "2001:db8::1", "198.51.100.7"),
        ("198.51.100.7, [fe80::1%25eth0]:1", "fe80::/10", "198.51.100.7"),
        ("198.51.100.7, fe80::1", "fe80::1%eth0", "198.51.100.7"),
        ("198.51.100.7, [::ffff:20.50.2.3]:443", GATEWAY, "198.51.100.7"),
        ("::ffff:198.51.100.7, 20.50.2.3", "::ffff:20.50.2.0/120", "198.51.100.7"),
        ("198.51.100.7, 64:ff9b::1432:203", "64:ff9b::/96", "198.51.100.7"),
        ("198.51.100.7, 64:ff9b::1432:203", GATEWAY, "64:ff9b::1432:203"),
        # An entry that can't be read is the caller's, and it is not known.
        ("198.51.100.7, unknown, 20.50.2.3", GATEWAY, ""),
        ("198.51.100.7, , 20.50.2.3", GATEWAY, ""),
        ("198.51.100.7, unknown", GATEWAY, ""),
        ("198.51.100.7,", GATEWAY, ""),
        # Without an entry in front of the proxies the caller is not known.
        ("20.50.2.3", GATEWAY, ""),
        ("20.50.2.4, 20.50.2.3", GATEWAY, ""),
        ("203.0.113.9, 20.50.2.3", "0.0.0.0/0", ""),
        ("", GATEWAY, ""),
        (None, GATEWAY, ""),
        # A setting that can't be read closes, and so does one that counts and names.
        ("198.51.100.7, 20.50.2.3", f"1,{GATEWAY}", ""),
        ("198.51.100.7, 20.50.2.3", f"{GATEWAY},1", ""),
        ("198.51.100.7, 20.50.2.3", "1,1", ""),
        ("198.51.100.7, 20.50.2.3", f"{GATEWAY},gateway.example", ""),
        ("198.51.100.7, 20.50.2.3", f"{GATEWAY},", ""),
        ("198.51.100.7, 20.50.2.3", ",", ""),
        ("198.51.100.7, 20.50.2.3", "20.50.2.0/33", ""),
        ("198.51.100.7, 20.50.2.3", "20.50.2.3:443", ""),
        ("198.51.100.7, 20.50.2.3", "[2001:db8::1]", ""),
        ("198.51.100.7, 20.50.2.3", "20.50.2.*", ""),
        ("198.51.100.7, 20.50.2.3", f"{GATEWAY} 10.0.0.4", ""),
        ("198.51.100.7, 20.50.2.3", f"{GATEWAY};10.0.0.4", ""),
        ("198.51.100.7, 20.50.2.3", "Any", ""),
        ("198.51.100.7, 20.50.2.3", "AzureFrontDoor.Backend", ""),
        ("198.51.100.7, 20.50.2.3", "1000", ""),
    ],
)
def test_entry_is_skipped_only_if_it_is_a_named_proxy(forwarded: str | None, proxies: str, address: str) -> None:
    assert of(forwarded, proxies) == address


def test_named_proxies_are_read_as_ranges_of_addresses() -> None:
    assert trusted_proxies({"TRUSTED_PROXIES": f"10.0.0.4, {GATEWAY}"}) == ranges_of(["10.0.0.4", GATEWAY])


@pytest.mark.parametrize(
    ("proxies", "words"),
    [
        ("", phrases.PROXY_COUNT_DIFFERS),
        ("2", phrases.PROXY_COUNT_DIFFERS),
        (GATEWAY, "X-Forwarded-For"),
        ("PLANTED", phrases.PROXIES_INVALID),
        ("1000", phrases.PROXIES_INVALID),
        (f"PLANTED,{GATEWAY}", phrases.PROXIES_INVALID),
    ],
)
def test_an_unknown_address_has_a_reason_without_the_settings_value(proxies: str, words: str) -> None:
    why = why_unknown({"TRUSTED_PROXIES": proxies})
    assert words in why
    assert "PLANTED" not in why


def test_invalid_proxy_setting_is_not_read_as_zero() -> None:
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
def test_range_contains_only_its_own_addresses(ranges: list[str], inside: list[str], outside: list[str]) -> None:
    read = ranges_of(ranges)
    assert [address for address in inside if not read.hold(address)] == []
    assert [address for address in outside if read.hold(address)] == []


def test_union_of_ranges_contains_the_addresses_of_both() -> None:
    both = ranges_of(["203.0.113.9"]) | ranges_of(["2001:db8::1"])
    assert both.hold("203.0.113.9")
    assert both.hold("2001:db8::1")
    assert not both.hold("203.0.113.8")
    assert (both | ANYWHERE) is ANYWHERE


ENTRY = st.sampled_from(["203.0.113.9", "[::1]:1", "::1%x", "[", "]", ":", "%", "1.1.1.1:", ""]) | st.text(max_size=12)


@given(
    entries=st.lists(ENTRY, max_size=5),
    proxies=st.sampled_from(["", "0", "1", "2", "x", "-1", "203.0.113.0/24", "::1,1.1.1.1"]) | st.text(max_size=4),
)
def test_forwarded_address_does_not_depend_on_entries_further_left(entries: list[str], proxies: str) -> None:
    forwarded = ",".join(entries)
    address = of(forwarded, proxies)
    assert address == "" or readable(address) is not None
    if address:
        assert of(f"6.6.6.6,{forwarded}", proxies) == address


HOP = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str) | st.sampled_from(["20.50.2.3", "20.50.2.200"])


@given(entries=st.lists(HOP, min_size=1, max_size=5))
def test_caller_outside_the_proxies_can_not_choose_the_address(entries: list[str]) -> None:
    proxies = trusted_proxies({"TRUSTED_PROXIES": GATEWAY})
    assert isinstance(proxies, Ranges)
    for written_by_caller in ("", "203.0.113.9, ", "203.0.113.9, 20.50.2.3, "):
        address = of(f"{written_by_caller}198.51.100.7, {', '.join(entries)}", GATEWAY)
        outside = [entry for entry in entries if not proxies.hold(entry)]
        assert address == str(readable((outside or ["198.51.100.7"])[-1]))
