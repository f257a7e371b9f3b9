"""An app's settings. ARM replaces all of them without an ETag, so a write reads, merges, writes and checks them.

A lock allows one writer at a time across instances. Settings that an interrupted write removed are restored.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched, listed, sent
from backend.cipp.owned_lock import OwnedLock
from backend.cipp.row_lock import row_lock
from backend.configuration.own_settings import as_read, consequences
from backend.errors import AzureError, AzureUnreachableError, ConflictError, NotFoundError, changed_nothing
from backend.hosting.results.apps import Consent, FunctionApp, Setting, SettingsAct
from backend.hosting.setting_rules import Rules, check_confirmed, check_force, check_names, is_harmless, unconfirmed
from backend.installation.discovery import Discovery
from backend.readings import properties_of, text_of, text_or_none, texts_of
from backend.text.quoting import WITHHELD, by_lower_case, shown, spelled

_HOST: Final = r"[0-9a-z-]{1,63}(?:\.[0-9a-z-]{1,63}){1,8}"
_NAME_THERE: Final = r"[0-9a-z-]{1,127}"
_VERSION: Final = r"[0-9a-f]{32}"
_BY_ADDRESS: Final = rf" *SecretUri *= *https://{_HOST}/secrets/{_NAME_THERE}(?:/{_VERSION})?/? *"
_BY_NAMES: Final = (
    rf" *VaultName *= *[0-9a-z-]{{1,24}} *; *SecretName *= *{_NAME_THERE} *(?:; *SecretVersion *= *{_VERSION} *)?"
)
# The two documented forms of a Key Vault reference, as the whole value. Any other value may be a secret.
# That Azure accepts spaces around the parts was never tried on real Azure.
REFERENCE: Final = re.compile(rf"@Microsoft\.KeyVault\((?:{_BY_ADDRESS}|{_BY_NAMES})\)", re.IGNORECASE | re.ASCII)
WAIT_SECONDS: Final = 12.0  # for other writers
WRITES: Final = 3  # at most, until nothing is missing
RESTARTS: Final = "The write restarts the app."


class RestartByWrite(Protocol):
    """The restart that a write of settings causes."""

    @property
    def refusal(self) -> ConflictError | None:
        """Why the request does not allow it."""

    @property
    def description(self) -> Sequence[str]:
        """What it would do, as sentences."""

    def begin(self) -> None:
        """Store that it is about to happen. Called before the first write.

        Raises:
            BackendError: It must not happen.
        """

    def repeat(self) -> None:
        """Store that it happens again, because a write is repeated to restore settings. It never raises."""

    def withdraw(self) -> None:
        """Remove what was stored: Azure certainly refused the write."""

    def outcome(self) -> Sequence[str]:
        """Return what was seen of it after the write, as sentences."""


class HarmlessRestart:
    """The restart of an app that runs the same code afterwards."""

    refusal: Final = None
    description: Final = ()

    def begin(self) -> None:
        """Store nothing."""

    def repeat(self) -> None:
        """Store nothing."""

    def withdraw(self) -> None:
        """Store nothing."""

    def outcome(self) -> Sequence[str]:
        """Return nothing."""
        return ()


@dataclass(frozen=True)
class Change:
    """The settings to set and to remove."""

    to_set: Mapping[str, str]
    remove: Sequence[str]

    @property
    def names(self) -> list[str]:
        """All names."""
        return [*self.to_set, *self.remove]


class SettingsInAzure:
    """The service of an app's settings. Requires Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery) -> None:
        self._clients = clients
        self._discovery = discovery

    def settings(self, app: FunctionApp) -> list[Setting]:
        """Return an app's settings, by name. Values are masked, except `HARMLESS` ones of the expected kind."""
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        current = {name: value for name, value in self._values(app).items() if value is not None}
        with while_trying_to(f"read the settings of '{app.name}'"):
            slot = properties_of(fetched(sites.list_slot_configuration_names, group, app.name))
            references = {
                text_of(found.get("name")).rpartition("/")[2].lower(): text_or_none(properties_of(found).get("status"))
                for found in listed(sites.get_app_settings_key_vault_references, group, app.name)
            }
        sticky = {name.lower() for name in texts_of(slot.get("appSettingNames"))}
        return [
            _setting(key, value, sticky, references)
            for key, value in sorted(current.items(), key=lambda kv: kv[0].lower())
        ]

    def change(  # noqa: PLR0913 - a request and the rules of its app
        self,
        app: FunctionApp,
        change: Change,
        rules: Rules,
        *,
        dry_run: bool,
        consent: Consent,
        restart: Callable[[], RestartByWrite] | None = None,
    ) -> SettingsAct:
        """Set and remove settings, and keep every other one. The write restarts the app.

        `restart` plans the restart, if it needs a plan. It is called only if the change differs from the settings.

        Raises:
            InvalidInputError: A name breaks App Service's rule, is both set and removed, or is never changed by this
                app. Or a value for this app is not valid for its setting.
            ConflictError: Another writer is active, or the change needs a consent: it is on this app, or on a setting
                without which the app does not start, or its restart needs one.
            AzureError: The settings could not be read or written. The message states the current ones.
        """
        check_names(change.to_set, change.remove, app, rules)
        if app.answers_this:
            change = Change(as_read(change.to_set), change.remove)
        if unconfirmed(change.names):
            check_confirmed(change.to_set, change.remove, self._read(app))
        meaning = consequences(change.to_set, change.remove) if app.answers_this else []
        if not consent.force:
            check_force(change.names, app, meaning, rules)
        follows = [
            *(f"Without {shown(name)} '{app.name}' may not start." for name in change.remove if rules.is_vital(name)),
            *meaning,
        ]
        planned: RestartByWrite = HarmlessRestart()
        before: Mapping[str, str] = {}
        if dry_run or restart:
            before = self._read(app)
            if restart and merged(before, change.to_set, change.remove) != before:
                planned = restart()
        if dry_run:
            act, what = _described(app, change, before, dry_run=True)
            refusal = [f"Refuse: {planned.refusal}"] if planned.refusal else []
            would_do = [f"On '{app.name}' {what}. All other settings stay.", RESTARTS, *follows, *planned.description]
            return _with(act, would_do=[*refusal, *would_do])
        if planned.refusal:
            raise planned.refusal
        lock = f"settings of {app.name}"
        with row_lock(self._clients, lock, run_id=uuid4().hex[:12], by="a writer", wait_seconds=WAIT_SECONDS) as owned:
            read, before = before, self._read(app)
            if restart and before != read:  # another writer changed the settings meanwhile
                planned = _allowed(change, before, restart)
            written = self._write(app, before, change, owned, planned)
        act, what = _described(app, change, before, dry_run=False)
        if not written:
            return _with(act, done=[f"No change: '{app.name}' already has these settings ({what})."])
        done = [f"On '{app.name}' {what}. All other settings are unchanged.", RESTARTS, *follows]
        return _with(act, done=[*done, *planned.outcome()])

    def _write(
        self, app: FunctionApp, before: Mapping[str, str], change: Change, lock: OwnedLock, restart: RestartByWrite
    ) -> bool:
        """Write and read back until all settings are present, and return whether a write was needed.

        A write that Azure refused or that was interrupted is repeated only if it removed settings. Otherwise its error
        is raised.
        """
        to_set, remove = change.to_set, change.remove
        wanted = merged(before, to_set, remove)
        if wanted == before:
            return False
        kept = [name for name in wanted if name in before]
        hidden = [name for name in wanted if name not in before and shown(name) == WITHHELD]
        whole = wanted
        for number in range(WRITES):
            lock.must_hold()
            if number:
                restart.repeat()
            else:
                restart.begin()
            failure = self._put(app, whole, hidden)
            if failure and changed_nothing(failure):
                restart.withdraw()
            after = self._read_back(app, failure)
            if is_there(after, wanted, to_set, remove):
                return True
            if failure and not lost(kept, after):
                raise failure
            whole = merged(completed(after, wanted), to_set, remove)
        missing = ", ".join(name if name in before else shown(name) for name in lost(wanted, after)) or "none"
        raise ConflictError(
            f"Couldn't write the settings of '{app.name}': each of {WRITES} writes was undone by Azure or another "
            f"writer. Missing now: {missing}.",
            advice="Set these settings again, in the portal if necessary.",
        ) from failure

    def _read(self, app: FunctionApp, **options: int) -> dict[str, str]:
        """Return the settings in the form that a write sends.

        Raises:
            AzureUnreachableError: A value is not text, so it could not be sent back unchanged.
        """
        found = self._values(app, **options)
        if unreadable := sorted(name for name, value in found.items() if not isinstance(value, str)):
            raise AzureUnreachableError(
                f"Couldn't read the settings of '{app.name}': the values of {', '.join(map(shown, unreadable))} "
                "are not text.",
                advice="Correct them in the portal.",
            )
        return {name: str(value) for name, value in found.items()}

    def _values(self, app: FunctionApp, **options: Any) -> dict[str, object]:  # noqa: ANN401 - the SDK's own
        """Return the settings as Azure shows them."""
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"read the settings of '{app.name}'"):
            sites = self._clients.web(subscription).web_apps
            found = fetched(sites.list_application_settings, group, app.name, **options)
        properties = found.get("properties")
        if not isinstance(properties, dict):
            raise AzureUnreachableError(
                f"Couldn't read the settings of '{app.name}': Azure's response does not contain any."
            )
        return dict(properties)

    def _read_back(self, app: FunctionApp, failure: AzureError | None) -> dict[str, str]:
        """Return the settings after a write. If the write failed, the read is not retried.

        Raises:
            AzureError: The settings could not be read. The message also has the result of the write.
        """
        try:
            return self._read(app, **({"retry_total": 0} if failure else {}))
        except (AzureError, NotFoundError) as error:
            written = failure.detail if failure else f"Azure accepted the write of the settings of '{app.name}'."
            error.add_context(before=f"{written} Couldn't check whether all settings are present.")
            if failure and failure.advice not in error.advice:
                error.advice = f"{failure.advice} {error.advice}".strip()
            raise

    def _put(self, app: FunctionApp, settings: Mapping[str, str], hidden: Sequence[str]) -> AzureError | None:
        """Replace all settings, and return an error instead of raising it: only a read shows whether they changed."""
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"write the settings of '{app.name}'", withhold=hidden):
                sites = self._clients.web(subscription).web_apps
                body = {"properties": dict(settings)}
                sent(sites.update_application_settings, group, app.name, body, retry_total=0)
        except AzureError as error:
            return error
        return None


def merged(before: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]) -> dict[str, str]:
    """Return the settings with a change. Names are case-insensitive, and existing ones keep their spelling. Pure."""
    spelled = {name.lower(): name for name in before}
    gone = {name.lower() for name in remove}
    kept = {name: value for name, value in before.items() if name.lower() not in gone}
    return kept | {name if name in kept else spelled.get(name.lower(), name): value for name, value in to_set.items()}


def completed(after: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with the missing ones of `wanted`. Existing ones stay, even if others wrote them. Pure."""
    missing = lost(wanted, after)
    return {**after, **{name: wanted[name] for name in missing}}


def lost(names: Iterable[str], after: Mapping[str, str]) -> list[str]:
    """Return the sorted names that are missing, case-insensitive. Pure."""
    here = {name.lower() for name in after}
    return sorted(name for name in names if name.lower() not in here)


def is_there(
    after: Mapping[str, str], wanted: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]
) -> bool:
    """Return whether a change took effect and no setting is missing. Changes by others in between are fine. Pure."""
    return not lost(wanted, after) and merged(after, to_set, remove) == after


def _setting(name: str, value: object, sticky: set[str], references: Mapping[str, str | None]) -> Setting:
    """Return a setting as the API shows it. A value that is not text is masked, because its content is unknown."""
    if not isinstance(value, str):
        is_sticky = name.lower() in sticky
        return Setting(
            name=name,
            value=None,
            masked=True,
            key_vault_reference=None,
            reference_status=None,
            slot_setting=is_sticky,
        )
    is_reference = REFERENCE.fullmatch(value) is not None
    masked = not is_reference and not is_harmless(name, value)
    return Setting(
        name=name,
        value=None if masked or is_reference else value,
        masked=masked,
        key_vault_reference=value if is_reference else None,
        reference_status=references.get(name.lower()) if is_reference else None,
        slot_setting=name.lower() in sticky,
    )


def _allowed(change: Change, before: Mapping[str, str], restart: Callable[[], RestartByWrite]) -> RestartByWrite:
    """Return the plan of the restart by a change of these settings.

    Raises:
        ConflictError: The restart needs a consent.
    """
    planned = restart() if merged(before, change.to_set, change.remove) != before else HarmlessRestart()
    if planned.refusal:
        raise planned.refusal
    return planned


def _described(
    app: FunctionApp, change: Change, before: Mapping[str, str], *, dry_run: bool
) -> tuple[SettingsAct, str]:
    """Return the result of a change without its sentences, and a description. `before` are the app's old settings."""
    confirmed = by_lower_case(before)
    names = sorted(spelled(name, confirmed) for name in change.to_set)
    removed = sorted(spelled(name, confirmed) for name in change.remove)
    parts = [f"{verb} {', '.join(some)}" for verb, some in (("set", names), ("remove", removed)) if some]
    return SettingsAct(dry_run=dry_run, name=app.name, set=names, removed=removed), " and ".join(parts)


def _with(act: SettingsAct, *, would_do: Sequence[str] = (), done: Sequence[str] = ()) -> SettingsAct:
    return msgspec.structs.replace(act, would_do=list(would_do), done=list(done))
