"""An application's client secrets."""

import uuid
from dataclasses import replace
from datetime import timedelta

from starlette.responses import Response

from sandbox.application import Application, PasswordCredential, new_secret_text
from sandbox.graph import times
from sandbox.graph.call import Call
from sandbox.graph.errors import bad_request
from sandbox.graph.policy_check import check_password


def add_password(call: Call, app: Application) -> Response:
    """POST /applications/{id}/addPassword: the only response that includes the secret's text."""
    requested = call.body.get("passwordCredential") or {}
    now = call.azure.clock.now()
    start = times.read(requested.get("startDateTime"), "startDateTime") or now.replace(microsecond=0)
    end = times.read(requested.get("endDateTime"), "endDateTime") or start + timedelta(days=730)
    if end <= start:
        raise bad_request("The value of the credential's endDateTime is invalid: it is not after the start.")
    check_password(call.azure.directory, app, end - start)
    password = PasswordCredential(
        new_secret_text(), start=start, end=end, created=now, display_name=requested.get("displayName")
    )
    call.change(replace(app, passwords=(*app.passwords, password)))
    body = {
        "@odata.context": call.context("microsoft.graph.passwordCredential"),
        **password.as_graph(with_secret=True),
    }
    response = call.respond(body)
    response.headers["location"] = f"https://{call.host}"
    return response


def remove_password(call: Call, app: Application) -> Response:
    """POST /applications/{id}/removePassword."""
    try:
        key_id = str(uuid.UUID(str(call.body.get("keyId", ""))))
    except ValueError as error:
        raise bad_request("Invalid value specified for property 'keyId'.") from error
    if all(password.key_id != key_id for password in app.passwords):
        raise bad_request(f"No password credential found with keyId '{key_id}'.")
    call.change(replace(app, passwords=tuple(one for one in app.passwords if one.key_id != key_id)))
    return call.done()
