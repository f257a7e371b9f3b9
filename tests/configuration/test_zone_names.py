"""Which zone a name means: IANA's names and Windows' names, and nothing else that lies beside the zones on a disk."""

from zoneinfo import ZoneInfo, available_timezones

import pytest

from backend.configuration.zone_names import PSEUDO, iana_name
from tests.support.windows_zones import CLDR

SAME = [*("Europe/Amsterdam", "Asia/Kolkata", "Asia/Calcutta", "US/Eastern", "GMT", "Etc/GMT+5", "Etc/GMT-14", "Zulu")]
NOT_ZONES = [
    *("", " ", "localtime", "LOCALTIME", "posixrules", "Factory", "factory", "leapseconds", "leap-seconds.list"),
    *("tzdata.zi", "zone.tab", "zone1970.tab", "iso3166.tab", "right/Europe/Amsterdam", "posix/UTC", "right/UTC"),
    *("Europe", "Europe/", "/UTC", "./UTC", "../zoneinfo/UTC", "Europe/../UTC", "/usr/share/zoneinfo/UTC", "Etc//UTC"),
    *("Europe/Amsterdam\0", "Europe\\Amsterdam", "UTC+1", "+01:00", "CEST", "Nowhere/Land", "W. Europe", "x" * 5_000),
    *("\u00a0UTC", "UTC\u200b", "W.\u00a0Europe Standard Time", "(UTC+01:00) Amsterdam, Berlin", "\ud800"),
]


@pytest.mark.parametrize(("windows", "zone"), CLDR.items())
def test_each_windows_name_of_cldr_means_its_zone(windows: str, zone: str) -> None:
    meant = "UTC" if windows == "UTC" else zone  # IANA has this name too, and then it counts
    assert iana_name(windows) == meant
    assert iana_name(f" {windows.upper()}  ") == meant
    ZoneInfo(zone)


def test_each_iana_name_of_the_machine_means_itself_in_any_case() -> None:
    wrong = {name for name in available_timezones() - PSEUDO - {"localtime"} if iana_name(name) != name}
    assert wrong == set()
    assert all(iana_name(name.swapcase()) == name for name in SAME)


def test_zone_of_each_windows_name_exists() -> None:
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 - the only test that looks at the table

    assert [zone for zone in win_tz.values() if iana_name(zone) != zone] == []
    assert win_tz.keys() >= CLDR.keys()


@pytest.mark.parametrize("text", NOT_ZONES)
def test_text_that_is_not_a_zone_means_no_zone(text: str) -> None:
    assert iana_name(text) is None
