"""How long CIPP keeps working: what every key's end is, the first of them, and what nobody rotates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from backend import at_once
from backend.app_policy import LESS, read_app_policy
from backend.app_registration import AppRegistration, Registration
from backend.certificate import Certificate
from backend.errors import BackendError
from backend.graph import Graph
from backend.rotation.calendar import next_week_start
from backend.rotation.client_secret import app_credential, credential_told_by, told_versions
from backend.rotation.journal import KeyMemory
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, Key
from backend.rotation.plan import NEAR_END, superseded_ends
from backend.rotation.refresh_token import LIFETIME
from backend.rotation.report import AppState, KeyOverview, KeyState, RunReport
from backend.rotation.run import planned
from backend.rotation.session import NOT_SET_UP, TENANTS_UNKNOWN, Session, reason_to_leave
from backend.rotation.signer import served_certificate
from backend.rotation.tags import CREDENTIAL_ID, OUR_NAME
from backend.uptime import Uptime
from backend.values import in_whole_seconds
from backend.vault_secret import Version

NOT_OURS: Final = "SSOAppSecret"  # CIPP's own sign-in app's secret, which no job rotates


@dataclass(frozen=True)
class Past:
    """What storage tells: of each key, of the last runs, the newest first, and which run holds the lock now."""

    memories: Mapping[str, KeyMemory]
    runs: Sequence[RunReport]
    holder: str | None


class Look:
    """One look at everything that an overview tells."""

    def __init__(self, session: Session, past: Past, served: Mapping[str, Version]) -> None:
        self._session = session
        self._memories = past.memories
        self._runs = past.runs
        self._served = {name.lower(): version for name, version in served.items()}  # CIPP's template writes lower case
        self._holder = past.holder
        self._uptimes = at_once.start(session.services.uptimes.uptimes, name="ask since when CIPP's apps run")
        self._now = session.services.vault.now()
        self._problem = str(session.failure)
        self._registration = self._read_registration()

    def overview(self, keys: Sequence[Key]) -> KeyOverview:
        """Put it together."""
        states = [self._state(key) for key in keys if key.name.lower() in self._served]
        works_until, sentence = promise(states, self._now)
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
            apps=[self._app(uptime) for uptime in self._uptimes.result()],
            not_rotated=self._not_rotated(),
            notes=self._notes(),
        )

    def _read_registration(self) -> Registration | None:
        run = self._session.run
        if run is None:
            return None
        graph = Graph(run.clients.cloud, run.clients.limits, lambda: run.signer.signed_in.token)
        self._app_registration = AppRegistration(graph, run.app.app_id)
        try:
            return self._app_registration.read()
        except BackendError as error:
            self._problem = str(error)
            return None

    def _state(self, key: Key) -> KeyState:
        served = self._served[key.name.lower()]
        memory = self._memories.get(key.name.lower(), KeyMemory(key.name.lower()))
        early = reason_to_leave(key, self._session)
        tenants = self._session.tenants
        is_unknown = key.tenant is not None and tenants is not None and key.tenant not in tenants
        is_troubled = memory.failures or self._died(memory, served)
        problems = [f"{memory.problem} {memory.advice}".strip()] if is_troubled else []
        is_postponed = early is not None and early.outcome == "postponed"
        if early:
            problems.append(TENANTS_UNKNOWN if is_postponed else early.reason)
        if is_unknown:
            problems.append("CIPP's table Tenants has no such tenant; its token is rotated all the same.")
        if not served.enabled:
            problems.append("The current version is disabled, so CIPP cannot read it.")
        if key.kind in ("ClientSecret", "Certificate") and self._problem:
            problems.append(self._problem)
        return KeyState(
            name=key.name,
            kind=key.kind,
            current_since=served.created,
            ends=self._died(memory, served) or self._end(key, served),
            last_proven=in_whole_seconds(memory.proven),
            counts=(not early or is_postponed) and not is_unknown,
            overlapping=self._overlapping(key, served),
            problems=problems,
        )

    def _died(self, memory: KeyMemory, served: Version) -> datetime | None:
        """Answer since when Entra calls dead what the vault serves; None where it was stored after that."""
        died = memory.dead_since
        return died if died and served.created <= died else None

    def _end(self, key: Key, served: Version) -> datetime | None:
        if key.kind in ("RefreshToken", "TenantRefreshToken"):
            return min(served.expires or served.created + LIFETIME, served.created + LIFETIME)
        if key.kind == "ClientSecret" and self._registration:
            current = self._current_secret(served)
            return next((s.ends for s in self._registration.client_secrets if s.key_id == current), served.expires)
        if key.kind == "Certificate" and self._certificate:
            return self._certificate.ends
        return served.expires

    @cached_property
    def _certificate(self) -> Certificate | None:
        """Read the served certificate; None where it cannot be read."""
        try:
            return served_certificate(self._session.services.vault)
        except BackendError:
            return None

    def _current_secret(self, served: Version) -> str | None:
        """Tell the keyId of the served client secret, by its tag or by Graph's hint and dates."""
        if CREDENTIAL_ID in served.tags:
            return served.tags[CREDENTIAL_ID]
        if self._registration is None:
            return None
        if self._hint is None:
            return None
        return credential_told_by(self._hint, served.created, self._registration.client_secrets)

    @cached_property
    def _hint(self) -> str | None:
        """The letters of the served client secret that Graph shows, too; None where it cannot be read."""
        try:
            return self._session.services.vault.read(CLIENT_SECRET).value.reveal()[:3]
        except BackendError:
            return None

    def _overlapping(self, key: Key, served: Version) -> list[str]:
        """Tell the older credentials of ours that still sign in, and when to have restarted CIPP's apps."""
        if self._registration is None or key.kind not in ("ClientSecret", "Certificate"):
            return []
        if key.kind == "ClientSecret":
            current = self._current_secret(served)
            found = [(s.key_id, s.display_name, s.ends) for s in self._registration.client_secrets]
        else:
            current = self._current_certificate()
            found = [(c.thumbprint, c.display_name, c.ends) for c in self._registration.certificates]
        return [
            f"{name} ({identifier}) signs in until {ends:%Y-%m-%d}: restart CIPP's apps before."
            for identifier, name, ends in found
            if name.startswith(OUR_NAME) and identifier != current and ends > self._now
        ]

    def _current_certificate(self) -> str | None:
        """Tell the thumbprint of the served certificate, by its tag or by itself."""
        served = self._served.get(CERTIFICATE.lower())
        if served is None:
            return None
        return self._certificate.thumbprint if self._certificate else served.tags.get(CREDENTIAL_ID)

    def _app(self, uptime: Uptime) -> AppState:
        served = self._served.get(CLIENT_SECRET.lower())
        newer = uptime.started_after(served.created) if served else None
        if newer is None:
            return AppState(name=uptime.name, runs_with_current_keys="unknown", advice="ARM does not tell since when.")
        if newer:
            return AppState(name=uptime.name, runs_with_current_keys="yes")
        before = f" before {self._first_end:%Y-%m-%d}" if self._first_end else ""
        return AppState(name=uptime.name, runs_with_current_keys="no", advice=f"Restart '{uptime.name}'{before}.")

    @cached_property
    def _first_end(self) -> datetime | None:
        """The first end of a client secret that an app may run with still, though it is not served any more."""
        vault = self._session.services.vault
        if self._registration is None:
            return None
        secrets = self._registration.client_secrets
        try:
            versions = told_versions(vault, [planned(version) for version in vault.versions(CLIENT_SECRET)], secrets)
        except BackendError:
            return None
        return superseded_ends(versions, [app_credential(secret) for secret in secrets], self._now)

    def _not_rotated(self) -> list[str]:
        """Tell what ends some day and is rotated by nobody."""
        said = []
        if served := self._served.get(NOT_OURS.lower()):
            ends = f"ends on {served.expires:%Y-%m-%d}" if served.expires else "has an end that the vault does not tell"
            said.append(f"{NOT_OURS} {ends}: renew it in CIPP (SSO settings).")
        if self._registration:
            served_secret = self._served.get(CLIENT_SECRET.lower())
            current = self._current_secret(served_secret) if served_secret else None
            current_certificate = self._current_certificate()
            said += [
                f"Client secret '{secret.display_name}' ({secret.key_id}) on the SAM app is not ours; "
                f"it ends on {secret.ends:%Y-%m-%d}."
                for secret in self._registration.client_secrets
                if not secret.display_name.startswith(OUR_NAME) and secret.key_id != current
            ]
            said += [
                f"Certificate '{certificate.display_name}' ({certificate.thumbprint}) on the SAM app is not ours; "
                f"it ends on {certificate.ends:%Y-%m-%d}."
                for certificate in self._registration.certificates
                if not certificate.display_name.startswith(OUR_NAME) and certificate.thumbprint != current_certificate
            ]
        return said

    def _notes(self) -> list[str]:
        notes = [text for text in (self._problem, self._session.not_cipps) if text]
        if self._registration and self._session.run:
            policy = read_app_policy(
                self._app_registration.graph, self._registration.object_id, self._registration.created
            )
            if policy.secret_lifetime < NEAR_END - LESS:
                notes.append(
                    f"The tenant's policy allows client secrets of {(policy.secret_lifetime + LESS).days} days, so "
                    "CIPP's own job, which acts at 30 days left, will keep adding its own."
                )
        if self._session.not_set_up:
            notes.append(NOT_SET_UP)
        elif CERTIFICATE.lower() not in self._served:
            notes.append("The vault holds no SAMCertificate yet; the next run makes one.")
        return notes


def promise(states: Sequence[KeyState], now: datetime) -> tuple[datetime | None, str]:
    """Answer until when CIPP keeps working, and the sentence that says so. Pure.

    Excluded and unknown tenants do not count. A key whose end is unknown makes the promise no longer than it is.
    """
    known = [(state.ends, state.name) for state in states if state.counts and state.ends]
    unknown = [state.name for state in states if state.counts and state.ends is None]
    if not known:
        return None, "How long CIPP keeps working is unknown: the vault holds no key whose end is known."
    ends, name = min(known)
    but = f" The end of {', '.join(unknown)} is unknown." if unknown else ""
    if ends <= now:
        return ends, f"CIPP does not work with {name}, which has ended on {ends:%Y-%m-%d %H:%M} UTC.{but}"
    whole = ends.replace(microsecond=0)
    return whole, (
        f"CIPP keeps working until {whole:%Y-%m-%d %H:%M} UTC unless someone revokes a key; "
        f"the first to end is {name}.{but}"
    )
