"""How long CIPP keeps working: what every key's end is, the first of them, and what nobody rotates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from backend import at_once
from backend.aadsts import Verdict
from backend.app_policy import LESS, AppPolicy
from backend.app_registration import UNKNOWN_END
from backend.entra import SignInRefusedError
from backend.errors import BackendError, NotFoundError
from backend.rotation.calendar import next_week_start
from backend.rotation.credential_work import CredentialWork
from backend.rotation.journal import KeyMemory
from backend.rotation.key_ring import KeyRing
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, IDENTITY_NAMES, PARTNER_TOKEN, Key
from backend.rotation.plan import NEAR_END, AppCredential, Seen, Validity, credential_of
from backend.rotation.refresh_token import token_expires
from backend.rotation.report import AppState, KeyOverview, KeyReport, KeyState, RunReport
from backend.rotation.session import NOT_SET_UP, TENANTS_UNKNOWN, Session, reason_to_leave
from backend.uptime import Uptime
from backend.values import in_whole_seconds
from backend.vault_secret import Version

NOT_OURS: Final = "SSOAppSecret"  # CIPP's own sign-in app's secret, which no job rotates
# Of these nobody can sign in as CIPP's app: it is disabled, or not in the tenant, or there is no such tenant.
NOT_AS_THIS_APP: Final = ("AADSTS7000112", "AADSTS700016", "AADSTS90002")
_WORDS: Final = MappingProxyType(
    {
        Validity.REVOKED: "The version that the vault serves does not sign in.",
        Validity.NOT_VERIFIED: "The version that the vault serves is not verified yet.",
    }
)


@dataclass(frozen=True)
class Past:
    """What storage tells: of each key, of the last runs, the newest first, and which run holds the lock now."""

    memories: Mapping[str, KeyMemory]
    runs: Sequence[RunReport]
    holder: str | None


class Look:
    """One look at everything that an overview shows."""

    def __init__(self, session: Session, past: Past, served: Mapping[str, Version]) -> None:
        self._session = session
        self._memories = past.memories
        self._runs = past.runs
        self._served = {name.lower(): version for name, version in served.items()}  # CIPP's template writes lower case
        self._holder = past.holder
        self._uptimes = at_once.start(session.services.uptimes.uptimes, name="look since when CIPP's apps run")
        self._now = session.services.vault.now()
        self._problem = "" if session.run else str(session.failure)
        self._broken: dict[str, str] = {}
        self._credentials = self._looked_at() if session.run else {}

    def overview(self, keys: Sequence[Key]) -> KeyOverview:
        """Put it together."""
        states = [self._state(key) for key in keys if key.name.lower() in self._served]
        uptimes = self._uptimes.result()
        held = self._held_by_apps(uptimes)
        counted = [*states, held] if held else states
        works_until, sentence = promise(counted, self._now, self._missing(), self._broken)
        zone = self._session.zone
        starts = next_week_start(self._now, zone)
        return KeyOverview(
            works_until=works_until,
            sentence=sentence,
            running=next((run for run in self._runs if run.run_id == self._holder and run.ended is None), None),
            runs=[run for run in self._runs if run.run_id != self._holder],
            next_week_starts=starts,
            next_week_starts_local=starts.astimezone(zone).isoformat(),
            time_zone=str(getattr(zone, "key", "UTC")),
            keys=states,
            apps=[self._app(uptime) for uptime in uptimes],
            not_rotated=self._not_rotated(),
            notes=self._notes(),
        )

    def _looked_at(self) -> dict[str, CredentialWork | BackendError]:
        """Look at the client secret and the certificate as a run does. Return the look of each, or why it failed."""
        run, ring = self._session.opened(), KeyRing(self._session)
        looks = {}
        for key in (Key(CLIENT_SECRET, "ClientSecret"), Key(CERTIFICATE, "Certificate")):
            work = ring.credential_work(key, run)
            looks[key.name] = work, at_once.start(partial(work.look, run.moment), name=f"look at {key.name}")
        found: dict[str, CredentialWork | BackendError] = {}
        for name, (work, look) in looks.items():
            try:
                look.result()
                found[name] = work
            except BackendError as error:
                found[name] = error
        return found

    def _seen(self, name: str) -> Seen | None:
        """Return what was seen of the client secret or certificate; None if it was not looked at, or that failed."""
        work = self._credentials.get(name)
        return work.seen if isinstance(work, CredentialWork) else None

    def _state(self, key: Key) -> KeyState:
        served = self._served[key.name.lower()]
        memory = self._memories.get(key.name.lower(), KeyMemory(key.name.lower()))
        early, problems = self._left_alone(key)
        tenants = self._session.tenants
        is_unknown = key.tenant is not None and tenants is not None and key.tenant not in tenants
        died = self._died(memory, served)
        if memory.failures or died:
            problems.insert(0, f"{memory.problem} {memory.advice}".strip())
        is_postponed = early is not None and early.outcome == "postponed"
        if is_unknown:
            problems.append("CIPP's table Tenants has no such tenant; its token is rotated all the same.")
        if not served.enabled:
            problems.append("The current version is disabled, so CIPP cannot read it.")
        problems += self._problems_of_credential(key)
        broken = "does not sign in" if died else self._why_broken(key, served)
        if broken:
            self._broken[key.name] = broken
        ends = (died or self._now) if broken else self._end(key, served)
        return KeyState(
            name=key.name,
            kind=key.kind,
            current_since=served.created,
            ends=ends,
            last_proven=in_whole_seconds(memory.proven),
            counts=(not early or is_postponed) and not is_unknown,
            overlapping=self._overlapping(key),
            problems=problems,
        )

    def _left_alone(self, key: Key) -> tuple[KeyReport | None, list[str]]:
        """Return the report of a key that no run touches, if it is one, and what to show of that."""
        try:
            early = reason_to_leave(key, self._session)
        except BackendError as error:
            return None, [str(error)]
        if early is None:
            return None, []
        return early, [TENANTS_UNKNOWN if early.outcome == "postponed" else early.reason]

    def _problems_of_credential(self, key: Key) -> list[str]:
        if key.kind not in ("ClientSecret", "Certificate"):
            return []
        if self._problem:
            return [self._problem]
        work = self._credentials.get(_own_name(key))
        if isinstance(work, BackendError):
            return [str(work)]
        if work is None or work.seen.validity is Validity.VALID:
            return []
        if not work.seen.is_readable:
            return ["What the vault serves cannot be read."]
        return [f"{_WORDS[work.seen.validity]} {work.seen.refusal}".strip()]

    def _died(self, memory: KeyMemory, served: Version) -> datetime | None:
        """Return since when Entra refuses for good what the vault serves; None if it was stored after that."""
        died = memory.dead_since
        return died if died and served.created <= died else None

    def _why_broken(self, key: Key, served: Version) -> str:
        """Return why CIPP cannot work with what the vault serves, "" if nothing shows that it cannot."""
        if not served.enabled:
            return "is disabled"
        failure, seen = self._session.failure, self._seen(_own_name(key))
        is_refused = isinstance(failure, SignInRefusedError) and (
            failure.verdict is Verdict.DEAD or failure.code in NOT_AS_THIS_APP
        )
        nobody_signs_in = self._session.run is None and not self._session.not_set_up and is_refused
        if seen is not None and not seen.is_readable:
            return "cannot be read as a certificate"
        is_revoked = seen is not None and seen.validity is Validity.REVOKED
        return "does not sign in" if is_revoked or (nobody_signs_in and key.kind == "ClientSecret") else ""

    def _end(self, key: Key, served: Version) -> datetime | None:
        """Return when what the vault serves expires, None if that is unknown."""
        if key.kind in ("RefreshToken", "TenantRefreshToken"):
            return token_expires(served)
        seen = self._seen(_own_name(key))
        return seen.ends or served.expires if seen else served.expires

    def _missing(self) -> list[str]:
        """Return the names of what CIPP cannot work without and the vault does not hold."""
        if self._session.not_set_up:
            return []
        missing = []
        for name in (*IDENTITY_NAMES, CLIENT_SECRET, PARTNER_TOKEN):
            served = self._served.get(name.lower())
            if served and not served.enabled and name in IDENTITY_NAMES:
                missing.append(f"{name} that is enabled")
            if served is None:
                try:
                    self._session.services.vault.read(name)  # the list may be older than what the vault serves
                except NotFoundError:
                    missing.append(name)
                except BackendError:
                    continue
        return missing

    def _overlapping(self, key: Key) -> list[str]:
        """Return the older credentials of this app that still sign in, and until when to restart CIPP's apps."""
        seen = self._seen(_own_name(key)) if key.kind in ("ClientSecret", "Certificate") else None
        if seen is None:
            return []
        current = seen.served.id if seen.served else None
        return [
            f"{one.name} ({one.id}) signs in until {one.ends:%Y-%m-%d}: restart CIPP's apps before."
            for one in seen.credentials
            if one.ours and one.id != current and one.ends > self._now
        ]

    def _held_by_apps(self, uptimes: Sequence[Uptime]) -> KeyState | None:
        """Return the client secret that expires first of those with which CIPP's apps run, if that is an earlier one.

        An app reads its keys once per process. If Azure does not show since when it runs, any earlier one counts that
        has not expired.
        """
        seen, served = self._seen(CLIENT_SECRET), self._served.get(CLIENT_SECRET.lower())
        if seen is None or served is None:
            return None
        ends: list[tuple[datetime, str]] = []
        for uptime in uptimes:
            if uptime.started_after(served.created):
                continue
            held = held_since(uptime.since, seen) if uptime.since else self._first_end
            if held:
                ends.append((held, uptime.name))
        if not ends:
            return None
        first, app = min(ends)
        name = f"the earlier client secret with which '{app}' may run: restart it"
        if first <= self._now:
            self._broken[name] = f"expired on {first:%Y-%m-%d %H:%M} UTC"
        return KeyState(
            name=name,
            kind="ClientSecret",
            current_since=served.created,
            ends=first,
            last_proven=None,
            counts=True,
            overlapping=[],
            problems=[],
        )

    def _app(self, uptime: Uptime) -> AppState:
        served = self._served.get(CLIENT_SECRET.lower())
        newer = uptime.started_after(served.created) if served else None
        if newer is None:
            return AppState(name=uptime.name, runs_with_current_keys="unknown", advice="ARM does not tell since when.")
        if newer:
            return AppState(name=uptime.name, runs_with_current_keys="yes")
        before = f" before {self._first_end:%Y-%m-%d}" if self._first_end else ""
        return AppState(name=uptime.name, runs_with_current_keys="no", advice=f"Restart '{uptime.name}'{before}.")

    @property
    def _first_end(self) -> datetime | None:
        """When the first client secret expires that an app may run with though it is not served any more."""
        work = self._credentials.get(CLIENT_SECRET)
        return work.superseded_ends if isinstance(work, CredentialWork) else None

    def _not_rotated(self) -> list[str]:
        """Return what expires some day and is not rotated."""
        said = []
        if served := self._served.get(NOT_OURS.lower()):
            ends = f"ends on {served.expires:%Y-%m-%d}" if served.expires else "has an end that the vault does not tell"
            said.append(f"{NOT_OURS} {ends}: renew it in CIPP (SSO settings).")
        for name, noun in ((CLIENT_SECRET, "Client secret"), (CERTIFICATE, "Certificate")):
            seen = self._seen(name)
            current = seen.served.id if seen and seen.served else None
            said += [
                f"{noun} '{one.name}' ({one.id}) on the SAM app is not ours; it {_ending(one)}."
                for one in (seen.credentials if seen else ())
                if not one.ours and one.id != current
            ]
        return said

    def _notes(self) -> list[str]:
        notes = [text for text in (self._problem, self._session.not_cipps) if text]
        if (policy := self._policy()) and policy.secret_lifetime < NEAR_END - LESS:
            notes.append(
                f"The tenant's policy allows client secrets of {(policy.secret_lifetime + LESS).days} days, so "
                "CIPP's own job, which acts at 30 days left, will keep adding its own."
            )
        if self._session.not_set_up:
            notes.append(NOT_SET_UP)
        elif CERTIFICATE.lower() not in self._served:
            notes.append("The vault holds no SAMCertificate yet; the next run makes one.")
        return notes

    def _policy(self) -> AppPolicy | None:
        work = next((work for work in self._credentials.values() if isinstance(work, CredentialWork)), None)
        return work.policy() if work else None


def _ending(credential: AppCredential) -> str:
    return "has no known end" if credential.ends >= UNKNOWN_END else f"ends on {credential.ends:%Y-%m-%d}"


def _own_name(key: Key) -> str:
    """Return the name of the secret of a kind as this app spells it."""
    return {"ClientSecret": CLIENT_SECRET, "Certificate": CERTIFICATE}.get(key.kind, key.name)


def held_since(since: datetime, seen: Seen) -> datetime | None:
    """Return when the client secret expires that the vault served at a time; None if that is unknown. Pure.

    One that is not on the app any more has expired, or was removed: then it is the expiry that is not known.
    """
    version = next((version for version in seen.versions if version.created <= since), None)
    found = credential_of(version, seen.credentials) if version else None
    return None if found is None or found.ends >= UNKNOWN_END else found.ends


def promise(
    states: Sequence[KeyState],
    now: datetime,
    missing: Sequence[str] = (),
    broken: Mapping[str, str] = MappingProxyType({}),
) -> tuple[datetime | None, str]:
    """Return until when CIPP keeps working, and the sentence that says so. Pure.

    `missing` is what CIPP cannot work without and the vault does not hold. `broken` is by a key's name why it cannot
    work with it. Excluded and unknown tenants do not count. An unknown end does not make the promise longer.
    """
    if missing:
        return now.replace(microsecond=0), f"CIPP does not work: the vault has no {', '.join(missing)}."
    known = [(state.ends, state.name) for state in states if state.counts and state.ends]
    unknown = [state.name for state in states if state.counts and state.ends is None]
    if not known:
        return None, "How long CIPP keeps working is unknown: the vault holds no key whose end is known."
    ends, name = min(known)
    but = f" The end of {', '.join(unknown)} is unknown." if unknown else ""
    if ends <= now:
        why = broken.get(name) or f"has ended on {ends:%Y-%m-%d %H:%M} UTC"
        return ends.replace(microsecond=0), f"CIPP does not work with {name}, which {why}.{but}"
    whole = ends.replace(microsecond=0)
    return whole, (
        f"CIPP keeps working until {whole:%Y-%m-%d %H:%M} UTC unless someone revokes a key; "
        f"the first to end is {name}.{but}"
    )
