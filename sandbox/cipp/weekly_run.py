"""CIPP's own weekly run: new refresh tokens, a new client secret, and the SAM certificate.

It happens inside the sandbox: no call is listed, and no planted fault applies.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sandbox.application import Application, PasswordCredential, new_secret_text
from sandbox.cipp.certificate import SamCertificate, made_certificate, read_certificate
from sandbox.cipp.keys import LoadedKeys, is_placeholder
from sandbox.cipp.sign_in import signs_in
from sandbox.clock import StoppedClock
from sandbox.entra.errors import EntraError
from sandbox.entra.grants import check_grant
from sandbox.graph.errors import GraphError
from sandbox.graph.policy_check import check_key, check_password
from sandbox.key_vault.errors import VaultError
from sandbox.key_vault.secret import SecretVersion

if TYPE_CHECKING:
    from sandbox.azure import Azure
    from sandbox.cipp.process import Process
    from sandbox.key_vault.state import Vault

_EARLY: Final = timedelta(days=30)
_SECRET_LIVES: Final = timedelta(days=730)
_VERSIONS: Final = 50
_CERTIFICATE: Final = "SAMCertificate"
_OWN_NAME: Final = "CIPP-SAM Certificate"


@dataclass(frozen=True)
class _Run:
    """One run: when, with which keys, and for which app registration."""

    azure: "Azure"
    vault: "Vault"
    process: "Process"
    at: datetime

    @property
    def loaded(self) -> LoadedKeys:
        return self.process.loaded

    @property
    def app(self) -> Application:
        return self.azure.directory.applications[self.loaded.value("ApplicationID").lower()]

    def change(self, app: Application) -> None:
        self.azure.directory.change(app, self.at)

    def store(self, name: str, value: str, content_type: str | None = None) -> SecretVersion | None:
        """Store a new version. Return None if the vault refuses it."""
        at = self.at.replace(microsecond=0)
        version = SecretVersion(uuid.uuid4().hex, value, created=at, updated=at, content_type=content_type)
        if not self.vault.may_get(self.process.principal, name):  # CIPP's policy has all permissions, or none
            return None
        try:
            self.vault.add(name, version)
        except VaultError:
            return None
        return version


def weekly_run(azure: "Azure", process: "Process", at: datetime, *, reconciles: bool) -> None:
    """Renew what a process renews each week. A key that does not sign in is left alone."""
    vault = azure.vaults.get(process.vault)
    result = signs_in(azure, process.loaded, at)
    if vault is None or not process.loaded.keys:
        return
    run = _Run(azure, vault, process, at)
    if result.delegated:
        _renew_refresh_token(run, "RefreshToken", process.loaded.value("RefreshToken"))
    if result.app:
        _renew_secret(run)
        _remove_expired_secrets(run)
        (_reconcile if reconciles else _renew_certificate)(run)
    if result.delegated:
        for secret in vault.secrets():
            if secret.name.count("-") == 4 and secret.latest.enabled:  # named by the ID of a direct tenant
                _renew_refresh_token(run, secret.name, secret.latest.value)


def make_first_certificate(azure: "Azure", process: "Process", at: datetime) -> None:
    """Make the certificate that a container makes at its start if the vault has none."""
    vault = azure.vaults.get(process.vault)
    if vault is None or not process.loaded.keys:
        return
    run = _Run(azure, vault, process, at)
    if run.loaded.value("ApplicationID").lower() in azure.directory.applications and not _stored(run, 1):
        _store_certificate(run, run.app)


def _renew_refresh_token(run: _Run, name: str, text: str) -> None:
    directory = run.azure.directory
    old = directory.refresh_token(text)
    tenant = directory.tenant(old.tenant_id) if old else None
    if old is None or tenant is None:
        return
    then = replace(run.azure, clock=StoppedClock(run.at))
    with suppress(EntraError):
        check_grant(then, old, run.app, tenant)
        run.store(name, directory.issue_refresh_token(replace(old, issued=run.at)))


def _renew_secret(run: _Run) -> None:
    """Create a client secret if the newest expires within 30 days, unless CIPP signs in with its certificate."""
    newest = max((one.end for one in run.app.passwords), default=None)
    if run.loaded.certificate_only or is_placeholder(run.loaded.value("ApplicationSecret")):
        return
    if newest is not None and newest >= run.at + _EARLY:
        return
    start = run.at.replace(microsecond=0)
    with suppress(GraphError):
        check_password(run.azure.directory, run.app, _SECRET_LIVES)
        made = PasswordCredential(new_secret_text(), start, start + _SECRET_LIVES, run.at, "UpdateTokens")
        before = run.app
        run.change(replace(before, passwords=(*before.passwords, made)))
        if run.store("ApplicationSecret", made.secret_text) is None:
            run.change(before)


def _remove_expired_secrets(run: _Run) -> None:
    kept = tuple(one for one in run.app.passwords if one.end >= run.at)
    if kept != run.app.passwords:
        run.change(replace(run.app, passwords=kept))


def _renew_certificate(run: _Run) -> None:
    """Renew the certificate if it expires within 30 days or is not on the app, as CIPP 10.8.5 does."""
    stored = _stored(run, 1)
    known = {key.thumbprint_sha1 for key in run.app.keys}
    if stored and stored[0].thumbprint in known and stored[0].certificate.not_valid_after_utc >= run.at + _EARLY:
        return
    kept = tuple(key for key in run.app.keys if key.end >= run.at)
    _store_certificate(run, replace(run.app, keys=kept))


def _reconcile(run: _Run) -> None:
    """Renew the certificate if it expires within 30 days, and keep on the app those of the newest two versions."""
    stored = _stored(run, _VERSIONS)
    current = stored[0] if stored else None
    if current is None or current.certificate.not_valid_after_utc < run.at + _EARLY:
        keep = {current.thumbprint} if current else set()
        _store_certificate(run, _pruned(run.app, keep, stored))
        return
    app = _pruned(run.app, {one.thumbprint for one in stored[:2]}, stored)
    if current.thumbprint not in {key.thumbprint_sha1 for key in app.keys}:
        app = replace(app, keys=(*app.keys, current.credential(run.process.site, run.at)))
    if app != run.app:
        run.change(app)


def _pruned(app: Application, keep: set[str], stored: list[SamCertificate]) -> Application:
    """Return the app without certificates of older versions, and without others that have CIPP's own name."""
    older = {one.thumbprint for one in stored[2:]}
    return replace(
        app,
        keys=tuple(
            key
            for key in app.keys
            if key.thumbprint_sha1 in keep
            or (key.thumbprint_sha1 not in older and not (key.display_name or "").startswith(_OWN_NAME))
        ),
    )


def _stored(run: _Run, most: int) -> list[SamCertificate]:
    """Return the certificates of the enabled versions, newest first. Versions that can't be read are left out."""
    try:
        versions = run.vault.secret(_CERTIFICATE).versions
    except VaultError:
        return []
    enabled = [version for version in versions if version.enabled]
    newest = sorted(enabled, key=lambda version: version.created, reverse=True)[:most]
    return [found for version in newest if (found := read_certificate(version.value))]


def _store_certificate(run: _Run, app: Application) -> None:
    made = made_certificate(run.process.site, run.at)
    key = made.credential(run.process.site, run.at)
    try:
        check_key(run.azure.directory, app, key.end - key.start)
    except GraphError:
        return
    before = run.app
    run.change(replace(app, keys=(*app.keys, key)))
    version = run.store(_CERTIFICATE, made.value, "application/x-pkcs12")
    if version is None:
        run.change(before)
        return
    run.process.loaded = replace(run.loaded, keys={**run.loaded.keys, _CERTIFICATE: version})
