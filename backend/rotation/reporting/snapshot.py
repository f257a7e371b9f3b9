"""The data of an overview of the keys, read from Azure, CIPP's tables and the history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from backend.concurrency import background
from backend.credentials.kinds import (
    CERTIFICATE,
    CLIENT_SECRET,
    IDENTITY_NAMES,
    PARTNER_TOKEN,
    SIGN_IN_SECRET,
    Key,
)
from backend.errors import BackendError, NotFoundError
from backend.hosting.uptimes import Uptime
from backend.internal_errors import contained
from backend.key_vault.secrets import Version
from backend.rotation.planning.certificate_mode import CertificateMode
from backend.rotation.planning.memory import KeyMemory
from backend.rotation.planning.plan import Seen
from backend.rotation.results import KeyReport, RunReport
from backend.rotation.running.batch import credential_work
from backend.rotation.running.context import CippData, RunContext
from backend.rotation.running.credential_work import CredentialWork
from backend.rotation.running.session import reason_to_leave
from backend.rotation.running.sign_in_secret import SignInSecretWork, UsedSecret, as_sign_in_app, sign_in_secret_work
from backend.sam_app.management_policy import AppPolicy

_SET_UP: Final = "Run CIPP's setup wizard."
_CREATE: Final = "Create a secret for CIPP's sign-in app, and store it with ExecKeyVaultSecretSet."


@dataclass(frozen=True)
class SeenCredential:
    """The state of the client secret, the certificate, or the secret of the sign-in.

    `superseded_ends` is the first expiry of an old one that CIPP's apps might still use, None if there isn't one.
    `used` is what App Service uses of the secret of the sign-in.
    """

    seen: Seen
    superseded_ends: datetime | None
    used: UsedSecret = field(default_factory=UsedSecret)


@dataclass(frozen=True)
class Snapshot:
    """The state of the rotation at one time, `now`. An error takes the place of a value that could not be read.

    - `mode` is whether CIPP signs in with its client secret or with its certificate.
    - `failure` is why no sign-in is possible.
    - `runs` are the last ones, the newest first. `holder` is the id of the run that has the lock.
    - `served` is the version of each secret that the vault serves, by name in lower case.
    - `left_alone` is the report of each key that runs don't touch, by name in lower case.
    - `credentials` are by the names CLIENT_SECRET, CERTIFICATE and SIGN_IN_SECRET, without those that were not read.
    - `missing` are the secrets that CIPP needs and the vault does not have. `recoveries` is how to restore them.
    - `advise` returns how apps, by their names, read their current keys before a time.
    - `sign_in_missing`: the vault does not have the secret of the sign-in, and users need it (`MissingError`), or it is
      unknown whether they do.
    """

    now: datetime
    cipp: CippData
    mode: CertificateMode
    failure: BackendError | None
    is_set_up: bool
    is_signed_in: bool
    memories: Mapping[str, KeyMemory]
    runs: Sequence[RunReport]
    holder: str | None
    served: Mapping[str, Version]
    credentials: Mapping[str, SeenCredential | BackendError]
    policy: AppPolicy | None
    left_alone: Mapping[str, KeyReport | BackendError | None]
    missing: Sequence[str]
    recoveries: Sequence[str]
    uptimes: Sequence[Uptime]
    advise: Callable[[Sequence[str], datetime | None], str]
    sign_in_missing: BackendError | None = None


def collect(  # noqa: PLR0913 - what the caller has read already
    run: RunContext,
    served: Mapping[str, Version],
    keys: Sequence[Key],
    *,
    memories: Mapping[str, KeyMemory],
    runs: Sequence[RunReport],
    holder: str | None,
) -> Snapshot:
    """Read the rest of the data of an overview. `served` is by the name in the vault's list.

    Raises:
        BackendError: The tenant's policy could not be read.
    """
    by_name = {name.lower(): version for name, version in served.items()}  # CIPP's template writes lower case
    uptimes = background.start(run.uptimes.uptimes, name="read when CIPP's apps started")
    now = run.vault.now()
    works = _looked_at(run, keys)
    left_alone = {key.name.lower(): _left_alone(key, run) for key in keys if key.name.lower() in by_name}
    missing, recoveries = _missing(run, by_name)
    own = (works.get(name) for name in (CLIENT_SECRET, CERTIFICATE))
    first = next((work for work in own if isinstance(work, CredentialWork)), None)
    return Snapshot(
        now=now,
        cipp=run.cipp,
        mode=run.mode,
        failure=run.failure,
        is_set_up=run.is_set_up,
        is_signed_in=run.is_signed_in,
        memories=memories,
        runs=runs,
        holder=holder,
        served=by_name,
        credentials={name: _seen(work) if isinstance(work, CredentialWork) else work for name, work in works.items()},
        policy=first.policy() if first else None,
        left_alone=left_alone,
        missing=missing,
        recoveries=recoveries,
        uptimes=uptimes.result(),
        advise=run.services.processes.advice,
        sign_in_missing=_sign_in_missing(run, by_name),
    )


def _looked_at(run: RunContext, keys: Sequence[Key]) -> dict[str, CredentialWork | BackendError]:
    """Read the state of the client secrets and the certificate as a run does. Return each, or why it failed.

    Without a sign-in as CIPP's app, only that of the secret of the sign-in is read.
    """
    own = (Key(CLIENT_SECRET, "ClientSecret"), Key(CERTIFICATE, "Certificate")) if run.is_signed_in else ()
    is_sign_in_read = run.is_set_up and any(key.kind == "SignInSecret" for key in keys)
    wanted = [*own, *([Key(SIGN_IN_SECRET, "SignInSecret")] if is_sign_in_read else [])]
    looks = {
        key.name: background.start(partial(_looked, run, key), name=f"read the state of {key.name}") for key in wanted
    }
    found: dict[str, CredentialWork | BackendError] = {}
    for name, look in looks.items():
        try:
            with contained(f"Reading the state of {name}"):
                found[name] = look.result()
        except BackendError as error:
            found[name] = error
    return found


def _looked(run: RunContext, key: Key) -> CredentialWork:
    work = sign_in_secret_work(as_sign_in_app(run)) if key.kind == "SignInSecret" else credential_work(run, key)
    work.look(run.moment)
    if isinstance(work, SignInSecretWork):
        work.look_at_use(run.moment)
    return work


def _seen(work: CredentialWork) -> SeenCredential:
    used = work.used if isinstance(work, SignInSecretWork) else UsedSecret()
    return SeenCredential(work.seen, work.facts.superseded_ends, used)


def _left_alone(key: Key, run: RunContext) -> KeyReport | BackendError | None:
    """Return the report of a key that runs don't touch, None if they do, or why that is unknown."""
    try:
        with contained(f"Reading the state of {key.name}"):
            return reason_to_leave(key, run)
    except BackendError as error:
        return error


def _sign_in_missing(run: RunContext, served: Mapping[str, Version]) -> BackendError | None:
    """Return the error if the vault does not have the secret with which users sign in, or may not have it."""
    secret = run.services.processes.sign_in_secret
    if secret is None or not run.is_set_up or SIGN_IN_SECRET.lower() in served:
        return None
    try:
        if secret.use().with_secret:
            run.vault.read(SIGN_IN_SECRET, waits=False)  # the list may be outdated
    except NotFoundError:
        return run.vault.missing(SIGN_IN_SECRET, _CREATE)
    except BackendError as error:
        return error
    return None


def _missing(run: RunContext, served: Mapping[str, Version]) -> tuple[list[str], list[str]]:
    """Return the names of the secrets that CIPP needs and the vault does not have, and how to restore them."""
    if not run.is_set_up:
        return [], []
    missing: list[str] = []
    recoveries: list[str] = []
    for name in (*IDENTITY_NAMES, run.mode.vital_secret, PARTNER_TOKEN):
        version = served.get(name.lower())
        if version and not version.enabled and name in IDENTITY_NAMES:
            missing.append(f"an enabled {name}")
        if version is None:
            try:
                run.vault.read(name, waits=False)  # the list may be outdated
            except NotFoundError:
                missing.append(name)
                if getattr(run.failure, "secret", None) != name:  # the failure includes it already
                    recoveries.append(str(run.vault.missing(name, _SET_UP)))
            except BackendError:
                continue
    return missing, recoveries
