"""How long CIPP keeps working: when each key expires, which is the first, and what is not rotated. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from backend.azure.errors.entra_errors import Verdict
from backend.configuration.mode import Mode, Option
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, SIGN_IN_SECRET, TOKENS, Key, Validity
from backend.errors import BackendError
from backend.hosting.uptimes import Uptime
from backend.internal_errors import contained
from backend.key_vault.secrets import Version
from backend.key_vault.vault import MissingError
from backend.rotation.planning.calendar import next_week_start
from backend.rotation.planning.certificate_mode import SecretUse
from backend.rotation.planning.memory import KeyMemory
from backend.rotation.planning.plan import NEAR_END, AppCredential, Seen, credential_of
from backend.rotation.reporting.progress import estimated_end
from backend.rotation.reporting.snapshot import SeenCredential, Snapshot
from backend.rotation.results import AppState, KeyOverview, KeyReport, KeyState, RunReport
from backend.rotation.running.batch import HELD_BY_CIPP
from backend.rotation.running.context import TENANTS_UNKNOWN
from backend.rotation.running.refresh_token import token_expires
from backend.rotation.running.session import NOT_SET_UP
from backend.rotation.running.sign_in_secret import UsedSecret
from backend.sam_app.client_secret import UNKNOWN_END
from backend.sam_app.management_policy import LESS
from backend.sam_app.sign_in import SignInRefusedError
from backend.values import in_whole_seconds

# With these codes a sign-in as CIPP's app is impossible: the app is disabled or not in the tenant, or the tenant does
# not exist.
NOT_AS_THIS_APP: Final = ("AADSTS7000112", "AADSTS70001", "AADSTS700016", "AADSTS700011", "AADSTS90002")
_NOUNS: Final = MappingProxyType({"ClientSecret": "client secret", "Certificate": "certificate"})
NOTHING_OLDER: Final = UsedSecret()
CREDENTIALS: Final = ("ClientSecret", "Certificate", "SignInSecret")
_UNKNOWN_READ: Final = "Nothing shows since when it has its keys: neither Azure, nor CIPP's tables."
_STAYS: Final = "It is removed when App Service uses the newer one, and 30 days have passed"
_ON_APPS: Final = (
    (CLIENT_SECRET, "Client secret", "the SAM app"),
    (CERTIFICATE, "Certificate", "the SAM app"),
    (SIGN_IN_SECRET, "Client secret", "CIPP's sign-in app"),
)
_ALL_READ: Final = "CIPP's apps have read a newer one, or can't be listed"
_NOT_ROTATED: Final = f"This app renews no key ({Option.ROTATION.setting})."
_WORDS: Final = MappingProxyType(
    {
        Validity.REVOKED: "The current version can't sign in.",
        Validity.NOT_VERIFIED: "The current version is not verified yet.",
    }
)


def key_overview(snapshot: Snapshot, keys: Sequence[Key], allowed: Mode) -> KeyOverview:
    """Return how long CIPP keeps working, and the past, current and next runs. Pure.

    `allowed` is what this installation may change.
    """
    return _Overview(snapshot, allowed).overview(keys)


class _Overview:
    """Build an overview from a snapshot."""

    def __init__(self, snapshot: Snapshot, allowed: Mode) -> None:
        self._snapshot = snapshot
        self._allowed = allowed
        self._rotates = allowed.allows(Option.ROTATION)
        self._served = snapshot.served
        self._now = snapshot.now
        self._problem = str(snapshot.failure) if snapshot.failure else ""
        self._mode = snapshot.mode
        self._broken: dict[str, str] = {}

    def overview(self, keys: Sequence[Key]) -> KeyOverview:
        """Return the overview."""
        states = [self._state_or_problem(key) for key in keys if key.name.lower() in self._served]
        runs, holder, uptimes = self._snapshot.runs, self._snapshot.holder, self._snapshot.uptimes
        by_apps = self._held_by_apps(uptimes)
        counted = [*states, by_apps] if by_apps else states
        works_until, sentence = promise(counted, self._now, self._snapshot.missing, self._broken)
        until, sign_in = self._sign_in(states)
        zone = self._snapshot.cipp.zone
        starts = next_week_start(self._now, zone)
        return KeyOverview(
            works_until=works_until,
            sign_in_works_until=until,
            sign_in_sentence=sign_in,
            sentence=" ".join(filter(None, [sentence, self._mode.effect if self._rotates else _NOT_ROTATED])),
            running=self._running(),
            runs=[run for run in runs if run.run_id != holder],
            next_week_starts=starts,
            next_week_starts_local=starts.astimezone(zone).isoformat(),
            time_zone=str(getattr(zone, "key", "UTC")),
            keys=states,
            apps=[self._app(uptime) for uptime in uptimes],
            not_rotated=self._not_rotated(states),
            notes=self._notes(),
        )

    def _sign_in(self, states: Sequence[KeyState]) -> tuple[datetime | None, str | None]:
        """Return until when users can sign in to CIPP, and a sentence about it. Both are None if users need none.

        App Service keeps the value of a deleted secret until it reads it again, within a day.
        """
        state = next((state for state in states if state.kind == "SignInSecret"), None)
        missing = self._snapshot.sign_in_missing
        if isinstance(missing, MissingError):
            return self._now.replace(microsecond=0), f"No user can sign in to CIPP. {missing}"
        if missing:
            return None, f"Until when users can sign in to CIPP is unknown. {missing}"
        if state is None:
            return None, None
        work = self._snapshot.credentials.get(SIGN_IN_SECRET)
        used = work.used if isinstance(work, SeenCredential) else UsedSecret()
        return sign_in_promise(state, self._now, self._broken.get(state.name), used)

    def _running(self) -> RunReport | None:
        """Return the run that has the lock. A run that was killed loses it."""
        runs, holder = self._snapshot.runs, self._snapshot.holder
        running = next((run for run in runs if run.run_id == holder and run.ended is None), None)
        return running and replace(running, estimated_end=estimated_end(running, runs, self._now))

    def _seen(self, name: str) -> Seen | None:
        """Return the state of the client secret or certificate, or None if it was not read, or that failed."""
        work = self._snapshot.credentials.get(name)
        return work.seen if isinstance(work, SeenCredential) else None

    def _state_or_problem(self, key: Key) -> KeyState:
        """Return the state of a key, or one with the problem if it can't be determined."""
        try:
            with contained(f"Reading the state of {key.name}"):
                return self._state(key)
        except BackendError as error:
            return KeyState(
                name=key.name,
                kind=key.kind,
                display_name=self._display_name(key),
                current_since=None,
                ends=None,
                last_proven=None,
                counts=key.kind != "SignInSecret",
                overlapping=[],
                problems=[str(error)],
            )

    def _state(self, key: Key) -> KeyState:
        served = self._served[key.name.lower()]
        memory = self._snapshot.memories.get(key.name.lower(), KeyMemory(key.name.lower()))
        early, problems = self._left_alone(key)
        tenants = self._snapshot.cipp.tenants
        is_unknown = key.tenant is not None and tenants is not None and key.tenant not in tenants
        died = self._died(memory, served)
        if memory.failures or died:
            problems.insert(0, f"{memory.problem} {memory.advice}".strip())
        is_postponed = early is not None and early.outcome == "postponed"
        if is_unknown:
            still = " Its token is still rotated." if self._rotates else ""
            problems.append(f"CIPP's table Tenants doesn't have this tenant.{still}")
        if not served.enabled:
            problems.append("The current version is disabled, so CIPP can't read it.")
        if served.known_created is None:
            problems.append("Key Vault does not show when the current version was stored.")
        problems += self._problems_of_credential(key)
        if key.kind == "ClientSecret" and self._mode.problem:
            problems.append(f"{self._mode.problem} {self._mode.effect}")
        is_spare = key.kind == "ClientSecret" and self._mode.is_on
        if is_spare and self._mode.use is SecretUse.ABSENT:
            died, problems = None, []  # the template's placeholder, which CIPP does not use
        broken = "can't sign in" if died else self._why_broken(key, served)
        if broken:
            self._broken[key.name] = broken
        ends = (died or self._now) if broken else self._end(key, served)
        return KeyState(
            name=key.name,
            kind=key.kind,
            display_name=self._display_name(key),
            current_since=served.known_created,
            ends=ends,
            last_proven=in_whole_seconds(memory.proven),
            counts=(not early or is_postponed) and not is_unknown and not is_spare and key.kind != "SignInSecret",
            overlapping=self._overlapping(key),
            problems=problems,
        )

    def _display_name(self, key: Key) -> str | None:
        """Return the name of a direct tenant, None if it has none or CIPP's table can't be read."""
        tenant = (self._snapshot.cipp.tenants or {}).get(key.tenant or "")
        return tenant.name or None if tenant else None

    def _left_alone(self, key: Key) -> tuple[KeyReport | None, list[str]]:
        """Return the report of a key that runs don't touch, None if they do, and the problems to show."""
        early = self._snapshot.left_alone[key.name.lower()]
        if isinstance(early, BackendError):
            return None, [str(early)]
        if early is None:
            return None, []
        return early, [TENANTS_UNKNOWN if early.outcome == "postponed" else early.reason]

    def _problems_of_credential(self, key: Key) -> list[str]:
        if key.kind not in CREDENTIALS:
            return []
        if self._problem and key.kind != "SignInSecret":
            return [self._problem]
        work = self._snapshot.credentials.get(_own_name(key))
        if isinstance(work, BackendError):
            return [str(work)]
        if work is None or work.seen.validity is Validity.VALID:
            return []
        if not work.seen.is_readable:
            return ["The current version can't be read."]
        return [f"{_WORDS[work.seen.validity]} {work.seen.refusal}".strip()]

    def _died(self, memory: KeyMemory, served: Version) -> datetime | None:
        """Return when Microsoft Entra ID first refused the current version for good, or None if it was stored later."""
        died = memory.dead_since
        return died if died and served.known_created and served.created <= died else None

    def _why_broken(self, key: Key, served: Version) -> str:
        """Return why CIPP can't use the current version, "" if no problem is known."""
        if key.kind == "ClientSecret" and self._mode.use is SecretUse.ABSENT:
            return ""
        if not served.enabled:
            return "is disabled"
        failure, seen = self._snapshot.failure, self._seen(_own_name(key))
        is_refused = isinstance(failure, SignInRefusedError) and (
            failure.verdict is Verdict.DEAD or failure.code in NOT_AS_THIS_APP
        )
        if seen is not None and not seen.is_readable:
            return "can't be read as a certificate"
        is_revoked = seen is not None and seen.validity is Validity.REVOKED
        return "can't sign in" if is_revoked or (is_refused and key.kind == self._mode.vital) else ""

    def _end(self, key: Key, served: Version) -> datetime | None:
        """Return when the current version expires, None if unknown."""
        if key.kind in TOKENS:
            return token_expires(served)
        seen = self._seen(_own_name(key))
        return seen.ends or served.expires if seen else served.expires

    def _overlapping(self, key: Key) -> list[str]:
        """Return the older credentials of this app that can still sign in, and what CIPP's apps need before."""
        seen = self._seen(_own_name(key)) if key.kind in CREDENTIALS else None
        if seen is None:
            return []
        current = seen.served.id if seen.served else None
        outdated = self._outdated(key) if key.kind in HELD_BY_CIPP else []
        advice = self._snapshot.advise
        read = _ALL_READ if key.kind in HELD_BY_CIPP else _STAYS
        return [
            f"{one.name} ({one.id}) can sign in until {one.ends:%Y-%m-%d}. "
            f"{advice(outdated, one.ends) if outdated else read}."
            for one in seen.credentials
            if one.is_own and one.id != current and one.ends > self._now
        ]

    def _outdated(self, key: Key) -> list[str]:
        """Return the apps that may not have read the current version of a key."""
        served = self._served.get(_own_name(key).lower())
        stored = served.known_created if served else None
        return [app.name for app in self._snapshot.uptimes if stored is None or not app.started_after(stored)]

    def _held_by_apps(self, uptimes: Sequence[Uptime]) -> KeyState | None:
        """Return the first client secret to expire that CIPP's apps still use, if that is an earlier one.

        If CIPP signs in with its certificate, return the same for that. If nothing shows since when an app has its
        keys, it may use any earlier one that has not expired.
        """
        vital = self._mode.vital_secret
        seen, served = self._seen(vital), self._served.get(vital.lower())
        if seen is None or served is None or served.known_created is None:
            return None
        ends: list[tuple[datetime, str]] = []
        for uptime in uptimes:
            if uptime.started_after(served.created):
                continue
            expiry = held_since(uptime.since, seen) if uptime.since else self._first_end
            if expiry:
                ends.append((expiry, uptime.name))
        if not ends:
            return None
        first, app = min(ends)
        how = self._snapshot.advise([app], None)
        name = f"the earlier {_NOUNS[self._mode.vital]} that '{app}' might still use ({how[:1].lower()}{how[1:]})"
        if first <= self._now:
            self._broken[name] = f"expired on {first:%Y-%m-%d %H:%M} UTC"
        return KeyState(
            name=name,
            kind=self._mode.vital,
            display_name=None,
            current_since=served.created,
            ends=first,
            last_proven=None,
            counts=True,
            overlapping=[],
            problems=[],
        )

    def _app(self, uptime: Uptime) -> AppState:
        served = self._served.get(self._mode.vital_secret.lower())
        newer = uptime.started_after(served.created) if served and served.known_created else None
        if newer is None:
            return AppState(name=uptime.name, runs_with_current_keys="unknown", advice=_UNKNOWN_READ)
        if newer:
            return AppState(name=uptime.name, runs_with_current_keys="yes")
        advice = self._snapshot.advise([uptime.name], self._first_end)
        return AppState(name=uptime.name, runs_with_current_keys="no", advice=f"{advice}.")

    @property
    def _first_end(self) -> datetime | None:
        """The first expiry of a key that is not served any more and with which an app might still sign in."""
        work = self._snapshot.credentials.get(self._mode.vital_secret)
        return work.superseded_ends if isinstance(work, SeenCredential) else None

    def _not_rotated(self, states: Sequence[KeyState]) -> list[str]:
        """Return the credentials that expire and are not rotated."""
        texts = []
        served = self._served.get(SIGN_IN_SECRET.lower())
        if served and not any(state.kind == "SignInSecret" for state in states):
            ends = f"expires on {served.expires:%Y-%m-%d}" if served.expires else "has an unknown expiry"
            texts.append(f"{SIGN_IN_SECRET} {ends}. Renew it in CIPP (SSO settings).")
        for name, noun, app in _ON_APPS:
            seen = self._seen(name)
            current = seen.served.id if seen and seen.served else None
            texts += [
                f"{noun} '{one.name}' ({one.id}) on {app} was not created by this app. It {_ending(one)}."
                for one in (seen.credentials if seen else ())
                if not one.is_own and one.id != current
            ]
        return texts

    def _notes(self) -> list[str]:
        snapshot, cipp = self._snapshot, self._snapshot.cipp
        mode = self._mode.reason if snapshot.is_set_up else ""
        off = [] if self._rotates else self._allowed.notes
        texts = (*off, self._problem, mode, cipp.not_cipps, *cipp.zone_problems, *snapshot.recoveries)
        notes = list(dict.fromkeys(text for text in texts if text))
        if (policy := snapshot.policy) and not self._mode.is_on and policy.secret_lifetime < NEAR_END - LESS:
            notes.append(
                f"The tenant's policy allows client secrets of {(policy.secret_lifetime + LESS).days} days, so "
                "CIPP's own job, which renews at 30 days left, will keep adding its own."
            )
        if not self._snapshot.is_set_up:
            notes.append(NOT_SET_UP)
        elif CERTIFICATE.lower() not in self._served:
            notes.append(f"The vault doesn't have a SAMCertificate yet. {self._creation}".strip())
        return notes

    @property
    def _creation(self) -> str:
        """When a run creates the certificate, "" if none does."""
        if not self._rotates:
            return ""
        return "The next run creates one." if self._snapshot.is_signed_in else "A run creates one when it can sign in."


def _ending(credential: AppCredential) -> str:
    return "has an unknown expiry" if credential.ends >= UNKNOWN_END else f"expires on {credential.ends:%Y-%m-%d}"


def _own_name(key: Key) -> str:
    """Return the name of a key's secret in the spelling of this app."""
    return {**HELD_BY_CIPP, "SignInSecret": SIGN_IN_SECRET}.get(key.kind, key.name)


def held_since(since: datetime, seen: Seen) -> datetime | None:
    """Return the expiry of the credential that the vault served at a time, or None if unknown. Pure.

    It is also unknown if the credential is not on the app any more, because it expired or was removed.
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
    """Return until when CIPP keeps working, and a sentence about it. Pure.

    `missing` are the secrets that CIPP needs and the vault does not have. `broken` is why CIPP can't use a key, by its
    name. Excluded and unknown tenants do not count. Keys with an unknown expiry are named in the sentence.
    """
    if missing:
        return now.replace(microsecond=0), (
            f"CIPP doesn't work: the vault doesn't have {', '.join(missing)}. "
            "To recover a deleted secret, call ExecKeyVaultSecretRecover."
        )
    expiries = [(state.ends, state.name) for state in states if state.counts and state.ends]
    unknown = [state.name for state in states if state.counts and state.ends is None]
    if not expiries:
        return None, "How long CIPP keeps working is unknown, because the expiry of every key is unknown."
    ends, name = min(expiries)
    but = f" The expiry of {', '.join(unknown)} is unknown." if unknown else ""
    if ends <= now:
        why = broken.get(name) or f"expired on {ends:%Y-%m-%d %H:%M} UTC"
        return ends.replace(microsecond=0), f"CIPP doesn't work with {name}, which {why}.{but}"
    whole = ends.replace(microsecond=0)
    return whole, (
        f"CIPP keeps working until {whole:%Y-%m-%d %H:%M} UTC unless someone revokes a key. "
        f"The first key to expire is {name}.{but}"
    )


def sign_in_promise(
    state: KeyState, now: datetime, broken: str | None = None, used: UsedSecret = NOTHING_OLDER
) -> tuple[datetime | None, str]:
    """Return until when users can sign in to CIPP with a secret, and sentences about it. Pure.

    `broken` is why the newest version can't be used now. `used` is what App Service uses: if that is an older version,
    the first end of both counts.
    """
    ends = min((one for one in (state.ends, used.ends) if one), default=None)
    why = "App Service uses in an older version that can't sign in" if used.is_refused else broken
    until, sentence = _sign_in_promise(replace(state, ends=ends), now, why)
    if used.problem:
        sentence += f" App Service can't read {state.name}: {used.problem} See ListBackendSignIn."
    elif used.is_older and not used.is_refused:
        sentence += f" App Service still uses an older version of {state.name}, and reads the newest one within a day."
    return until, sentence


def _sign_in_promise(state: KeyState, now: datetime, broken: str | None) -> tuple[datetime | None, str]:
    if state.ends is None:
        return None, f"Until when users can sign in to CIPP is unknown, because the expiry of {state.name} is unknown."
    whole = state.ends.replace(microsecond=0)
    if state.ends <= now:
        why = broken or f"expired on {state.ends:%Y-%m-%d %H:%M} UTC"
        return whole, f"No user can sign in to CIPP with {state.name}, which {why}. See ListBackendSignIn."
    return whole, f"Users can sign in to CIPP until {whole:%Y-%m-%d %H:%M} UTC. Then {state.name} expires."
