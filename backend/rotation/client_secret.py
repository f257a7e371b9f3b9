"""Rotating the client secret: make one, prove it by signing in, store it, read it back, sign in once more.

The old secret stays on the app until its own end: CIPP reads its keys once per process, and may hold it still.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from backend.app_registration import AppRegistration, NewClientSecret
from backend.entra import SamApp
from backend.errors import AzureError, AzureUnreachableError, BackendError
from backend.key_vault import Stored
from backend.rotation.run import OUR_NAME, Run

CONTENT_TYPE: Final = "text/plain; client secret"
CREDENTIAL_ID: Final = "credential-id"  # the tag that names Graph's keyId of the stored secret


def rotate_client_secret(served: Stored, run: Run) -> Stored:
    """Rotate the SAM app's client secret; answer what the vault serves now.

    Raises:
        BackendError: A step failed. The vault serves a secret that signs in, and what was made is removed,
            or the message says that it could not be.
    """
    app = run.app
    registration = AppRegistration(run.clients.cloud, run.clients.limits, app.app_id, lambda: run.entra.sign_in(app))
    object_id = registration.read().object_id
    made = _make(registration, object_id, run)
    renewed = replace(app, secret=made.text)
    try:
        _prove(renewed, run, count=run.clients.limits.key_rotation_proof_count)
        stored = run.store(
            served,
            made.text,
            content_type=CONTENT_TYPE,
            expires=made.ends,
            tags={CREDENTIAL_ID: made.key_id},
        )
    except BackendError as error:
        raise _given_up(
            error, made, served.name, run, lambda: registration.remove_password(object_id, made.key_id)
        ) from error
    try:
        _prove(renewed, run, count=1)
    except BackendError as error:
        _put_back(served, run)
        raise _given_up(
            error, made, served.name, run, lambda: registration.remove_password(object_id, made.key_id)
        ) from error
    return stored


def _make(registration: AppRegistration, object_id: str, run: Run) -> NewClientSecret:
    """Make a client secret; one whose text never reached us is removed again, for nobody can use it."""
    name = f"{OUR_NAME} {run.id}"
    ends = run.vault.now() + timedelta(days=run.clients.limits.key_rotation_secret_lifetime_days)
    run.held.must_hold()
    try:
        return registration.add_password(object_id, display_name=name, ends=ends)
    except AzureUnreachableError:
        for secret in registration.read().client_secrets:
            if secret.display_name == name:
                registration.remove_password(object_id, secret.key_id)
        raise


def _prove(app: SamApp, run: Run, *, count: int) -> None:
    """Sign in `count` times in a row, each on a new connection: Entra's replicas learn of a new secret one by one.

    Raises:
        AzureError: It did not succeed in time; the last refusal.
    """
    limits = run.clients.limits
    give_up_at = time.monotonic() + limits.key_rotation_proof_timeout_seconds
    in_a_row = 0
    while True:
        try:
            run.entra.sign_in(app)
        except AzureError:
            in_a_row = 0
            if time.monotonic() + limits.key_rotation_proof_gap_seconds > give_up_at:
                raise
        else:
            in_a_row += 1
        if in_a_row == count:
            return
        time.sleep(limits.key_rotation_proof_gap_seconds)


def _put_back(served: Stored, run: Run) -> None:
    """Make the earlier secret the current one again."""
    run.held.must_hold()
    run.vault.store(
        served.name,
        served.value,
        tags=served.tags,
        content_type=served.content_type or CONTENT_TYPE,
        expires=served.expires,
    )


def _given_up(
    error: BackendError, made: NewClientSecret, name: str, run: Run, remove: Callable[[], None]
) -> BackendError:
    """Remove what was made, unless the vault serves it or does not tell; say in the error what became of it."""
    try:
        is_served = run.vault.read(name).value == made.text
        if not is_served:
            remove()
        left = " The new secret is served by the vault, so it was kept." if is_served else ""
    except BackendError as second:
        left = f" The new secret {made.key_id} is still on the app, since removing it failed too: {second}"
    error.args = (f"{error}{left}",)
    return error
