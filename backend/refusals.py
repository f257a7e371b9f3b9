"""What Azure says when it refuses: its envelopes, and the command that grants a missing right.

The shapes were recorded from real answers: ARM and Key Vault send {"error": {...}}, App Service
{"Code", "Message"}, static web apps {"Message"}, table storage {"odata.error": {...}} or XML, a gateway in trouble
HTML. Status, code and message are Azure's own words for an admin, so they are shown, without credentials. A body
without such an envelope is not shown.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from backend.aadsts import code_of, meaning_of
from backend.redaction import redact

# Patterns are compiled when they are first needed: an idle app pays for each import again.
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
# The least built-in role that holds an action, by the action's beginning.
_ROLES = (
    ("microsoft.web/staticsites/", ""),  # none is small enough
    ("microsoft.web/sites/", "Website Contributor"),
    ("microsoft.keyvault/vaults/secrets/", "Key Vault Secrets Officer"),
    ("microsoft.storage/storageaccounts/tableservices/", "Storage Table Data Contributor"),
    ("", ""),
)
_ALL: Final = "ListBackendRights shows all that is missing"
LONGEST_REASON: Final = 100  # letters of HTTP's reason phrase


@dataclass(frozen=True)
class Refusal:
    """Azure's refusal: the status, the code, and what to do. `message` holds no credential."""

    status: int
    code: str
    message: str
    retry_after: float = 0  # seconds; 0 where Azure does not say

    @property
    def sentence(self) -> str:
        """Say it: status, code, Azure's words, and the command that would help."""
        code = f" {self.code}" if self.code else ""
        advice = granting(self.message) or _ADVICE_BY_CODE.get(self.code) or _ADVICE.get(self.status, "")
        words = " ".join(self.message.split())[:700].rstrip(". ")
        wait = f"Azure accepts the next call after {self.retry_after:g} seconds. " if self.retry_after else ""
        return f"{self.status}{code}: {words}. {wait}{advice}".rstrip()


_ADVICE_BY_CODE = {
    # Table storage names neither the right nor who lacks it.
    "AuthorizationPermissionMismatch": (
        "Missing: Microsoft.Storage/storageAccounts/tableServices/tables/entities, which the role Storage Table Data "
        "Contributor on CIPP's storage account holds. ListBackendRights shows the command that grants it."
    ),
}
_ADVICE = {
    403: "A right is missing: ListBackendRights shows which, and the command that grants it.",
    401: "The token was not accepted: check the tenant and the identity of this app.",
    429: "Too many requests: wait and try again.",
    500: "Azure itself failed: try again, and see https://azure.status.microsoft if it stays.",
    502: "Azure itself failed: try again.",
    503: "Azure is busy or down: try again, and see https://azure.status.microsoft if it stays.",
    504: "Azure did not finish in time; it may still happen: look before you try again.",
}


def refusal_of_azure_core(error: Any) -> Refusal:  # noqa: ANN401 - azure.core is not imported before it is needed
    """Read azure.core's HttpResponseError."""
    body, wait = "", 0.0
    if error.response is not None:
        wait = seconds_of(error.response.headers.get("Retry-After"))
        try:
            body = error.response.text()
        except Exception:  # noqa: BLE001 - a body that was cut or is in no known encoding tells nothing more
            body = ""
    reason = redact(str(error.reason or "no reason was given"))[:LONGEST_REASON]
    code, message = _envelope(body)
    return _refusal(error.status_code, code, message or f"{reason}{_kind_of(body)}", wait)


def refusal_of_graph(error: Any) -> Refusal:  # noqa: ANN401 - kiota is not imported before it is needed
    """Read msgraph's ODataError. kiota's own APIError has no words of Graph."""
    main = getattr(error, "error", None)
    message = getattr(main, "message", None) or "no reason was given"
    return _refusal(error.response_status_code, str(getattr(main, "code", None) or ""), str(message))


def _refusal(status: int | None, code: str, message: str, wait: float = 0.0) -> Refusal:
    is_plain = re.fullmatch(r"[\w./ -]{1,100}", code) is not None and redact(code) == code
    return Refusal(int(status or 0), code if is_plain else "", redact(message), wait)


def seconds_of(retry_after: str | None) -> float:
    """Read a Retry-After in seconds, the one form that Azure sends; 0 for any other."""
    return float(retry_after) if retry_after and re.fullmatch(r"[0-9]{1,5}(\.[0-9]+)?", retry_after.strip()) else 0.0


def granting(message: str) -> str:
    """Answer the sentence with the `az` command that grants what Azure's message misses, or ""."""
    if found := re.search(_MISSING_ACTION, message):
        return _role_command(found["who"], found["action"], found["scope"])
    if found := re.search(_VAULT_POLICY, message):
        return (
            f"Missing: secrets {found['right']} ({_ALL}). Grant it with: az keyvault set-policy "
            f"--name {found['vault']} --object-id {found['who']} --secret-permissions get list set recover"
        )
    if found := re.search(_VAULT_RBAC, message):
        return _role_command(found["who"], found["action"], found["scope"])
    return ""


def _role_command(who: str, action: str, scope: str) -> str:
    from shlex import quote  # noqa: PLC0415 - imported where something is refused

    by_start = next(role for start, role in _ROLES if action.lower().startswith(start))
    role = "Reader" if action.lower().endswith("/read") else by_start
    if not role:
        return f"Missing: {action}. {_ALL}, and the command that grants it."
    return (
        f"Missing: {action} ({_ALL}). "
        f"Grant it with: az role assignment create --assignee-object-id {who} "
        f'--assignee-principal-type ServicePrincipal --role "{role}" --scope {quote(scope)}'
    )


def _envelope(body: str) -> tuple[str, str]:
    """Read code and message from any of Azure's envelopes. Both are empty if the body has no envelope."""
    if body.lstrip().startswith("<"):
        return _in_xml(body, "code"), _in_xml(body, "message").partition("\n")[0]
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(parsed, dict):
        return "", ""
    inner = parsed.get("error", parsed.get("odata.error", parsed))
    if isinstance(inner, str):  # Entra
        return inner, _meaning(str(parsed.get("error_description", "")))
    if not isinstance(inner, dict):
        return "", ""
    by_name = {str(name).lower(): value for name, value in inner.items()}
    detail = by_name.get("innererror")
    code = str(by_name.get("code") or "")
    if isinstance(detail, dict) and isinstance(detail.get("code"), str):
        code = f"{code}/{detail['code']}"
    message = by_name.get("message")
    if isinstance(message, dict):  # table storage's, with its language
        message = str(message.get("value") or "").partition("\n")[0]
    return code, str(message or "")


def _in_xml(body: str, name: str) -> str:
    """Return the text of table storage's element, "" in any other document."""
    from html import unescape  # noqa: PLC0415 - its table of entities is loaded only where it is needed

    match = re.search(rf"<(?:\w+:)?{name}\b[^>]*>([^<]*)</", body, re.IGNORECASE)
    return unescape(match[1]) if match and re.search(r"<(?:\w+:)?error\b", body, re.IGNORECASE) else ""


def _meaning(description: str) -> str:
    """Return what Entra's description means. The text itself is not shown."""
    code = code_of(description)
    return f"{f'AADSTS{code}: ' if code else ''}{meaning_of(description).cause}"


def _kind_of(body: str) -> str:
    """Return what a body without an envelope is, as the last part of a sentence."""
    text = body.lstrip()[:100].lower()
    if not text or text.startswith(("{", "[", "null")):
        return ""
    return f" (the response body was {'an HTML page' if text.startswith('<') else 'plain text'}, which is not shown)"
