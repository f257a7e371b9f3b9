"""An app's settings. ARM replaces them all at once, without an etag, so every write is read, merged, written, checked.

One writer at a time across instances; what went missing by a write that was cut is put back.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec

from backend.act import Act
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureError, AzureUnreachableError, ConflictError, NotFoundError, while_trying_to
from backend.function_apps import FunctionApp, FunctionApps
from backend.held import Held
from backend.own_settings import as_read
from backend.quoting import WITHHELD, by_lower_case, shown, spelled
from backend.row_lock import row_lock
from backend.setting_names import check_confirmed, check_force, check_names, is_harmless, unconfirmed
from backend.values import Value

_HOST: Final = r"[0-9a-z-]{1,63}(?:\.[0-9a-z-]{1,63}){1,8}"
_NAME_THERE: Final = r"[0-9a-z-]{1,127}"
_VERSION: Final = r"[0-9a-f]{32}"
_BY_ADDRESS: Final = rf" *SecretUri *= *https://{_HOST}/secrets/{_NAME_THERE}(?:/{_VERSION})?/? *"
_BY_NAMES: Final = (
    rf" *VaultName *= *[0-9a-z-]{{1,24}} *; *SecretName *= *{_NAME_THERE} *(?:; *SecretVersion *= *{_VERSION} *)?"
)
# The two forms that Azure documents, as the whole value: anything else is an ordinary value, and may hold a secret.
# That Azure accepts blanks around the parts was never seen on real Azure.
REFERENCE: Final = re.compile(rf"@Microsoft\.KeyVault\((?:{_BY_ADDRESS}|{_BY_NAMES})\)", re.IGNORECASE | re.ASCII)
WAIT_SECONDS: Final = 12.0  # for other writers
WRITES: Final = 3  # at most, until nothing is missing
RESTARTS: Final = "The write restarts the app."


class Setting(Value, frozen=True):
    """One setting. A masked value is None; a Key Vault reference is shown, since it holds no value."""

    name: str
    value: str | None
    masked: bool
    key_vault_reference: str | None
    reference_status: str | None
    slot_setting: bool


class SettingsAct(Act, frozen=True, kw_only=True):
    """A write of settings; names, never values.

    A name that the app has is shown as Azure spells it. A new one that does not read like a name is `***`, since it
    may be a value in the wrong place.
    """

    name: str
    set: list[str]
    removed: list[str]


class FunctionAppSettings:
    """The service of the settings. Needs Website Contributor on the app."""

    def __init__(self, clients: Clients, discovery: Discovery, apps: FunctionApps) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps

    def settings(self, name: str | None) -> list[Setting]:
        """Return an app's settings, by name. Values are masked, but for `HARMLESS` ones of the expected kind."""
        app = self._apps.find(name)
        subscription, group = self._discovery.deployment().group()
        sites = self._clients.web(subscription).web_apps
        current = self._read(app)
        with while_trying_to(f"look at the settings of '{app.name}'"):
            slot = sites.list_slot_configuration_names(group, app.name).as_dict().get("properties") or {}
            references = {
                str(found.name).rpartition("/")[2].lower(): found.as_dict()["properties"].get("status")
                for found in sites.get_app_settings_key_vault_references(group, app.name)
            }
        sticky = {str(found).lower() for found in slot.get("appSettingNames") or ()}
        return [
            _setting(key, value, sticky, references)
            for key, value in sorted(current.items(), key=lambda kv: kv[0].lower())
        ]

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, force: bool
    ) -> SettingsAct:
        """Set and remove settings, and keep every other one. The write restarts the app.

        Raises:
            InvalidInputError: A name breaks App Service's rule, is both set and removed, or is never changed here,
                or a value for this app is not of its setting's kind.
            ConflictError: A setting without which the app does not start, or the app that answers, without `force`;
                or other writers are at work.
            AzureError: The settings could not be read, or not written; the message says what is there now.
        """
        app = self._apps.find(name)
        check_names(to_set, remove, app)
        if app.answers_this:
            to_set = as_read(to_set)
        if unconfirmed([*to_set, *remove]):
            check_confirmed(to_set, remove, self._read(app))
        if not force:
            check_force([*to_set, *remove], app)
        if dry_run:
            act, what = _described(app, to_set, remove, self._read(app), dry_run=True)
            return _with(act, would_do=[f"On '{app.name}' {what}; every other setting stays.", RESTARTS])
        lock = f"settings of {app.name}"
        with row_lock(self._clients, lock, run_id=uuid4().hex[:12], by="a writer", wait_seconds=WAIT_SECONDS) as held:
            before = self._read(app)
            written = self._write(app, before, to_set, remove, held)
        act, what = _described(app, to_set, remove, before, dry_run=False)
        if not written:
            return _with(act, done=[f"'{app.name}' has it so already: {what}. Nothing was written."])
        return _with(act, done=[f"On '{app.name}' {what}; every other setting is as it was.", RESTARTS])

    def _write(
        self,
        app: FunctionApp,
        before: Mapping[str, str],
        to_set: Mapping[str, str],
        remove: Sequence[str],
        held: Held,
    ) -> bool:
        """Write, read back, and write again what went missing, until all is there; return whether it was needed.

        A write that Azure refused or that was cut off is repeated only if it took something away. If it did nothing,
        its error is raised.
        """
        wanted = merged(before, to_set, remove)
        if wanted == before:
            return False
        kept = [name for name in wanted if name in before]
        hidden = [name for name in wanted if name not in before and shown(name) == WITHHELD]
        whole = wanted
        for _ in range(WRITES):
            held.must_hold()
            failure = self._put(app, whole, hidden)
            after = self._read_back(app, failure)
            if is_there(after, wanted, to_set, remove):
                return True
            if failure and not lost(kept, after):
                raise failure
            whole = merged(completed(after, wanted), to_set, remove)
        missing = ", ".join(name if name in before else shown(name) for name in lost(wanted, after)) or "none"
        raise ConflictError(
            f"The settings of '{app.name}' were written {WRITES} times, and someone else or Azure undid it each time. "
            f"Missing now: {missing}. Set those again, in the portal if need be."
        ) from failure

    def _read(self, app: FunctionApp, **options: int) -> dict[str, str]:
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"read the settings of '{app.name}'"):
            sites = self._clients.web(subscription).web_apps
            found = sites.list_application_settings(group, app.name, **options).as_dict()
        properties = found.get("properties")
        if not isinstance(properties, dict):
            raise AzureUnreachableError(f"Tried to read the settings of '{app.name}', but Azure's answer names none.")
        return {str(name): str(value) for name, value in properties.items() if value is not None}

    def _read_back(self, app: FunctionApp, failure: AzureError | None) -> dict[str, str]:
        """Read what is there after a write; only once, if Azure did not take that well.

        Raises:
            AzureError: It could not be read; the message says so of the write, too.
        """
        try:
            return self._read(app, **({"retry_total": 0} if failure else {}))
        except (AzureError, NotFoundError) as error:
            written = str(failure) if failure else f"Azure took the write of the settings of '{app.name}'."
            error.args = (f"{written} Whether every setting is there could not be seen: {error}",)
            raise

    def _put(self, app: FunctionApp, settings: Mapping[str, str], hidden: Sequence[str]) -> AzureError | None:
        """Replace all settings. A failure is answered: whether it did something shows only afterwards."""
        subscription, group = self._discovery.deployment().group()
        try:
            with while_trying_to(f"write the settings of '{app.name}'", withhold=hidden):
                self._clients.web(subscription).web_apps.update_application_settings(
                    group, app.name, {"properties": dict(settings)}, retry_total=0
                )
        except AzureError as error:
            return error
        return None


def merged(before: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]) -> dict[str, str]:
    """Merge a change into the settings; names match whatever their case, and keep the one they have. Pure."""
    spelled = {name.lower(): name for name in before}
    gone = {name.lower() for name in remove}
    kept = {name: value for name, value in before.items() if name.lower() not in gone}
    return kept | {name if name in kept else spelled.get(name.lower(), name): value for name, value in to_set.items()}


def completed(after: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Add what is missing of `wanted`; what is there, whoever wrote it, stays. Pure."""
    missing = lost(wanted, after)
    return {**after, **{name: wanted[name] for name in missing}}


def lost(names: Iterable[str], after: Mapping[str, str]) -> list[str]:
    """Name those that are not there, whatever their case. Pure."""
    here = {name.lower() for name in after}
    return sorted(name for name in names if name.lower() not in here)


def is_there(
    after: Mapping[str, str], wanted: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]
) -> bool:
    """Tell whether a change took place and nothing is missing; values that others wrote meanwhile are theirs. Pure."""
    return not lost(wanted, after) and merged(after, to_set, remove) == after


def _setting(name: str, value: str, sticky: set[str], references: Mapping[str, Any]) -> Setting:
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


def _described(
    app: FunctionApp, to_set: Mapping[str, str], remove: Sequence[str], before: Mapping[str, str], *, dry_run: bool
) -> tuple[SettingsAct, str]:
    """Return a change without what it does, and the same in words; `before` are the settings that the app had."""
    confirmed = by_lower_case(before)
    names = sorted(spelled(name, confirmed) for name in to_set)
    removed = sorted(spelled(name, confirmed) for name in remove)
    parts = [f"{verb} {', '.join(some)}" for verb, some in (("set", names), ("remove", removed)) if some]
    return SettingsAct(dry_run=dry_run, name=app.name, set=names, removed=removed), " and ".join(parts)


def _with(told: SettingsAct, *, would_do: Sequence[str] = (), done: Sequence[str] = ()) -> SettingsAct:
    return msgspec.structs.replace(told, would_do=list(would_do), done=list(done))
