"""Plan the next steps for a key, from the time and from what Key Vault and Microsoft Graph show. Pure.

An essential step makes or keeps the key usable. A run takes one at a time, and reads Azure again after it:

    PutBack    the served version can't sign in, or this app overwrote a version that others stored
    Renew      create a new one, verify it, store it
    Leave      no essential step is needed, and why

Then come the chores, each tried once. If one fails, that is a warning, never the key's failure:

    Remove     a credential of this app that no version names, or that CIPP's apps don't need any more
    Disable    an old version of this app in the vault
    Lock       the app's service principals, against credentials that others add in other tenants
    Refresh    what App Service has of the secret of CIPP's sign-in

The same functions find what an interrupted run left, because they plan from Azure's state alone.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from backend.credentials.kinds import Validity
from backend.hosting.uptimes import restart_them
from backend.rotation.planning.certificate_mode import CertificateMode, SecretUse
from backend.rotation.planning.version_history import (
    Version,
    first_stored,
    newest_two,
    overwritten_foreign_version,
)

ONE_DAY: Final = timedelta(days=1)
NEAR_END: Final = timedelta(days=45)  # CIPP's own job renews at 30 days, so it finds nothing to do
ORPHAN_AGE: Final = timedelta(minutes=30)  # a run of this app may be about to store a younger one
SHORT_LIFE: Final = timedelta(hours=26)  # a credential with a shorter life can't be left alone for a day
LAST_CALL: Final = timedelta(days=7)  # what expires sooner is renewed, even if that has a disadvantage
FORCE_AT_MOST_EVERY: Final = timedelta(hours=1)  # an app registration can have a limited number of credentials


@dataclass(frozen=True, kw_only=True)
class AppCredential:
    """One client secret or certificate on the app registration. `is_own`: this app created it, see `ownership`."""

    id: str
    starts: datetime
    ends: datetime
    is_own: bool = False
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The state of a client secret or certificate, as read at one time. `versions` has the served one first.

    - `credentials` are those in Graph's list of the app registration, which may be a minute old. It gives names and
      expiry dates.
    - `served` is the served credential, from that list, or from the vault if the list does not have it.
    - `validity` shows whether the served credential can sign in.
    - `earlier` is the newest earlier version that can sign in, if the served one can't.
    - `ends` is when the served one expires, None if unknown.
    - `refusal` is the reason that Microsoft Entra ID gave.
    - `is_readable` is False if the vault serves something that is not a credential of this kind.
    """

    versions: Sequence[Version] = ()
    credentials: Sequence[AppCredential] = ()
    served: AppCredential | None = None
    validity: Validity = Validity.VALID
    earlier: str | None = None
    ends: datetime | None = None
    refusal: str = ""
    is_readable: bool = True
    is_locked: bool = True


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time by the vault's clock, and what depends on it.

    `restarted` is the time since which every CIPP app certainly has its keys, None if unknown. `outdated` are the apps
    that might not have the served credential, None if Azure does not list the apps. `how` is the instruction by which
    they read it. `mode` limits what is done with the client
    secret. It has its default for the other keys.
    """

    now: datetime
    due_before: datetime
    force: bool = False
    overlap: timedelta = timedelta(days=30)
    restarted: datetime | None = None
    outdated: tuple[str, ...] | None = ()
    how: str = ""
    mode: CertificateMode = field(default_factory=CertificateMode)


@dataclass(frozen=True)
class Rules:
    """How one kind of credential is planned. `ages`: it is renewed because of its age, too, not only before it expires.

    At most `most_live` credentials that this app created may be usable at a time. `near_end` returns how long before
    its expiry a credential is renewed. `prunes`: CIPP's weekly run removes credentials from the app that are not those
    of the newest two enabled versions. So at most one new version is created until CIPP has read its keys.
    `keeps_excess`: superseded ones stay for their whole overlap, also if there are more than `most_live`. So do
    those of versions that may have been purged with the whole secret.
    """

    noun: str
    most_live: int
    ages: bool
    near_end: Callable[[Version, AppCredential], timedelta]
    prunes: bool = False
    keeps_excess: bool = False


@dataclass(frozen=True)
class Step:
    """The next step. `reason` is a sentence for the admin."""

    reason: str


class Leave(Step):
    """Do nothing."""


class Renew(Step):
    """Create a new key, verify it, store it."""


class Lock(Step):
    """Turn the service principal lock on."""


class Refresh(Step):
    """Let App Service read the secret of CIPP's sign-in again."""


@dataclass(frozen=True)
class PutBack(Step):
    """Store an earlier version's value again."""

    version_id: str


@dataclass(frozen=True)
class Disable(Step):
    """Disable a version of this app."""

    version_id: str


@dataclass(frozen=True)
class Remove(Step):
    """Remove a credential of this app from the app registration."""

    credential_id: str


def token_step(versions: Sequence[Version], moment: Moment, *, signs_in: bool = True) -> Step:
    """Return the essential step for a refresh token. `versions` has the served one first.

    `signs_in` is False if the served version is known to be unable to sign in.
    """
    served = versions[0]
    if under := overwritten_foreign_version(versions):
        return _put_back_under(under)
    if moment.force or served.created < moment.due_before:
        return Renew(_due(served.created, moment))
    if not signs_in:
        return Renew("The current version can't sign in.")
    return Leave(not_due(served.created, moment))


def credential_step(  # noqa: PLR0911 - one return a rule, in their order
    seen: Seen, moment: Moment, rules: Rules
) -> Step:
    """Return the essential step for the client secret or the certificate."""
    if moment.mode.use is not SecretUse.RENEWED:
        return _last_week(seen, moment, rules) or Leave(_not_renewed(seen, moment))
    if repair := _repair(seen, rules):
        return repair
    if _expires_soon(seen, moment, rules):
        if (wait := _would_be_pruned(seen, moment, rules)) and not _is_last_call(seen, moment, rules):
            return wait
        return Renew(f"It expires soon, on {seen.ends:%Y-%m-%d}.")
    made = first_stored(seen.versions)
    just_made = _made_within_the_hour(seen, moment)
    is_due = rules.ages and moment.now - made >= ONE_DAY and made < moment.due_before
    if moment.force and not just_made:
        wait = _would_be_pruned(seen, moment, rules) or _too_many(seen, moment, rules)
        return wait or Renew(_due(made, moment) if rules.ages else "Forced.")
    if is_due:
        return _unused(seen, moment, rules) or _too_many(seen, moment, rules) or Renew(_due(made, moment))
    if moment.force and just_made:
        return Leave(_made_already(just_made, rules.noun))
    if rules.ages or seen.ends is None:
        return Leave(not_due(made, moment))
    return Leave(f"Not due: it expires on {seen.ends:%Y-%m-%d}.")


def credential_chores(seen: Seen, moment: Moment, rules: Rules) -> list[Step]:
    """Return the chores for the client secret or the certificate."""
    if not seen.versions:
        return []  # a deleted secret can be recovered, and its versions name credentials
    steps = [] if moment.mode.use is SecretUse.UNKNOWN else _tidying(seen, moment, rules)
    return steps if seen.is_locked else [*steps, Lock("The app's service principals were not locked.")]


def _tidying(seen: Seen, moment: Moment, rules: Rules) -> list[Step]:
    orphans = [one for one in _orphans(seen, moment) if not rules.keeps_excess or _was_never_used(one, seen, moment)]
    steps: list[Step] = [
        Remove(f"No version in the vault names this {rules.noun} of this app.", orphan.id) for orphan in orphans
    ]
    if seen.validity is Validity.VALID and seen.served:
        steps += _superseded_steps(seen, moment, rules, {orphan.id for orphan in orphans})
    if rules.prunes:
        steps += _shielding(seen, moment, {step.credential_id for step in steps if isinstance(step, Remove)})
    disabled = {step.version_id for step in steps if isinstance(step, Disable)}
    return steps + [step for step in version_chores(seen.versions, moment) if step.version_id not in disabled]


def version_chores(versions: Sequence[Version], moment: Moment) -> list[Disable]:
    """Return steps that disable versions of this app that are older than the previous one and past the overlap."""
    return [
        Disable("It was superseded, and the overlap is over.", version.id)
        for newer, version in pairwise(versions[1:])
        if version.is_own and version.enabled and moment.now - newer.created >= moment.overlap
    ]


def third_of_life(credential: AppCredential) -> timedelta:
    """Return how long before its expiry a credential is renewed: a third of its life, at most `NEAR_END`."""
    return min(NEAR_END, (credential.ends - credential.starts) / 3)


def superseded_ends(seen: Seen, now: datetime) -> datetime | None:
    """Return the first expiry of an earlier credential that CIPP's apps might still use, or None if there isn't one."""
    earlier = [credential_of(version, seen.credentials) for version in seen.versions[1:]]
    served = seen.served.id.lower() if seen.served else None
    return min((one.ends for one in earlier if one and one.id.lower() != served and one.ends > now), default=None)


def not_due(made: datetime, moment: Moment) -> str:
    """Return why a key is not due."""
    return (
        f"Not due: the current version was stored at {made:%Y-%m-%d %H:%M} UTC, "
        f"after {moment.due_before:%Y-%m-%d %H:%M} UTC."
    )


def _last_week(seen: Seen, moment: Moment, rules: Rules) -> Step | None:
    """Return the step that renews a client secret in its last week, although it is unknown whether CIPP needs it."""
    is_meant = moment.mode.use is SecretUse.LAST_WEEK and seen.validity is Validity.VALID
    if not (is_meant and _expires_soon(seen, moment, rules) and _is_last_call(seen, moment, rules)):
        return None
    return Renew(f"It expires on {seen.ends:%Y-%m-%d}, and CIPP might sign in with it. {moment.mode.reason}")


def _not_renewed(seen: Seen, moment: Moment) -> str:
    """Return why the client secret is left as it is, and its state if CIPP keeps it as a fallback."""
    match moment.mode.use:
        case SecretUse.ABSENT:
            return f"Not created. {moment.mode.reason}"
        case SecretUse.UNKNOWN | SecretUse.LAST_WEEK:
            return f"Not changed. {moment.mode.reason} {moment.mode.effect}"
    kept = f"Not renewed. {moment.mode.reason} The client secret is kept as a fallback."
    if seen.validity is not Validity.VALID:
        state = "can't sign in" if seen.validity is Validity.REVOKED else "is not verified yet"
        return f"{kept} It {state}. {seen.refusal}".rstrip()
    ends = f"expires on {seen.ends:%Y-%m-%d}" if seen.ends else "has an unknown expiry"
    return f"{kept} It can sign in, and {ends}."


def _repair(  # noqa: PLR0911 - one return a rule, in their order
    seen: Seen, rules: Rules
) -> Step | None:
    """Return the step if the current version must be repaired, or if that is not known yet."""
    if not seen.versions:
        return Renew(f"The vault doesn't have a {rules.noun} yet.")
    under = overwritten_foreign_version(seen.versions)
    if under and _may_be_put_back(under.id, seen, rules):
        return _put_back_under(under)
    if not seen.is_readable:
        return Renew(f"The current version can't be read as a {rules.noun}.")
    if seen.validity is Validity.NOT_VERIFIED:
        return Leave(f"Not verified yet. {seen.refusal}".rstrip())
    if seen.validity is Validity.VALID:
        return None
    if seen.earlier and _may_be_put_back(seen.earlier, seen, rules):
        return PutBack(
            f"The current version can't sign in, but an earlier one can. {seen.refusal}".rstrip(),
            seen.earlier,
        )
    return Renew(f"The current version can't sign in. {seen.refusal}".rstrip())


def _put_back_under(under: Version) -> PutBack:
    return PutBack(f"This app overwrote version {under.id}, which others had stored.", under.id)


def _expires_soon(seen: Seen, moment: Moment, rules: Rules) -> bool:
    """Return whether the served credential expires soon and must be renewed, at most once a day."""
    served = seen.served
    if served is None or seen.ends is None:
        return False
    made = first_stored(seen.versions)
    if rules.ages and moment.now - made < ONE_DAY and seen.ends - made > SHORT_LIFE:
        return False
    return seen.ends - moment.now < rules.near_end(seen.versions[0], served)


def _may_be_put_back(version_id: str, seen: Seen, rules: Rules) -> bool:
    """Return whether a version may be stored again. CIPP's weekly run removes a certificate that is older."""
    return not rules.prunes or version_id in {version.id for version in newest_two(seen.versions)}


def _might_be_used(seen: Seen, moment: Moment) -> list[Version]:
    """Return the enabled earlier versions that CIPP might still use, because it may not have read its keys since.

    Those whose credential expired or is not on the app any more are left out.
    """
    served = (seen.versions[0].credential_id or "").lower()
    found = []
    for newer, version in pairwise(seen.versions):
        is_read = moment.restarted is not None and moment.restarted > newer.created
        named = version.credential_id
        if is_read or not version.enabled or (named is not None and named.lower() == served):
            continue
        credential = credential_of(version, seen.credentials)
        if named is None or (credential and credential.ends > moment.now):
            found.append(version)
    return found


def _would_be_pruned(seen: Seen, moment: Moment, rules: Rules) -> Step | None:
    """Return the step if a new version would let CIPP's weekly run remove one that CIPP might still use."""
    if not rules.prunes or not _might_be_used(seen, moment):
        return None
    return Leave(
        f"Not renewed: CIPP might still use an earlier {rules.noun}, and its weekly run removes all but the newest "
        f"two. {_restart_first(moment)}"
    )


def _is_last_call(seen: Seen, moment: Moment, rules: Rules) -> bool:
    """Return whether the served credential expires so soon that it is renewed in any case."""
    if seen.ends is None or seen.served is None:  # pragma: no cover - such a credential does not expire soon
        return False
    return seen.ends - moment.now < min(LAST_CALL, rules.near_end(seen.versions[0], seen.served) / 2)


def _shielding(seen: Seen, moment: Moment, removed: Container[str]) -> list[Disable]:
    """Return steps that disable versions of this app between the served one and one that CIPP might still use.

    Then that one is among the newest two enabled versions, and CIPP's weekly run keeps it. The credential of a disabled
    version stays too, because CIPP's run removes only its own names and those of enabled versions. `removed` are the
    credentials that are about to be removed.
    """
    enabled = [version for version in seen.versions if version.enabled]
    used = {version.id for version in _might_be_used(seen, moment) if version.credential_id not in removed}
    last = max((at for at, version in enumerate(enabled) if version.id in used), default=0)
    return [
        Disable("CIPP might still use the version before it, which its weekly run would remove.", version.id)
        for version in enabled[1:last]
        if version.is_own
    ]


def _unused(seen: Seen, moment: Moment, rules: Rules) -> Step | None:
    """Return the step if this app stored the served version and CIPP might not use it yet."""
    served = seen.versions[0]
    is_in_use = moment.restarted is not None and moment.restarted > served.created
    if not served.is_own or served.restored_from is not None or is_in_use:
        return None
    return Leave(
        f"Due, but CIPP might not use the {rules.noun} of {served.created:%Y-%m-%d %H:%M} UTC yet. The "
        f"next one is created when this one expires soon or can't sign in. {_restart_first(moment)}"
    )


def _too_many(seen: Seen, moment: Moment, rules: Rules) -> Step | None:
    """Return the step if this app already has the maximum number of usable credentials."""
    live = _live(seen, moment)
    if len(live) < rules.most_live:
        return None
    return Leave(
        f"Not renewed: {len(live)} {rules.noun}s of this app are on the app registration, and it keeps at most "
        f"{rules.most_live}. {_restart_first(moment)}"
    )


def _restart_first(moment: Moment) -> str:
    if moment.outdated is None:
        return "Azure does not list CIPP's apps, so it is unknown which keys they have. See ListBackendRights."
    if not moment.outdated:
        return "A later run removes those that CIPP doesn't need any more."
    how = moment.how or restart_them(moment.outdated, None)
    return f"{how} (ExecFunctionAppRestart), so that CIPP reads the current one."


def _live(seen: Seen, moment: Moment) -> list[AppCredential]:
    return [credential for credential in seen.credentials if credential.is_own and credential.ends > moment.now]


def _made_within_the_hour(seen: Seen, moment: Moment) -> datetime | None:
    """Return when this app last created a credential, if that was less than `FORCE_AT_MOST_EVERY` ago."""
    made = [credential.starts for credential in seen.credentials if credential.is_own]
    made += [version.created for version in seen.versions if version.is_own and version.restored_from is None]
    latest = max(made, default=None)
    return latest if latest and moment.now - latest < FORCE_AT_MOST_EVERY else None


def _made_already(made: datetime, what: str) -> str:
    return (
        f"Forced, but this app created a {what} at {made:%Y-%m-%d %H:%M} UTC, and the current one can sign in. "
        f"It creates at most one an hour. Force it again after {made + FORCE_AT_MOST_EVERY:%H:%M} UTC."
    )


def _due(made: datetime, moment: Moment) -> str:
    stored = f"the current version was stored at {made:%Y-%m-%d %H:%M} UTC"
    if made < moment.due_before:
        return f"Due: {stored}, before {moment.due_before:%Y-%m-%d %H:%M} UTC."
    return f"Forced: {stored}, so it is not due."


def credential_of(version: Version, credentials: Sequence[AppCredential]) -> AppCredential | None:
    """Return the credential on the app that a version holds, or None if it is unknown or not listed."""
    named = (version.credential_id or "").lower()
    return next((one for one in credentials if named and one.id.lower() == named), None)


def _orphans(seen: Seen, moment: Moment) -> Iterator[AppCredential]:
    """Yield the credentials of this app that no version names, and that are too old for a run to store still."""
    named = {(version.credential_id or "").lower() for version in seen.versions}
    for credential in seen.credentials:
        is_named = credential.id.lower() in named
        # A version that others stored may hold it if its credential is unknown.
        may_be_held = any(version.created >= credential.starts for version in _unknown(seen, moment))
        if credential.is_own and not is_named and not may_be_held and moment.now - credential.starts > ORPHAN_AGE:
            yield credential


def _was_never_used(orphan: AppCredential, seen: Seen, moment: Moment) -> bool:
    """Return whether nothing uses a credential that no version names: it was never stored, or certainly not recently.

    The vault purges only whole secrets. So one that is younger than the first version was never stored. Of an older
    one, the version may be purged, while App Service still has its value.
    """
    is_younger = orphan.starts > min(version.created for version in seen.versions)
    is_old = moment.now - orphan.starts >= moment.overlap and moment.restarted is not None
    return orphan.ends <= moment.now or is_younger or is_old


def _is_out_of_use(superseded: datetime, moment: Moment) -> bool:
    """Return whether CIPP's apps can't use what was superseded then: the overlap is over, and each read its keys."""
    is_over = moment.now - superseded >= moment.overlap
    return is_over and moment.restarted is not None and moment.restarted > superseded


def _unknown(seen: Seen, moment: Moment) -> list[Version]:
    """Return the versions that CIPP's apps might use and whose credential is unknown."""
    served = [version for version in seen.versions[:1] if version.credential_id is None]
    return served + [
        version
        for newer, version in pairwise(seen.versions)
        if version.credential_id is None and not _is_out_of_use(newer.created, moment)
    ]


@dataclass(frozen=True)
class _Superseded:
    """A credential of this app that was superseded: `at` which time, and how long it was served."""

    credential: AppCredential
    at: datetime
    served_for: timedelta


def _superseded(seen: Seen, moment: Moment) -> Iterator[_Superseded]:
    """Yield the credentials of this app that were served once, with the time when they were last superseded.

    A later version with an unknown credential may hold the same one. Then it is left out until it has expired.
    """
    newer_ones = {seen.served.id.lower()} if seen.served else set()
    unknown = {version.id for version in _unknown(seen, moment)}
    is_certain = True
    for newer, version in pairwise(seen.versions):
        is_certain = is_certain and newer.id not in unknown
        credential = credential_of(version, seen.credentials)
        if credential is None or not credential.is_own or credential.id.lower() in newer_ones:
            continue
        newer_ones.add(credential.id.lower())
        if is_certain or credential.ends <= moment.now:
            yield _Superseded(credential, newer.created, newer.created - version.created)


def _superseded_steps(seen: Seen, moment: Moment, rules: Rules, orphans: set[str]) -> list[Remove]:
    """Return which superseded credentials to remove. The `orphans` are removed, too.

    These are the credentials that expired, and those that were superseded so long ago that no running app can use them.
    If more than `most_live` are left, the overlap is ignored. Credentials from before the last restart go first, then
    those that were served for the shortest time.
    """
    steps: list[Remove] = []
    kept: list[_Superseded] = []
    for one in _superseded(seen, moment):
        if one.credential.ends <= moment.now:
            steps.append(Remove(f"It expired on {one.credential.ends:%Y-%m-%d}.", one.credential.id))
        elif _is_out_of_use(one.at, moment):
            steps.append(
                Remove(
                    f"It was superseded on {one.at:%Y-%m-%d}, and every CIPP app has read its keys since.",
                    one.credential.id,
                )
            )
        else:
            kept.append(one)
    removed = orphans | {step.credential_id for step in steps}
    live = sum(one.id not in removed for one in _live(seen, moment))
    excess = 0 if rules.keeps_excess else max(live - rules.most_live, 0)
    # Never the one that was served last: CIPP most likely uses it.
    candidates = sorted(
        (one for one in kept if one.at < seen.versions[0].created),
        key=lambda one: (not (moment.restarted and moment.restarted > one.at), one.served_for),
    )
    steps += [
        Remove(f"This app keeps at most {rules.most_live} {rules.noun}s.", one.credential.id)
        for one in candidates[:excess]
    ]
    return steps
