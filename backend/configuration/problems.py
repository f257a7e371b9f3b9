"""Problems of this app's settings, without values, as warnings of the links. Pure, except for the zones.

Names of resources, the cloud and the limits have separate warnings (`misfits`, `problem_with_cloud`, `Limits`).
"""

from collections.abc import Mapping
from typing import Final

from backend.configuration import mode
from backend.configuration.kinds import is_boolean, is_contact, is_tier
from backend.configuration.own_settings import ACCESS, KINDS, NEVER_BLANK, SCHEDULE, WRITABLE, Kind
from backend.configuration.trusted_proxies import proxies_in
from backend.formats import is_guid
from backend.text.pasted_text import Takes, problem_with_text


def problem_with_zone(environ: Mapping[str, str]) -> str | None:
    """Return the warning about CIPP_TIMEZONE, or None if it is valid or not set."""
    return _problem(environ, "CIPP_TIMEZONE", KINDS["CIPP_TIMEZONE"])


def problem_with_schedule(environ: Mapping[str, str]) -> str | None:
    """Return the warning about KEY_ROTATION_SCHEDULE, or None if it is valid or not set."""
    return _problem(environ, SCHEDULE, KINDS[SCHEDULE])


def setting_problems(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each setting whose value is not of its kind, so that the default is used.

    The rules are those that the API checks before it writes such a setting (`own_settings`).
    """
    problems = [_problem(environ, name, kind) for name, kind in {**KINDS, **_ELSEWHERE}.items()]
    return [*filter(None, problems), *_pasted(environ), *_without_effect(environ)]


def tier_of(environ: Mapping[str, str]) -> str | None:
    """Return the tier of this app's plan, or None if the platform does not set a known one."""
    tier = environ.get("WEBSITE_SKU", "")
    return tier if is_tier(tier) else None


def _problem(environ: Mapping[str, str], name: str, kind: Kind) -> str | None:
    value = environ.get(name)
    if value is None or (value.strip() and kind.reads(value)):
        return None
    if value.strip():
        return f"The setting {name} {kind.rule}, so {kind.otherwise}. Correct it."
    is_problem = name in NEVER_BLANK or name in mode.SETTINGS
    return f"The setting {name} is blank, so {kind.otherwise}. Remove it, or correct it." if is_problem else None


def _pasted(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each setting with an invisible character, such as a zero-width space."""
    names = [name for name in sorted(WRITABLE | ACCESS) if name in environ]
    problems = [(name, problem_with_text(environ[name], Takes.VALUE)) for name in names]
    return [f"The setting {name} {problem}. Correct it." for name, problem in problems if problem]


def _without_effect(environ: Mapping[str, str]) -> list[str]:
    """Return a warning if the rotation is to restart CIPP, and the deployment does not allow controls."""
    restarts = environ.get(_RESTART, "").strip().lower() not in ("", "false")
    if not restarts or mode.Mode.of(environ).allows(mode.Option.CONTROLS):
        return []
    return [f"The setting {_RESTART} has no effect: the rotation may not restart CIPP. {mode.Option.CONTROLS.advice}"]


def _is_boolean(text: str) -> bool:
    return is_boolean(text.strip())


def _are_proxies(text: str) -> bool:
    return proxies_in(text) is not None


def _are_tenants(text: str) -> bool:
    return all(is_guid(entry.strip()) for entry in text.split(",") if entry.strip())


_RESTART: Final = "KEY_ROTATION_RESTART_CIPP"
# Settings that only the portal or the platform changes.
_ELSEWHERE: Final = {
    "WEBSITE_SKU": Kind("is not a known plan tier", is_tier, "the links show no tier"),
    **dict.fromkeys(
        mode.SETTINGS, Kind("must be true or false", _is_boolean, "this app makes no changes of this kind")
    ),
    "CIPP_CONTACT": Kind("must be one line of at most 200 characters", is_contact, "no contact is shown"),
    "TRUST_STATIC_WEB_APP": Kind("must be true or false", _is_boolean, "false is used"),
    "ALLOWED_TENANTS": Kind("must be GUIDs of tenants, separated by commas", _are_tenants, "others are ignored"),
    "TRUSTED_PROXIES": Kind(
        "must be a number from 0 to 999, or addresses and ranges separated by commas",
        _are_proxies,
        "no address is known",
    ),
}
