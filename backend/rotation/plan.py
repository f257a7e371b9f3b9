"""What to do next with a key. Pure: what the vault and Graph show, and the time, in; the next step out.

    PutBack    the vault serves what does not sign in, or someone else's version lies under ours
    Remove     a credential of ours that no version of the vault names, or that nobody needs any more
    Renew      make a new one, prove it, store it
    Disable    an old version of ours in the vault
    Lock       the app's service principals, against credentials that others add in other tenants
    Leave      nothing to do; why

One function a kind of key. Whatever a run left when it was killed, the same function finds in what Azure shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from backend.rotation.lineage import Version, first_stored, someone_elses_under_ours

ONE_DAY: Final = timedelta(days=1)
NEAR_END: Final = timedelta(days=45)  # CIPP's own job acts at 30, so it finds nothing to do
ORPHAN_AGE: Final = timedelta(minutes=30)  # a run of ours may be about to store a younger one
SHORT_LIFE: Final = timedelta(hours=26)  # a secret that lives no longer cannot be left alone for a day
FORCE_AT_MOST_EVERY: Final = timedelta(hours=1)  # an app registration has room for a limited number of credentials


@dataclass(frozen=True, kw_only=True)
class AppCredential:
    """One client secret or certificate on the app registration. `ours`: it bears our display name."""

    id: str
    starts: datetime
    ends: datetime
    ours: bool = False


@dataclass(frozen=True, kw_only=True)
class AppSeen:
    """What this run saw of the app. `signs_in`: the served secret does; `earlier`: an earlier version that does."""

    credentials: Sequence[AppCredential]
    signs_in: bool = True
    earlier: str | None = None
    is_locked: bool = True


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time, by the vault's clock, and what it means. `restarted`: since when every CIPP app runs, if known."""

    now: datetime
    due_before: datetime
    force: bool = False
    overlap: timedelta = timedelta(days=30)
    restarted: datetime | None = None


@dataclass(frozen=True)
class Step:
    """The next step; `reason` is a sentence for the admin."""

    reason: str


class Leave(Step):
    """Nothing is to be done."""


class Renew(Step):
    """Make a new key, prove it, store it."""


class Lock(Step):
    """Turn the service principal lock on."""


@dataclass(frozen=True)
class PutBack(Step):
    """Store an earlier version's value again."""

    version_id: str


@dataclass(frozen=True)
class Disable(Step):
    """Disable a version of ours."""

    version_id: str


@dataclass(frozen=True)
class Remove(Step):
    """Remove a credential of ours from the app."""

    credential_id: str


def token_step(versions: Sequence[Version], moment: Moment, *, signs_in: bool = True) -> Step:
    """Plan a refresh token; `versions` the newest first, the first one served.

    `signs_in`: it is not known that the served one does not.
    """
    served = versions[0]
    if under := someone_elses_under_ours(versions):
        return PutBack(f"Someone else's version {under.id} lies under ours.", under.id)
    if moment.force or served.created < moment.due_before:
        return Renew(_due(served.created, moment))
    if not signs_in:
        return Renew("The version that the vault serves does not sign in.")
    return _old_version(versions, moment) or Leave(_not_due(served.created, moment))


def client_secret_step(  # noqa: PLR0911 - one return a rule, in their order
    versions: Sequence[Version], app: AppSeen, moment: Moment
) -> Step:
    """Plan the client secret."""
    if not versions:
        return Renew("The vault holds no client secret.")
    on_app = _credential_of(versions[0], app.credentials)
    if under := someone_elses_under_ours(versions):
        return PutBack(f"Someone else's version {under.id} lies under ours.", under.id)
    if not app.signs_in and app.earlier:
        return PutBack("The version that the vault serves does not sign in; an earlier one does.", app.earlier)
    if orphan := _orphan(versions, app.credentials, moment):
        return Remove("No version of the vault names this credential of ours.", orphan.id)
    if not app.signs_in:
        return Renew("The version that the vault serves does not sign in.")
    made = first_stored(versions)
    is_recent = moment.now - made < ONE_DAY
    just_made = _made_within_the_hour(versions, app.credentials, moment)
    if (moment.force and not just_made) or (not is_recent and made < moment.due_before):
        return Renew(_due(made, moment))
    if on_app and nears_its_end(on_app, moment.now) and not (is_recent and on_app.ends - made > SHORT_LIFE):
        return Renew(f"It ends on {on_app.ends:%Y-%m-%d}, which is near.")
    return (
        _old_credential(versions, app.credentials, moment)
        or _old_version(versions, moment)
        or (None if app.is_locked else Lock("The app's service principals were not locked."))
        or Leave(_made_already(just_made, "client secret") if moment.force and just_made else _not_due(made, moment))
    )


def certificate_step(  # noqa: PLR0911 - one return a rule, in their order
    versions: Sequence[Version],
    credentials: Sequence[AppCredential],
    moment: Moment,
    *,
    ends: datetime | None,
    signs_in: bool = True,
) -> Step:
    """Plan the certificate. `ends` is the served one's end, None where what is stored is no certificate.

    `signs_in`: it is not known that the served one does not.
    """
    if not versions:
        return Renew("The vault holds no certificate yet.")
    served = versions[0]
    if under := someone_elses_under_ours(versions):
        return PutBack(f"Someone else's version {under.id} lies under ours.", under.id)
    if orphan := _orphan(versions, credentials, moment):
        return Remove("No version of the vault names this certificate of ours.", orphan.id)
    if ends is None:
        return Renew("What the vault holds cannot be read as a certificate.")
    on_app = _credential_of(served, credentials)
    if on_app is None:
        return Renew("The certificate in the vault is not on the app.")
    if ends - moment.now <= _near_end_of_certificate(served, on_app):
        return Renew(f"It ends on {ends:%Y-%m-%d}, which is near.")
    if not signs_in:
        return Renew("The version that the vault serves does not sign in.")
    just_made = _made_within_the_hour(versions, credentials, moment)
    if moment.force and not just_made:
        return Renew("Forced.")
    not_due = f"Not due: it ends on {ends:%Y-%m-%d}."
    return (
        _old_credential(versions, credentials, moment)
        or _old_version(versions, moment)
        or Leave(_made_already(just_made, "certificate") if moment.force and just_made else not_due)
    )


def nears_its_end(credential: AppCredential, now: datetime) -> bool:
    """Tell whether less than 45 days or a third of its life is left, whichever is shorter."""
    return credential.ends - now < min(NEAR_END, (credential.ends - credential.starts) / 3)


def superseded_ends(
    versions: Sequence[Version], credentials: Sequence[AppCredential], now: datetime
) -> datetime | None:
    """Answer the first end of what an app of CIPP's may still run with; None if only the served one signs in."""
    served = _credential_of(versions[0], credentials) if versions else None
    earlier = [_credential_of(version, credentials) for version in versions[1:]]
    return min((one.ends for one in earlier if one and one != served and one.ends > now), default=None)


def _near_end_of_certificate(served: Version, on_app: AppCredential) -> timedelta:
    """Answer how near its end a certificate is renewed; one that we made may live shorter, by the tenant's policy."""
    is_made_by_us = served.ours and served.restored_from is None
    return min(NEAR_END, (on_app.ends - on_app.starts) / 3) if is_made_by_us else NEAR_END


def _made_within_the_hour(
    versions: Sequence[Version], credentials: Sequence[AppCredential], moment: Moment
) -> datetime | None:
    """Return when this app last made a credential, if that was less than `FORCE_AT_MOST_EVERY` ago."""
    made = [credential.starts for credential in credentials if credential.ours]
    made += [version.created for version in versions if version.ours and version.restored_from is None]
    latest = max(made, default=None)
    return latest if latest and moment.now - latest < FORCE_AT_MOST_EVERY else None


def _made_already(made: datetime, what: str) -> str:
    return (
        f"Forced, but this app made a {what} at {made:%Y-%m-%d %H:%M} UTC, and the current one signs in. It makes at "
        f"most one an hour: force it again after {made + FORCE_AT_MOST_EVERY:%H:%M} UTC."
    )


def _due(made: datetime, moment: Moment) -> str:
    told = f"the current version is of {made:%Y-%m-%d %H:%M} UTC"
    if made < moment.due_before:
        return f"Due: {told}, before {moment.due_before:%Y-%m-%d %H:%M} UTC."
    return f"Forced: {told}, so it is not due."


def _not_due(made: datetime, moment: Moment) -> str:
    return (
        f"Not due: the current version is of {made:%Y-%m-%d %H:%M} UTC, after {moment.due_before:%Y-%m-%d %H:%M} UTC."
    )


def _credential_of(version: Version, credentials: Sequence[AppCredential]) -> AppCredential | None:
    named = (version.credential_id or "").lower()
    return next((credential for credential in credentials if credential.id.lower() == named), None)


def _orphan(versions: Sequence[Version], credentials: Sequence[AppCredential], moment: Moment) -> AppCredential | None:
    """Find a credential of ours that no version names, and that no run can be about to store any more."""
    named = {(version.credential_id or "").lower() for version in versions}
    for credential in credentials:
        is_named = credential.id.lower() in named
        # A version of someone else's whose credential is unknown may hold it.
        may_be_held = any(v.credential_id is None and v.created >= credential.starts for v in versions)
        if credential.ours and not is_named and not may_be_held and moment.now - credential.starts > ORPHAN_AGE:
            return credential
    return None


def _old_credential(versions: Sequence[Version], credentials: Sequence[AppCredential], moment: Moment) -> Step | None:
    """Find a credential of ours that was superseded long enough ago, and that no running app can hold."""
    served = _credential_of(versions[0], credentials)
    if served is None:
        return None
    newer_ones = {served.id}
    for newer, version in pairwise(versions):
        credential = _credential_of(version, credentials)
        if credential is None or not credential.ours or credential.id in newer_ones:
            continue
        newer_ones.add(credential.id)
        if credential.ends <= moment.now:
            return Remove(f"It ended on {credential.ends:%Y-%m-%d}.", credential.id)
        is_over = moment.now - newer.created >= moment.overlap
        if is_over and moment.restarted and moment.restarted > newer.created:
            return Remove(
                f"It was superseded on {newer.created:%Y-%m-%d}, and every CIPP app restarted.", credential.id
            )
    return None


def _old_version(versions: Sequence[Version], moment: Moment) -> Step | None:
    """Find a version of ours older than the previous one, superseded longer ago than the overlap."""
    for newer, version in pairwise(versions[1:]):
        if version.ours and version.enabled and moment.now - newer.created >= moment.overlap:
            return Disable("It was superseded, and the overlap is over.", version.id)
    return None
