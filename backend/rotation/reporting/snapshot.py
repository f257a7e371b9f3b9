"""The data of an overview of the keys, read from Azure, CIPP's tables and the history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from backend.concurrency import background
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, IDENTITY_NAMES, PARTNER_TOKEN, Key
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
from backend.sam_app.management_policy import AppPolicy

_SET_UP: Final = "Run CIPP's setup wizard."


@dataclass(frozen=True)
class SeenCredential:
    """The state of the client secret or the certificate.

    `superseded_ends` is the first expiry of an old one that CIPP's apps might still use, None if there isn't one.
    """

    seen: Seen
    superseded_ends: datetime | None


@dataclass(frozen=True)
class Snapshot:
    """The state of the rotation at one time, `now`. An error takes the place of a value that could not be read.

    - `mode` is whether CIPP signs in with its client secret or with its certificate.
    - `failure` is why no sign-in is possible.
    - `runs` are the last ones, the newest first. `holder` is the id of the run that has the lock.
    - `served` is the version of each secret that the vault serves, by name in lower case.
    - `left_alone` is the report of each key that runs don't touch, by name in lower case.
    - `credentials` are by the names CLIENT_SECRET and CERTIFICATE, without those that were not read.
    - `missing` are the secrets that CIPP needs and the vault does not have. `recoveries` is how to restore them.
    - `advise` returns how apps, by their names, read their current keys before a time.
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
    works = _looked_at(run) if run.is_signed_in else {}
    left_alone = {key.name.lower(): _left_alone(key, run) for key in keys if key.name.lower() in by_name}
    missing, recoveries = _missing(run, by_name)
    first = next((work for work in works.values() if isinstance(work, CredentialWork)), None)
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
        credentials={
            name: SeenCredential(work.seen, work.facts.superseded_ends) if isinstance(work, CredentialWork) else work
            for name, work in works.items()
        },
        policy=first.policy() if first else None,
        left_alone=left_alone,
        missing=missing,
        recoveries=recoveries,
        uptimes=uptimes.result(),
        advise=run.services.processes.advice,
    )


def _looked_at(run: RunContext) -> dict[str, CredentialWork | BackendError]:
    """Read the state of the client secret and the certificate as a run does. Return each, or why it failed."""
    looks = {}
    for key in (Key(CLIENT_SECRET, "ClientSecret"), Key(CERTIFICATE, "Certificate")):
        work = credential_work(run, key)
        looks[key.name] = work, background.start(partial(work.look, run.moment), name=f"read the state of {key.name}")
    found: dict[str, CredentialWork | BackendError] = {}
    for name, (work, look) in looks.items():
        try:
            with contained(f"Reading the state of {name}"):
                look.result()
            found[name] = work
        except BackendError as error:
            found[name] = error
    return found


def _left_alone(key: Key, run: RunContext) -> KeyReport | BackendError | None:
    """Return the report of a key that runs don't touch, None if they do, or why that is unknown."""
    try:
        with contained(f"Reading the state of {key.name}"):
            return reason_to_leave(key, run)
    except BackendError as error:
        return error


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
