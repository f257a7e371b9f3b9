"""Repair the sign-in of CIPP as a container, without CIPP's setup mode and without its own credential.

It never turns App Service authentication off, and it writes nothing while it can't see whether that is on. A repair may
restart CIPP, and so update it. So it writes authsettingsV2 and requests a read at most once each, and notes both as
starts. Their limit does not stop it, because no user can sign in. If the app of the sign-in changes, the new one gets
its callbacks first. The response comes within 200 s: a step that may take longer is not begun. Requires
Microsoft.Web/sites/config/write on the site. Never run against real Azure.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import sent
from backend.cipp.row_lock import row_lock
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, ConflictError, changed_nothing
from backend.formats import is_guid
from backend.hosting.container.domains.callbacks import Callbacks
from backend.hosting.container.sign_in import scripts
from backend.hosting.container.sign_in.auth_settings import (
    SignInNames,
    damages,
    is_of_another_app,
    is_on,
    without_secret,
    written_again,
)
from backend.hosting.container.sign_in.causes import Seen, why_unusable
from backend.hosting.container.sign_in.choice import Request, chosen, puts_back, refusal
from backend.hosting.container.sign_in.completion import CAUSES, KIND, SignInCompletion
from backend.hosting.container.sign_in.problems import IN_VAULT, SETTING, uses_secret
from backend.hosting.container.sign_in.reader import SignInReader
from backend.hosting.container.sign_in.reference import REFRESH_VERSION, SignInReference
from backend.hosting.container.starts import Starts
from backend.hosting.results.sign_in import SignInCause, SignInCauseName, SignInRepair, SignInStep
from backend.installation.discovery import Discovery
from backend.installation.states.container import client_id_of
from backend.operations.operations import Operations
from backend.operations.results import Progress, StoredOperation

if TYPE_CHECKING:
    from backend.hosting.hosting import RenewSecret

LOCK: Final = "sign-in of CIPP"
WAIT_SECONDS: Final = 10.0  # for another repair
LASTS: Final = timedelta(minutes=15)
RESPONSE_SECONDS: Final = 195.0  # the response comes within 200 s, and HTTP ends after 230 s
LOOK_SECONDS: Final = 40.0  # of the look at the end
# How long a step takes at most while Azure is slow. The renewal of the secret has a limit of its own.
_STEP_SECONDS: Final[Mapping[SignInCauseName, float]] = {"SecretEnded": 125.0, "SettingsDamaged": 100.0}
_OTHER_STEP_SECONDS: Final = 60.0
_MAY_UPDATE: Final = "This may restart CIPP, and so update it."
_WRITE: Final = "Write authsettingsV2 again from the vault's values, and keep its API clients and open paths."
_IS_WRITTEN: Final = "authsettingsV2 is as the vault's values require, so nothing was written."
_DROP: Final = f"Remove clientSecretSettingName from authsettingsV2, so that users sign in without {IN_VAULT}."
_PUT_BACK: Final = (
    f'Renew the secret with ExecKeyRotation and Names ["{IN_VAULT}"]. Then send ExecBackendSignInRepair with Causes '
    f"SettingsDamaged and Force. It sets clientSecretSettingName to {SETTING} again. CIPP's own start does not."
)
_SET_BY_HAND: Final = "Script sets it, and keeps all other settings. This restarts CIPP, and may update it."
_LATE: Final = "Not begun, because what came before took too long. Repeat the request."
_FIRST_CALLBACKS: Final = "First add the redirect URIs that the vault's app lacks."
_NO_CALLBACKS: Final = (
    "authsettingsV2 was not changed: the vault's app lacks redirect URIs, and this app may not add them. Run the "
    "script, then repeat the request."
)
_NEXT: Final = ("Look again at ListBackendSignIn. App Service reads a new secret within a day at the latest.",)


class SignInRepairs:
    """The service of the repairs."""

    def __init__(
        self,
        clients: Clients,
        discovery: Discovery,
        reader: SignInReader,
        reference: SignInReference,
        callbacks: Callbacks,
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._reader = reader
        self._reference = reference
        self._callbacks = callbacks
        self._operations = Operations(clients)
        self._starts = Starts(clients)

    def repair(self, request: Request, renew: "RenewSecret") -> SignInRepair:
        """Remove causes, each on its own. `renew` renews the secret. What fails does not stop the others.

        Raises:
            ConflictError: Another repair is in progress.
            BackendError: The lock's storage failed, and the request has no `force`.
            AzureError: authsettingsV2 can't be read. Nothing was changed.
        """
        deadline = Deadline.after(RESPONSE_SECONDS)
        seen = self._reader.seen()
        causes = chosen(seen, request.causes)
        if request.dry_run:
            planned = [self._planned(cause, seen, request) for cause in causes]
            return SignInRepair(dry_run=True, would_do=[step.text for step in planned], steps=planned)
        if not causes:
            return SignInRepair(dry_run=False, done=["No cause was found that can be repaired here."], steps=[])
        run = uuid4().hex[:12]
        forced = request.force
        with row_lock(
            self._clients, LOCK, run_id=run, by="a repair", wait_seconds=WAIT_SECONDS, needs_storage=not forced
        ):
            stored = self._begun(causes, request.by)
            steps: list[SignInStep] = []
            for cause in causes:
                if deadline.allows(_STEP_SECONDS.get(cause.cause, _OTHER_STEP_SECONDS)):
                    steps.append(self._step(cause, seen, request, renew, steps))
                else:
                    steps.append(SignInStep(cause=cause.cause, outcome="failed", text=_LATE))
        operation = self._ended(stored, steps, deadline)
        done = [f"{step.cause}: {step.text}" for step in steps]
        return SignInRepair(dry_run=False, done=done, steps=steps, operation=operation.operation if operation else None)

    def _settled(self, cause: SignInCause, seen: Seen, request: Request) -> SignInStep | None:
        """Return the step of a cause that this app does not remove, None if it does."""
        if refused := refusal(cause, seen, request):
            return refused
        if cause.cause != "ReferenceNotResolved" or seen.is_reference is not False:
            return None
        if cause.present != "yes":
            return SignInStep(cause=cause.cause, outcome="refused", text=f"{cause.sign} {cause.cure}")
        deployment = self._discovery.deployment()
        script = scripts.reference(
            site=deployment.resource_id("Microsoft.Web/sites", deployment.main_app or ""),
            tenant=deployment.tenant_id or "",
            subscription=deployment.group()[0],
            vault=deployment.vault_name or "",
            version=REFRESH_VERSION,
        )
        return SignInStep(cause=cause.cause, outcome="manual", text=f"{cause.sign} {_SET_BY_HAND}", script=script)

    def _planned(self, cause: SignInCause, seen: Seen, request: Request) -> SignInStep:
        if settled := self._settled(cause, seen, request):
            return settled
        words = {
            "SecretEnded": f"Create a new secret, verify it, store it as {IN_VAULT}, and let App Service read it.",
            "ReferenceNotResolved": f"Let App Service read the setting {SETTING} again.",
            "CallbackMissing": f"Add the missing redirect URIs, and keep all others. {cause.sign}",
            "SecretLost": _DROP,
        }.get(cause.cause, _WRITE)
        if words == _WRITE and seen.names and is_of_another_app(seen.settings, seen.names):
            words = f"{_FIRST_CALLBACKS} {words}"
        text = words if cause.cause == "CallbackMissing" else f"{words} {_MAY_UPDATE}"
        return SignInStep(cause=cause.cause, outcome="planned", text=text)

    def _step(  # noqa: PLR0911 - one return a cause
        self, cause: SignInCause, seen: Seen, request: Request, renew: "RenewSecret", before: Sequence[SignInStep]
    ) -> SignInStep:
        if settled := self._settled(cause, seen, request):
            return settled
        try:
            match cause.cause:
                case "SecretEnded":
                    return self._renewed(seen, renew)
                case "ReferenceNotResolved":
                    is_requested = any(step.cause == "SecretEnded" and step.outcome == "repaired" for step in before)
                    return self._read_again(is_requested=is_requested)
                case "CallbackMissing":
                    return self._added()
                case "SecretLost":
                    return self._without_secret(seen)
            return self._written(cause, seen, request)
        except BackendError as error:
            return SignInStep(cause=cause.cause, outcome="failed", text=str(error))

    def _written(self, cause: SignInCause, seen: Seen, request: Request) -> SignInStep:
        """Write authsettingsV2 from the vault's values, as it is now. What it had besides stays.

        If users sign in without a secret, that stays, too, unless one that works is put back. An authsettingsV2 that
        names no app gets both, as CIPP writes it.
        """
        names = self._reader.names()
        settings = self._reader.settings()
        if not settings:
            raise ConflictError("Azure does not show the authentication settings.", advice="Try again.")
        with_secret = uses_secret(settings) or not is_guid(client_id_of(settings))
        with_secret = with_secret or (puts_back(request) and not why_unusable(seen))
        if not damages(settings, names) and uses_secret(settings) is with_secret:
            return SignInStep(cause=cause.cause, outcome="repaired", text=_IS_WRITTEN)
        if is_of_another_app(settings, names) and (manual := self._without_callbacks(cause, names)):
            return manual
        wanted = written_again(settings, names, self._clients.cloud.entra, with_secret=with_secret)
        self._put(wanted, lambda found: not damages(found, names) and uses_secret(found) is with_secret)
        return SignInStep(cause=cause.cause, outcome="repaired", text=f"{_WRITE} It was read back. {_MAY_UPDATE}")

    def _without_callbacks(self, cause: SignInCause, names: SignInNames) -> SignInStep | None:
        """Add the callbacks of the app with which users are about to sign in. Return the step if that is not possible.

        Otherwise the change of the app would keep all users out (AADSTS50011).
        """
        found = self._callbacks.add(self._reader.hosts_now(), dry_run=False, client_id=names.app_id)
        if not found.script:
            return None
        text = " ".join((_NO_CALLBACKS, *found.reasons))
        return SignInStep(cause=cause.cause, outcome="manual", text=text, script=found.script)

    def _without_secret(self, seen: Seen) -> SignInStep:
        settings = self._reader.settings()
        if not is_on(settings) or (seen.names and damages(settings, seen.names)):
            raise ConflictError(
                "authsettingsV2 is damaged, so its secret was not removed.", advice="Repair SettingsDamaged first."
            )
        self._put(without_secret(settings), lambda found: is_on(found) and not uses_secret(found))
        text = f"{_DROP} It was read back. {_MAY_UPDATE}"
        return SignInStep(cause="SecretLost", outcome="repaired", text=text, put_back=_PUT_BACK)

    def _put(self, wanted: Mapping[str, Any], is_written: Callable[[Mapping[str, Any]], bool]) -> None:
        """Write authsettingsV2, and read it back. A write whose response was lost may have taken effect."""
        if not is_on(wanted):  # pragma: no cover - no repair turns it off
            raise ConflictError("Sign-in of CIPP is never turned off.")
        deployment = self._discovery.deployment()
        sites = self._clients.web(deployment.group()[0]).web_apps
        name = deployment.main_app or ""
        try:
            with while_trying_to(f"write the authentication settings of '{name}'"):
                body = {"properties": dict(wanted)}
                self._noted(lambda: sent(sites.update_auth_settings_v2, deployment.group()[1], name, body))
        except BackendError as error:
            if changed_nothing(error) or not is_written(self._reader.settings()):
                raise
        if not is_written(self._reader.settings()):
            raise ConflictError(
                "Azure does not show the new authentication settings, so others may have written them.",
                advice="Look at ListBackendSignIn, then repeat the repair.",
            )

    def _noted(self, request: Callable[[], object]) -> None:
        """Send a request that may start CIPP, and note the start before. One that was refused is withdrawn."""
        app = self._discovery.deployment().main_app or ""
        start = self._starts.begin(app, self._reader.now(), force=True)
        try:
            request()
        except BackendError as error:
            if changed_nothing(error):
                self._starts.withdraw(app, start)
            raise

    def _renewed(self, seen: Seen, renew: "RenewSecret") -> SignInStep:
        renewed = renew()
        if renewed.is_renewed:
            return SignInStep(cause="SecretEnded", outcome="repaired", text=renewed.text)
        if not renewed.is_needed:
            return SignInStep(cause="SecretEnded", outcome="refused", text=f"Nothing to do now. {renewed.text}")
        deployment = self._discovery.deployment()
        if not renewed.is_failure or seen.names is None:
            return SignInStep(cause="SecretEnded", outcome="failed", text=renewed.text)
        script = scripts.new_secret(
            app_id=seen.names.app_id,
            tenant=seen.names.tenant,
            subscription=deployment.group()[0],
            vault=deployment.vault_name or "",
            graph=self._clients.cloud.graph,
        )
        return SignInStep(cause="SecretEnded", outcome="manual", text=renewed.text, script=script)

    def _read_again(self, *, is_requested: bool) -> SignInStep:
        """Request a read, unless the renewal of this repair has requested one already (`is_requested`)."""
        name: SignInCauseName = "ReferenceNotResolved"
        try:
            if not is_requested:
                self._noted(self._reference.refresh)
        except BackendError as error:
            deployment = self._discovery.deployment()
            script = scripts.read_again(
                site=deployment.resource_id("Microsoft.Web/sites", deployment.main_app or ""),
                tenant=deployment.tenant_id or "",
                subscription=deployment.group()[0],
                version=REFRESH_VERSION,
            )
            return SignInStep(cause=name, outcome="manual", text=str(error), script=script)
        state = self._reference.state()
        is_resolved = state is not None and state.is_resolved and bool(state.status)
        text = f"App Service was requested to read it. Its state is {state.status if state else 'unknown'} now."
        return SignInStep(cause=name, outcome="repaired" if is_resolved else "requested", text=f"{text} {_MAY_UPDATE}")

    def _added(self) -> SignInStep:
        found = self._callbacks.add(self._reader.hosts_now(), dry_run=False)
        if found.script:
            text = " ".join(found.reasons)
            return SignInStep(cause="CallbackMissing", outcome="manual", text=text, script=found.script)
        hosts = ", ".join(found.missing)
        if not hosts:
            return SignInStep(cause="CallbackMissing", outcome="repaired", text="The app has each host already.")
        text = f"Added {hosts}, as {found.by}."
        return SignInStep(cause="CallbackMissing", outcome="repaired" if found.confirmed else "requested", text=text)

    def _begun(self, causes: Sequence[SignInCause], by: str) -> StoredOperation | None:
        """Store the operation. A repair does not need it: without storage, no look completes it later."""
        names = [cause.cause for cause in causes if cause.cause not in ("CallbackMissing", "SecretLost")]
        if not names:
            return None
        with suppress(BackendError):
            return self._operations.begin(
                KIND,
                self._discovery.deployment().main_app or "",
                before=" ".join(cause.sign for cause in causes),
                by=by,
                lasts=LASTS,
                step="Repair the sign-in of CIPP.",
                next_steps=_NEXT,
                facts={CAUSES: ",".join(names)},
            )
        return None

    def _ended(
        self, stored: StoredOperation | None, steps: Sequence[SignInStep], deadline: Deadline
    ) -> StoredOperation | None:
        """End the operation if nothing is left to wait for. Without time for a look, a later one does it."""
        if stored is None:
            return None
        waiting = [step for step in steps if step.cause in stored.facts[CAUSES].split(",")]
        if all(step.outcome in ("failed", "refused", "manual") for step in waiting):
            progress: Progress | None = Progress("failed", result=" ".join(step.text for step in waiting))
        else:
            progress = SignInCompletion(self._reader)(stored, None) if deadline.allows(LOOK_SECONDS) else None
        if progress is None:
            return stored
        with suppress(BackendError):
            return self._operations.change(stored, progress) or stored
        return stored
