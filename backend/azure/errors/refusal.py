"""A refusal by Azure: its code and message, the cause, and the command that grants a missing right.

Azure writes status, code and message for an admin, so they are shown, without credentials. A body without an envelope
is not shown.
"""

import re
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from msgspec.structs import replace

from backend.azure.errors.body import ErrorBody, of_error, read_error_body
from backend.azure.errors.causes import MISSING_RIGHT, cause_of
from backend.azure.errors.retry_after import seconds_to_wait
from backend.errors import Cause, joined
from backend.text.redaction import redact

# Patterns are compiled on first use, because each cold start pays for imports.
_MISSING_ACTION = (
    r"object id '(?P<who>[^']+)' does not have authorization to perform action '(?P<action>[^']+)' "
    r"over scope '(?P<scope>[^']+)'"
)
_VAULT_POLICY = (
    r"(?s)oid=(?P<who>[0-9a-f-]+).*?does not have secrets (?P<right>\w+) permission on key vault '(?P<vault>[^';]+)"
)
_VAULT_RBAC = (
    r"(?s)oid=(?P<who>[0-9a-f-]+).*?Action: '(?P<action>[^']+)'.*?Resource: '(?P<scope>[^']+?)(/secrets/[^']*)?'"
)
# The least built-in role with an action, by the beginning of the action.
_ROLES = (
    ("microsoft.web/staticsites/", ""),  # none is small enough
    ("microsoft.web/sites/", "Website Contributor"),
    ("microsoft.keyvault/vaults/secrets/", "Key Vault Secrets Officer"),
    ("microsoft.storage/storageaccounts/tableservices/", "Storage Table Data Contributor"),
    ("", ""),
)
_ALL: Final = "ListBackendRights shows all missing rights"
LONGEST_REASON: Final = 100  # characters of HTTP's reason phrase


@dataclass(frozen=True)
class Refusal:
    """Azure's refusal: the status, the code, and the cause. `message` does not contain a credential."""

    status: int
    code: str
    message: str
    retry_after: float = 0  # seconds, 0 if Azure does not state it
    cause: Cause | None = None

    @property
    def is_absence(self) -> bool:
        """Whether the resource does not exist, or this app can't see it."""
        return self.status == _NOT_FOUND and (self.cause is None or self.cause.is_absence)

    @property
    def reason(self) -> str:
        """Why the call failed: status, code, Azure's message and the cause. It completes "Azure returned "."""
        code = f" ({self.code})" if self.code else ""
        words = " ".join(self.message.split())[:700].rstrip(". ")
        message = f": {words}." if words else "."
        return f"{self.status}{code}{message} {self._cause_and_remedy.words}".rstrip()

    @property
    def advice(self) -> str:
        """What to do about it, with the command if there is one."""
        wait = f"Retry after {ceil(self.retry_after)} seconds." if self.retry_after else ""
        return joined(wait, self._cause_and_remedy.advice)

    @property
    def _cause_and_remedy(self) -> Cause:
        if self.cause is None or self.cause.is_missing_right:
            missing = missing_right_in(self.message)
            if missing:
                return missing
        if self.cause is not None:
            return self.cause
        if self.status == _FORBIDDEN:
            code = f"Azure's code is {self.code}" if self.code else "Azure sent no code"
            return replace(_UNKNOWN, words=_UNKNOWN.words.format(code=code))
        remedy = _REMEDIES.get(self.status, Cause(""))
        if self.status in _BUSY and not self.retry_after:
            return replace(remedy, advice=joined(_NO_TIME, remedy.advice))
        return remedy


_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_BUSY: Final = (429, 503)
_UNKNOWN: Final = Cause(
    "The cause of this refusal is unknown: {code}. It might not be a missing right.",
    "Call ListBackendRights to see whether a right is missing. If not, look up the code in Microsoft's documentation, "
    "and check firewalls, policies and locks.",
)
_NO_TIME: Final = "Azure does not state a waiting time: retry after 60 seconds."
_HEALTH: Final = "If the problem persists, check Service Health in the portal."
_REMEDIES: Final = {
    401: Cause("Azure did not accept the token.", "Check the tenant and the identity of this app."),
    429: Cause("Azure received too many requests."),
    500: Cause("Azure itself failed.", f"Try again. {_HEALTH}"),
    502: Cause("Azure itself failed.", "Try again."),
    503: Cause("Azure is busy or unavailable.", _HEALTH),
    504: Cause(
        "Azure did not finish in time, so the operation might still complete.", "Check its result before you retry."
    ),
}


def refusal_of_azure_core(error: Any) -> Refusal:  # noqa: ANN401 - azure.core is not imported before it is needed
    """Return the refusal in azure.core's HttpResponseError."""
    text, headers = "", {}
    if error.response is not None:
        headers = dict(error.response.headers or {})
        try:
            text = error.response.text()
        except Exception:  # noqa: BLE001 - a body that was cut or has an unknown encoding
            text = ""
    body = read_error_body(text)
    if not body.codes:  # Azure Storage also sends its code in a header, even without a body
        code = next((str(value) for name, value in headers.items() if name.lower() == "x-ms-error-code"), "")
        body = ErrorBody(code, body.message, (code.lower(),) if code else (), body.policy, body.page)
    reason = redact(str(error.reason or "no reason was given"))[:LONGEST_REASON]
    return _refusal(error.status_code, body, body.message or f"{reason}{_kind_of(text, body)}", headers)


def refusal_of_graph(error: Any) -> Refusal:  # noqa: ANN401 - kiota is not imported before it is needed
    """Return the refusal in msgraph's ODataError. kiota's own APIError has no message of Microsoft Graph."""
    main = getattr(error, "error", None)
    inner = getattr(getattr(main, "inner_error", None), "additional_data", None)
    details = [
        {"code": getattr(detail, "code", None), "message": getattr(detail, "message", None)}
        for detail in getattr(main, "details", None) or ()
    ]
    body = of_error(
        {
            "code": getattr(main, "code", None),
            "message": getattr(main, "message", None),
            "innererror": inner if isinstance(inner, dict) else None,
            "details": details,
        }
    )
    headers = getattr(error, "response_headers", None)
    return _refusal(error.response_status_code, body, body.message or "no reason was given", headers)


def _refusal(status: int | None, body: ErrorBody, message: str, headers: Any) -> Refusal:  # noqa: ANN401 - each SDK has its own
    is_plain = re.fullmatch(r"[\w./ -]{1,100}", body.code) is not None and redact(body.code) == body.code
    text, status = redact(message), int(status or 0)
    cause = cause_of(status, body)
    if cause is None and status == _FORBIDDEN and missing_right_in(text):
        cause = MISSING_RIGHT  # only the message names the right, not the code
    return Refusal(status, body.code if is_plain else "", text, seconds_to_wait(headers), cause)


def missing_right_in(message: str) -> Cause | None:
    """Return the right that Azure's message names as missing, with the `az` command that grants it, or None."""
    if found := re.search(_MISSING_ACTION, message):
        return _role_command(found["who"], found["action"], found["scope"])
    if found := re.search(_VAULT_POLICY, message):
        return Cause(
            f"Missing: secrets {found['right']}.",
            f"{_ALL}. Grant this one with: az keyvault set-policy --name {found['vault']} --object-id {found['who']} "
            "--secret-permissions get list set recover",
            is_missing_right=True,
        )
    if found := re.search(_VAULT_RBAC, message):
        return _role_command(found["who"], found["action"], found["scope"])
    return None


def _role_command(who: str, action: str, scope: str) -> Cause:
    from shlex import quote  # noqa: PLC0415 - only a refusal needs it

    by_start = next(role for start, role in _ROLES if action.lower().startswith(start))
    role = "Reader" if action.lower().endswith("/read") else by_start
    words = f"Missing: {action}."
    if not role:
        return Cause(words, f"{_ALL}, and the command that grants this one.", is_missing_right=True)
    return Cause(
        words,
        f"{_ALL}. Grant this one with: az role assignment create --assignee-object-id {who} "
        f'--assignee-principal-type ServicePrincipal --role "{role}" --scope {quote(scope)}',
        is_missing_right=True,
    )


def _kind_of(text: str, body: ErrorBody) -> str:
    """Return the kind of a body without an envelope, as the end of a sentence."""
    start = text.lstrip()[:100].lower()
    if not start or start.startswith(("{", "[", "null")):
        return ""
    if body.page:
        return f" (an HTML page of App Service: {body.page})"
    return f" (the response body was {'an HTML page' if start.startswith('<') else 'plain text'}, which is not shown)"
