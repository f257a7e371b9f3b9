"""Read what shows whether users can sign in to CIPP as a container.

Each part is read on its own, and what can't be read is unknown. The secret is tried by a sign-in of CIPP's sign-in app,
which needs no credential of CIPP's own. Requires Reader on the site, get on the vault's secrets, and Storage Table Data
Reader on CIPP's storage. Never run against real Azure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from backend.access.platform_sign_in import auth_settings
from backend.access.tables import AccessTables
from backend.access.users.writer import AllowedUsersWriter
from backend.azure.clients import Clients
from backend.azure.errors.entra_errors import Verdict as EntraVerdict
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.credentials.sign_in_check import SignInCheck
from backend.errors import BackendError, NotFoundError
from backend.formats import is_guid
from backend.hosting.container.domains.callbacks import Callbacks
from backend.hosting.container.sign_in.address_rules import AddressRules, cipps_rules, site_rules
from backend.hosting.container.sign_in.auth_settings import SignInNames, names_another_app
from backend.hosting.container.sign_in.causes import OTHER_APP, Seen, Verdict
from backend.hosting.container.sign_in.problems import IN_VAULT, ReferenceState
from backend.hosting.container.sign_in.reference import SignInReference
from backend.installation.discovery import Discovery
from backend.installation.main_app import MainApp
from backend.installation.states.container import client_id_of
from backend.key_vault.secrets import Stored
from backend.key_vault.vault import KeyVault, MissingError
from backend.readings import properties_of, texts_of
from backend.sam_app.sign_in import Entra, SamApp, SignInRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

T = TypeVar("T")
NO_APP: Final = ("AADSTS700016", "AADSTS7000112", "AADSTS70001")
_NAMES: Final = ("SSOAppId", "TenantID", "SSOMultiTenant")
_NO_NAMES: Final = "The vault's SSOAppId or TenantID is not a GUID, so CIPP's sign-in is not set up."


@dataclass(frozen=True)
class _Tried:
    """The result of a sign-in with a secret. `why` is Entra's refusal."""

    verdict: Verdict
    why: str = ""


class SignInReader:
    """The service that reads the state."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the state is read from
        self,
        clients: Clients,
        discovery: Discovery,
        vault: KeyVault,
        reference: SignInReference,
        callbacks: Callbacks,
        users: AllowedUsersWriter,
        access: AccessTables,
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._vault = vault
        self._reference = reference
        self._callbacks = callbacks
        self._users = users
        self._access = access

    def seen(self) -> Seen:
        """Return what can be seen now.

        Raises:
            AzureError: authsettingsV2 can't be read.
        """
        unread: dict[str, str] = {}
        referring, naming = _started(self._reference.state), _started(self.names)
        storing, counting = _started(lambda: self._vault.read(IN_VAULT)), _started(self._superadmins)
        missing = _started(self._missing_callbacks)
        restricting, restricted = _started(self._cipps_rules), _started(self._site_rules)
        settings = self.settings()
        names = _result(naming, "names", unread)
        stored = _result(storing, "secret", unread)
        is_missing = isinstance(_failure(storing), MissingError)
        is_unusable = isinstance(_failure(storing), NotFoundError)  # missing, or disabled
        state = _result(referring, "reference", unread)
        other_app = names is not None and names_another_app(settings, names)
        # Of two apps, it is unknown whose secret is in the vault.
        no_reference = state is None and "reference" not in unread
        has_setting = _result(_started(self._reference.has_setting), "setting", unread) if no_reference else None
        tried, active = self._tried(None if other_app else names, stored, state)
        if other_app and not is_missing:
            unread["secret"] = OTHER_APP
        elif is_unusable:
            tried = _Tried(Verdict.ENDED, unread["secret"])
        if tried.why:
            unread["secret"] = tried.why
        callbacks = _result(missing, "callbacks", unread)
        has_no_app = isinstance(_failure(missing), NotFoundError) and is_guid(client_id_of(settings))
        return Seen(
            settings,
            names=names,
            is_reference=None if "reference" in unread else state is not None,
            reference=state,
            served=stored.version if stored else None,
            verdict=tried.verdict,
            active=active.verdict,
            missing_callbacks=callbacks,
            has_app=True if callbacks is not None else False if has_no_app else None,
            superadmins=_result(counting, "users", unread),
            addresses=AddressRules(_result(restricting, "addresses", unread), _result(restricted, "addresses", unread)),
            is_missing=is_missing,
            has_setting=has_setting,
            unread=unread,
        )

    def settings(self) -> dict[str, object]:
        """Return authsettingsV2.

        Raises:
            AzureError: Azure refused or timed out.
        """
        deployment = self._discovery.deployment()
        return {**auth_settings(self._clients, *deployment.group(), deployment.main_app or "")}

    def names(self) -> SignInNames:
        """Return the vault's values of the sign-in.

        Raises:
            NotFoundError: The vault does not have them, or they are not valid.
            AzureError: Key Vault refused or timed out.
        """
        app_id, tenant = (self._vault.read(name).value.reveal().strip() for name in _NAMES[:2])
        if not (is_guid(app_id) and is_guid(tenant)):
            raise NotFoundError(_NO_NAMES, advice="Run CIPP's setup wizard.")
        try:
            multi = self._vault.read(_NAMES[2]).value.reveal().strip().lower() == "true"
        except NotFoundError:
            multi = False
        return SignInNames(app_id, tenant, multi)

    def now(self) -> datetime:
        """Return the vault's time."""
        return self._vault.now()

    def hosts(self) -> list[str]:
        """Return the hosts of the site, as Azure showed them a moment ago.

        Raises:
            BackendError: Azure refused or timed out.
        """
        return _hosts(self._discovery.main_app.recent())

    def hosts_now(self) -> list[str]:
        """Return the hosts of the site from a new call, before each may receive users' sign-ins. Raises as `hosts`."""
        return _hosts(self._discovery.main_app.fresh(Deadline.after(self._clients.limits.azure_deadline_seconds)))

    def _tried(
        self, names: SignInNames | None, stored: Stored | None, state: ReferenceState | None
    ) -> tuple[_Tried, _Tried]:
        """Return whether the newest secret signs in, and the one that App Service uses if that is another one."""
        unknown = _Tried(Verdict.UNKNOWN)
        if names is None or stored is None:
            return unknown, unknown
        newest = self._try(names, stored)
        active = state.active if state else ""
        if not active or active == stored.version.lower():
            return newest, newest
        try:
            return newest, self._try(names, self._vault.read(IN_VAULT, active))
        except NotFoundError:
            return newest, _Tried(Verdict.ENDED)
        except BackendError:
            return newest, unknown

    def _try(self, names: SignInNames, stored: Stored) -> _Tried:
        limits = self._clients.limits
        deadline = Deadline.after(limits.azure_deadline_seconds)
        check = SignInCheck(Entra(self._clients.cloud, limits, deadline), limits, deadline)
        age = self._vault.now() - stored.created
        try:
            check.sign_in(SamApp(names.app_id, names.tenant, stored.value), age=age, patience_seconds=0)
        except SignInRefusedError as error:
            if error.code in NO_APP:
                return _Tried(Verdict.NO_APP, str(error))
            return _Tried(Verdict.ENDED if error.verdict is EntraVerdict.DEAD else Verdict.UNKNOWN, str(error))
        except BackendError as error:
            return _Tried(Verdict.UNKNOWN, str(error))
        return _Tried(Verdict.WORKS)

    def _missing_callbacks(self) -> "Sequence[str]":
        return self._callbacks.read().missing(self.hosts())

    def _cipps_rules(self) -> list[str]:
        return cipps_rules(self._access.read(is_fresh=True))

    def _site_rules(self) -> list[str]:
        main_app = self._discovery.main_app.recent()
        if main_app.error:
            raise main_app.error
        return site_rules(main_app.site, main_app.web)

    def _superadmins(self) -> int:
        return len(self._users.read().superadmins_besides(""))


def _hosts(main_app: MainApp) -> list[str]:
    if main_app.error:
        raise main_app.error
    return [*texts_of(properties_of(main_app.site).get("hostNames"))]


def _started(read: Callable[[], T]) -> "Future[T]":
    return background.start(read, name="read CIPP's sign-in")


def _failure(reading: "Future[T]") -> BackendError | None:
    """Return why it couldn't be read, or None."""
    try:
        reading.result()
    except BackendError as error:
        return error
    return None


def _result(reading: "Future[T]", what: str, unread: dict[str, str]) -> T | None:
    """Return what was read, or None, and store the reason."""
    try:
        return reading.result()
    except BackendError as error:
        unread[what] = str(error)
        return None
