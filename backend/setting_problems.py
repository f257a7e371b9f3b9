"""What is wrong with this app's settings, without a value: each is a warning of the links. Pure, but for the zones.

The names of resources, the cloud and the limits have warnings of their own (`misfits`, `problem_with_cloud`, `Limits`).
"""

from collections.abc import Mapping

from backend.key_vault import is_guid
from backend.setting_kinds import is_boolean, is_schedule, is_tier, is_time_zone
from backend.trusted_proxies import proxies_in


def setting_problems(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each setting whose value is not of its kind, so that the default is used."""
    checks = (
        ("CIPP_TIMEZONE", is_time_zone, "must be an IANA time zone such as Europe/Amsterdam, so UTC is used"),
        ("CIPP_HOSTED", is_boolean, "must be true or false, so false is used"),
        ("KEY_ROTATION_SCHEDULE", is_schedule, "must be NCRONTAB and not a time span, so Sunday 00:00 UTC is used"),
        ("WEBSITE_SKU", is_tier, "is not a plan that this app knows, so the links show none"),
        ("ALLOWED_TENANTS", _are_tenants, "must be GUIDs of tenants, separated by commas, so others are ignored"),
        (
            "TRUSTED_PROXIES",
            _are_proxies,
            "must be a number from 0 to 999, or addresses and ranges separated by commas, so no address is known",
        ),
    )
    return [
        f"The setting {name} {rule}. Correct it."
        for name, is_usable, rule in checks
        if environ.get(name, "").strip() and not is_usable(environ[name])
    ]


def tier_of(environ: Mapping[str, str]) -> str | None:
    """Return the tier of this app's plan, or None if the platform gives none, or something else."""
    tier = environ.get("WEBSITE_SKU", "")
    return tier if is_tier(tier) else None


def _are_proxies(text: str) -> bool:
    return proxies_in(text) is not None


def _are_tenants(text: str) -> bool:
    return all(is_guid(entry.strip()) for entry in text.split(",") if entry.strip())
