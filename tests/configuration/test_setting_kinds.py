"""What each kind of setting takes: a table of texts that are of the kind, and of texts that are not."""

from collections.abc import Callable

import pytest

from backend.configuration.kinds import (
    is_address,
    is_boolean,
    is_cloud,
    is_runtime,
    is_schedule,
    is_small_count,
    is_switch,
    is_tier,
    is_time_zone,
    is_version,
)

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
KINDS: dict[Callable[[str], bool], tuple[list[str], list[str]]] = {
    is_time_zone: (
        [
            *("UTC", "Europe/Amsterdam", "europe/AMSTERDAM", " UTC ", "US/Eastern", "GMT", "Etc/GMT+5", "EST5EDT"),
            *("W. Europe Standard Time", "Central Standard Time (Mexico)", "UTC-11", "Russia Time Zone 3"),
        ],
        [
            *("", " ", "..", "/etc/passwd", "Europe", "UTC\0", "W. Europe Standard Time x", "UTC-111"),
            *("x Standard Time", "Standard Time", "localtime", "Factory", "posixrules", "right/UTC", "posix/UTC"),
        ],
    ),
    is_schedule: (
        [
            "0 0 0 * * 0",
            "0 0 * * 6",
            "59 59 23 31 12 6",
            "* * * * *",
            "0 */5 * * Jan-Mar mon",
            "0 0 0 1,15 * *",
        ],
        [
            *("", "0 0 0 * *  *  *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 7"),
            *("0 */0 * * * *", "0 */x * * * *", "0 */ * * * *", "0 1- * * * *", "0 0 * * Mondaymonday", "0 0 * * Foo"),
            *("0 0 * Mon *", "0 0 * * Jan", "0 0 * * Mon1", "1:2", "1:30 x", "1.0:30:00:00"),
        ],
    ),
    is_boolean: (["true", "FALSE"], ["", "1", "true ", "truee"]),
    is_switch: (["true", "0", "1"], ["", "2", "10", "yes"]),
    is_small_count: (["1", "999"], ["", "0", "01", "1000", "1x", "-1", "1.0", "\u0661"]),
    is_cloud: (["public", " USGov "], ["", "moon"]),
    is_address: (
        ["https://h.example", "http://127.0.0.1:8080/msi/token", "https://[::1]:443/a"],
        ["", "h.example", "ftp://h", "https://u:p@h", "https://h?x", "https://h#x", "https://h a", f"https://h/{KEY}"],
    ),
    is_tier: (["Dynamic", "premiumv3", "ElasticPremium", "PremiumMV3"], ["", "PremiumV3x", "xDynamic", "PremiumV33"]),
    is_runtime: (["python", "DotNet-Isolated"], ["", "pythonx", "xpython"]),
    is_version: (["~4", "4.1037.0.23556", "18.2.1"], ["", "4x", "~4.", "4.1.2.3.4", "v4", "1234"]),
}
CASES = [
    (kind, text, fits)
    for kind, texts in KINDS.items()
    for fits, part in zip((True, False), texts, strict=True)
    for text in part
]


@pytest.mark.parametrize(("kind", "text", "fits"), CASES)
def test_a_text_is_of_its_kind_as_a_whole(kind: Callable[[str], bool], text: str, fits: bool) -> None:
    assert kind(text) is fits
