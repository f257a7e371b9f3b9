"""Whether the keys of a process sign in, by the rules of the sandbox's Entra."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.application import Application, is_live
from sandbox.cipp.certificate import read_certificate
from sandbox.cipp.keys import LoadedKeys, is_placeholder
from sandbox.clock import StoppedClock
from sandbox.entra.client import check_secret
from sandbox.entra.errors import EntraError
from sandbox.entra.grants import check_grant

if TYPE_CHECKING:
    from sandbox.azure import Azure
    from sandbox.directory import Tenant


@dataclass(frozen=True)
class SignIn:
    """What signs in. A key that the process does not use is not in `fails`."""

    app: bool
    delegated: bool
    fails: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether every key that the process uses signs in."""
        return self.app and self.delegated and not self.fails


def signs_in(azure: "Azure", loaded: LoadedKeys, at: datetime) -> SignIn:
    """Return what signs in at a time, with these keys."""
    then = replace(azure, clock=StoppedClock(at))
    app_id = loaded.value("ApplicationID").lower()
    app = azure.directory.applications.get(app_id)
    tenant = azure.directory.tenant(loaded.value("TenantID"))
    if app is None or tenant is None or azure.directory.service_principal(app_id, tenant.id) is None:
        return SignIn(app=False, delegated=False, fails=("ApplicationID",))
    fails = []
    by_certificate = loaded.certificate_only or is_placeholder(loaded.value("ApplicationSecret"))
    credential = _certificate_signs_in(then, app, loaded) if by_certificate else _secret_signs_in(then, app, loaded)
    if not credential:
        fails.append("SAMCertificate" if by_certificate else "ApplicationSecret")
    if not by_certificate and "SAMCertificate" in loaded.keys and not _certificate_signs_in(then, app, loaded):
        fails.append("SAMCertificate")
    redeemed = _token_is_good(then, app, tenant, loaded)
    if not redeemed:
        fails.append("RefreshToken")
    return SignIn(credential, credential and redeemed, tuple(fails))


def _secret_signs_in(azure: "Azure", app: Application, loaded: LoadedKeys) -> bool:
    try:
        check_secret(azure, app, loaded.value("ApplicationSecret"))
    except EntraError:
        return False
    return True


def _certificate_signs_in(azure: "Azure", app: Application, loaded: LoadedKeys) -> bool:
    own = read_certificate(loaded.value("SAMCertificate"))
    if own is None:
        return False
    now, propagation = azure.clock.now(), timedelta(seconds=azure.options.propagation_seconds)
    known = [key for key in app.keys if key.certificate == own.encoded]
    return any(is_live(key, now, propagation) for key in known)


def _token_is_good(azure: "Azure", app: Application, tenant: "Tenant", loaded: LoadedKeys) -> bool:
    try:
        check_grant(azure, azure.directory.refresh_token(loaded.value("RefreshToken")), app, tenant)
    except EntraError:
        return False
    return True
