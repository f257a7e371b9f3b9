"""An app's settings. ARM replaces them all at once, without an etag, so every write is read, merged, written, checked.

One writer at a time across instances; what went missing by a write that was cut is put back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec

from backend.act import Act
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureError, AzureUnreachableError, ConflictError, InvalidInputError, while_trying_to
from backend.function_apps import FunctionApp, FunctionApps
from backend.held import Held
from backend.row_lock import row_lock
from backend.values import Value

NAME: Final = r"[A-Za-z0-9._]{1,256}"  # App Service's documented rule
REFERENCE: Final = "@microsoft.keyvault("
WAIT_SECONDS: Final = 18.0  # for other writers
# Shown as they are; every other value is masked.
HARMLESS: Final = frozenset(
    name.lower()
    for name in (
        "AzureWebJobsDisableHomepage",
        "CIPP_CLOUD",
        "CIPP_FUNCTION_APP",
        "CIPP_HOSTED",
        "CIPP_KV_NAME",
        "CIPP_PROCESSOR",
        "CIPP_RESOURCE_GROUP",
        "CIPP_TIMEZONE",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "FUNCTIONS_WORKER_RUNTIME",
        "KEY_ROTATION_SCHEDULE",
        "PYTHON_THREADPOOL_THREAD_COUNT",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_NODE_DEFAULT_VERSION",
        "WEBSITE_TIME_ZONE",
    )
)
# Without these the app does not start, or starts with other code.
VITAL: Final = frozenset(
    name.lower()
    for name in (
        "AzureWebJobsStorage",
        "DEPLOYMENT_STORAGE_CONNECTION_STRING",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
    )
)
NEVER: Final = r"WEBSITE_AUTH_.*|AZURE_FUNCTIONS_ENVIRONMENT"
# On our own app: what decides who may call it, and whose vault and tables that is read from.
ACCESS: Final = (
    r"ALLOWED_TENANTS|TRUSTED_PROXIES|CIPP_STORAGE.*|CIPP_KV_NAME|CIPP_FUNCTION_APP|CIPP_RESOURCE_GROUP"
    r"|CIPP_SUBSCRIPTION_ID|CIPP_CLOUD|AzureWebJobsStorage.*|IDENTITY_.*|MSI_.*|CONTAINER_NAME|LEGION_SERVICE_HOST"
    r"|KUBERNETES_SERVICE_HOST|WEBSITE_INSTANCE_ID|WEBSITE_POD_NAME|WEBSITE_SKU|WEBSITE_SITE_NAME"
)


class Setting(Value, frozen=True):
    """One setting. A masked value is None; a Key Vault reference is shown, since it holds no value."""

    name: str
    value: str | None
    masked: bool
    key_vault_reference: str | None
    reference_status: str | None
    slot_setting: bool


class SettingsAct(Act, frozen=True, kw_only=True):
    """A write of settings; names, never values."""

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
        """List an app's settings, by name; values masked but for `HARMLESS`."""
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
            InvalidInputError: A name breaks App Service's rule, is set and removed at once, or is never changed here.
            ConflictError: A setting without which the app does not start, or the app that answers, without `force`;
                or other writers are at work.
            AzureError: The settings could not be read, or not written; the message says what is there now.
        """
        app = self._apps.find(name)
        _check_names(to_set, remove, app)
        if not force:
            _check_force(to_set, remove, app)
        told = SettingsAct(dry_run=dry_run, name=app.name, set=sorted(to_set), removed=sorted(remove))
        what = " and ".join(
            part
            for part in (
                f"set {', '.join(told.set)}" if told.set else "",
                f"remove {', '.join(told.removed)}" if told.removed else "",
            )
            if part
        )
        if dry_run:
            self._read(app)
            return _with(told, would_do=[f"On '{app.name}' {what}; every other setting stays.", _RESTARTS])
        lock = f"settings of {app.name}"
        with row_lock(self._clients, lock, run_id=uuid4().hex[:12], by="a writer", wait_seconds=WAIT_SECONDS) as held:
            self._write(app, to_set, remove, held)
        return _with(told, done=[f"On '{app.name}' {what}; every other setting is as it was.", _RESTARTS])

    def _write(self, app: FunctionApp, to_set: Mapping[str, str], remove: Sequence[str], held: Held) -> None:
        before = self._read(app)
        wanted = merged(before, to_set, remove)
        if wanted == before:
            return
        held.must_hold()
        try:
            self._put(app, wanted)
        except AzureError as error:
            after = self._read(app)
            if missing := lost(before, wanted, after):
                self._restore(app, {**before, **after, **wanted}, missing, held)
            elif not _took_place(wanted, after, to_set, remove):
                raise
            if isinstance(error, AzureUnreachableError) and _took_place(wanted, after, to_set, remove):
                return
            raise
        after = self._read(app)
        if missing := lost(wanted, wanted, after):
            self._restore(app, {**after, **wanted}, missing, held)

    def _restore(self, app: FunctionApp, whole: Mapping[str, str], missing: Sequence[str], held: Held) -> None:
        """Put back what a write lost.

        Raises:
            ConflictError: Something is still missing; the message names it.
        """
        held.must_hold()
        self._put(app, whole)
        if still := lost(whole, whole, self._read(app)):
            raise ConflictError(
                f"These settings of '{app.name}' went missing and could not be put back: {', '.join(still)}. "
                f"Lost first: {', '.join(missing)}. Set them again, in the portal if need be."
            )

    def _read(self, app: FunctionApp) -> dict[str, str]:
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"read the settings of '{app.name}'"):
            found = self._clients.web(subscription).web_apps.list_application_settings(group, app.name).as_dict()
        properties: dict[str, str] = dict(found["properties"])
        return properties

    def _put(self, app: FunctionApp, settings: Mapping[str, str]) -> None:
        subscription, group = self._discovery.deployment().group()
        with while_trying_to(f"write the settings of '{app.name}'"):
            self._clients.web(subscription).web_apps.update_application_settings(
                group, app.name, {"properties": dict(settings)}, retry_total=0
            )


_RESTARTS: Final = "The write restarts the app."


def merged(before: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]) -> dict[str, str]:
    """Merge a change into the settings; names match whatever their case, and keep the one they have. Pure."""
    spelled = {name.lower(): name for name in before}
    gone = {name.lower() for name in remove}
    kept = {name: value for name, value in before.items() if name.lower() not in gone}
    return kept | {spelled.get(name.lower(), name): value for name, value in to_set.items()}


def lost(before: Mapping[str, str], wanted: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name what should be there and is not: in `before` and `wanted`, but not in `after`. Pure."""
    here = {name.lower() for name in after}
    return sorted(name for name in wanted if name in before and name.lower() not in here)


def _took_place(
    wanted: Mapping[str, str], after: Mapping[str, str], to_set: Mapping[str, str], remove: Sequence[str]
) -> bool:
    here = {name.lower(): value for name, value in after.items()}
    return all(here.get(name.lower()) == value for name, value in to_set.items()) and not any(
        name.lower() in here for name in remove if name not in wanted
    )


def _check_names(to_set: Mapping[str, str], remove: Sequence[str], app: FunctionApp) -> None:
    if not to_set and not remove:
        raise InvalidInputError("Nothing is to be set or removed.", field="Set")
    for name in to_set:
        if not re.fullmatch(NAME, name):
            raise InvalidInputError(
                f"'{name}' is no name of a setting: letters, digits, periods and underscores.", field="Set"
            )
    lower = [name.lower() for name in (*to_set, *remove)]
    if twins := {name for name in lower if lower.count(name) > 1}:
        raise InvalidInputError(f"Named more than once: {', '.join(sorted(twins))}.", field="Remove")
    for name in (*to_set, *remove):
        field = "Set" if name in to_set else "Remove"
        if re.fullmatch(NEVER, name, re.IGNORECASE):
            raise InvalidInputError(f"'{name}' is the platform's, and is never changed here.", field=field)
        if app.answers_this and re.fullmatch(ACCESS, name, re.IGNORECASE):
            raise InvalidInputError(
                f"'{name}' of the app that answers decides who may call it, and is never changed here.", field=field
            )


def _check_force(to_set: Mapping[str, str], remove: Sequence[str], app: FunctionApp) -> None:
    vital = [name for name in (*to_set, *remove) if name.lower() in VITAL]
    if vital:
        raise ConflictError(f"Without {', '.join(vital)} '{app.name}' may not start. Repeat with Force: true if meant.")
    if app.answers_this:
        raise ConflictError(
            f"'{app.name}' is the app that answers this call, and a write of its settings restarts it. "
            "Repeat with Force: true if that is meant."
        )


def _setting(name: str, value: str, sticky: set[str], references: Mapping[str, Any]) -> Setting:
    is_reference = value.strip().lower().startswith(REFERENCE)
    masked = not is_reference and name.lower() not in HARMLESS
    return Setting(
        name=name,
        value=None if masked or is_reference else value,
        masked=masked,
        key_vault_reference=value if is_reference else None,
        reference_status=references.get(name.lower()) if is_reference else None,
        slot_setting=name.lower() in sticky,
    )


def _with(told: SettingsAct, *, would_do: Sequence[str] = (), done: Sequence[str] = ()) -> SettingsAct:
    return msgspec.structs.replace(told, would_do=list(would_do), done=list(done))
