"""Why Azure refuses a request, by its code and not by its status, and who can remove the cause. Pure.

The same status has many causes: a 403 can be a missing right, a firewall, a policy or a stopped app. So a right counts
as missing only if Azure's code or message names it. A code that is not in this catalog is unknown.

Codes are compared in lower case. They are from Microsoft's references: the error codes of Key Vault, of Azure Storage
and of Resource Manager. Patterns of messages are from recorded or published responses.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from backend.azure.errors.body import ErrorBody
from backend.errors import Cause
from backend.text.redaction import redact

LISTED: Final = "ListBackendRights shows the missing right, and the command that grants it."


MISSING_RIGHT: Final = Cause("A right is missing.", LISTED, is_missing_right=True)
_MISSING_IN_TABLES: Final = Cause(
    "Missing: Microsoft.Storage/storageAccounts/tableServices/tables/entities. The role Storage Table Data Contributor "
    "on CIPP's storage account includes it.",
    "ListBackendRights shows the command that grants it.",
    is_missing_right=True,
)
_SIGNATURE: Final = Cause(
    "The shared access signature in the app's settings does not cover tables.",
    "An administrator of the storage account must create another connection string. ListBackendRights shows how.",
    is_missing_right=True,
    is_of_key=True,
)
_SIGNATURE_PLACE: Final = Cause(
    "This is not a missing right: the shared access signature in the app's settings does not allow this app's address "
    "or protocol.",
    "An administrator of the storage account must create another one.",
)
_STORAGE_KEY: Final = Cause(
    "This is not a missing role: the account key or signature in the app's settings is wrong, was replaced, or has "
    "expired.",
    "An administrator of the app must set the connection string again: ListBackendRights shows the command.",
    is_of_key=True,
)
_VAULT_FIREWALL: Final = Cause(
    "This is not a missing right: the key vault's firewall does not allow this app's network.",
    "An owner or contributor of the vault can connect the app and the vault by a virtual network, or allow the app's "
    "address: az keyvault network-rule add --name <vault> --ip-address <this app's outbound address>",
)
_VAULT_PRIVATE: Final = Cause(
    "This is not a missing right: the key vault allows no public network access, and this app's connection is not an "
    "approved private endpoint.",
    "An owner or contributor of the vault can change Networking of the vault in the portal, or connect the app by a "
    "private endpoint.",
)
_STORAGE_FIREWALL: Final = Cause(
    "This is not a missing role: the storage account's firewall does not allow this app's network.",
    "An owner or contributor of the account can allow this app's network in the portal (Networking of the account), or "
    "with az storage account network-rule add.",
)
_NO_SHARED_KEYS: Final = Cause(
    "This is not a missing right: the storage account allows no shared keys (allowSharedKeyAccess is false).",
    "Use this app's identity: set CIPP_STORAGE__tableServiceUri instead of a connection string, and grant the role "
    "Storage Table Data Contributor. Or an owner of the account can allow keys: az storage account update --name "
    "<account> --allow-shared-key-access true",
)
_POLICY: Final = Cause(
    "This is not a missing right: {policy} forbids it.",
    "An owner of the policy, or a Resource Policy Contributor at its scope, can change the assignment or exempt CIPP's "
    "resources (az policy exemption create).",
)
_DENIED: Final = Cause(
    "This is not a missing right, and no role helps: a deny assignment{deny} forbids it. Deny assignments come from "
    "deployment stacks, managed applications and Azure itself.",
    "The owner of the stack or managed application can remove it. The portal shows it under Access control (IAM), Deny "
    "assignments.",
)
_LOCKED: Final = Cause(
    "This is not a missing right: a lock{scope} forbids it. A ReadOnly lock also forbids restarting an app and reading "
    "its settings.",
    "An Owner or User Access Administrator can remove it: az lock list --resource-group <group>, then az lock delete "
    "--ids <id of the lock>",
)
_READ_ONLY_SUBSCRIPTION: Final = Cause(
    "This is not a missing right: the subscription is disabled, so nothing in it can be changed.",
    "Its billing account owner or account administrator can reactivate it in the portal (Subscriptions, Reactivate), "
    "or pay open invoices.",
)
_NO_SUBSCRIPTION: Final = Cause(
    "Azure does not show this subscription to this app: it was cancelled or moved to another tenant, or "
    "CIPP_SUBSCRIPTION_ID is wrong.",
    "The subscription's owner can check it in the portal (Subscriptions).",
    is_absence=False,
)
_NOT_REGISTERED: Final = Cause(
    "This is not a missing right of this app: the subscription is not registered for {namespace}.",
    "An Owner or Contributor of the subscription must run: az provider register --namespace {namespace}",
)
_STOPPED: Final = Cause(
    "This is not a missing right: the app is stopped, and so is its deployment site.",
    "Start it with ExecFunctionAppStart. If its quota is exceeded, it starts only when the quota is reset or the plan "
    "is scaled up.",
)
_RESTRICTED: Final = Cause(
    "This is not a missing right: the access restrictions of the app or of its deployment site do not allow this "
    "caller.",
    "A Website Contributor can change them in the portal (Networking of the app).",
)
_DISABLED: Final = Cause(
    "This is not a missing right: the version of the secret is disabled.",
    "A user with permission to set secrets can enable it in the portal, or store a new version with "
    "ExecKeyVaultSecretSet.",
)
_OF_CERTIFICATE: Final = Cause(
    "This is not a missing right: the secret belongs to a certificate of the vault.",
    "Change the certificate instead.",
)
_RECOVERING: Final = Cause(
    "The vault is still recovering it, which takes seconds to minutes.", "Try again in a minute.", is_settling=True
)
_DELETING: Final = Cause(
    "The vault is still deleting it, which takes seconds to minutes.", "Try again in a minute.", is_settling=True
)
_DELETED: Final = Cause("The secret is deleted.", "Recover it with ExecKeyVaultSecretRecover.")
_WRONG_TENANT: Final = Cause(
    "This is not a missing right: this app's identity belongs to another tenant than the subscription or vault.",
    "If the subscription was moved, an administrator must turn the app's managed identity off and on, and grant its "
    "roles again.",
)
_EXPIRED_TOKEN: Final = Cause(
    "The token of this app's identity has expired or was not accepted.",
    "Try again in a minute. If the problem persists, restart this app.",
)
_QUOTA: Final = Cause(
    "This is not a missing right: a quota of the subscription or plan is used up.",
    "An owner of the subscription can raise it in the portal (Quotas), or scale up the plan.",
)
_BUSY: Final = Cause(
    "Azure is still busy with another operation on the same resource, such as a deployment.",
    "Wait for it to finish, then retry.",
    is_busy=True,
)
_NO_SOURCE: Final = Cause(
    "The app is not connected to a repository.", "Connect it to your fork in the portal (Deployment Center)."
)
_BEING_DELETED: Final = Cause(
    "Azure is deleting the resource or its resource group.",
    "The activity log of the group shows who requested the deletion.",
)
_EXISTS: Final = Cause("It exists already, so no change is needed.")
_OFF_ACCOUNT: Final = Cause(
    "This is not a missing right: the storage account is disabled.",
    "Its owner can find the reason in the portal. Azure support can enable it.",
)
_GRAPH_RIGHT: Final = Cause(
    "A permission of CIPP's SAM app in Microsoft Graph, or its admin consent, is missing.",
    LISTED,
    is_missing_right=True,
)
_NO_IDENTITY_IN_TENANT: Final = Cause(
    "This is not a missing right: CIPP's SAM app is not in this tenant, or is disabled there.",
    "An administrator of the tenant must consent to it again with CIPP's setup wizard.",
)

CAUSES: Final[dict[str, Cause]] = {
    # Rights
    "authorizationfailed": MISSING_RIGHT,
    "linkedauthorizationfailed": MISSING_RIGHT,
    "accessdenied": MISSING_RIGHT,
    "forbiddenbypolicy": MISSING_RIGHT,  # the vault's own access policy, not Azure Policy
    "forbiddenbyrbac": MISSING_RIGHT,
    "authorizationpermissionmismatch": _MISSING_IN_TABLES,
    "authorizationservicemismatch": _SIGNATURE,
    "authorizationresourcetypemismatch": _SIGNATURE,
    "authorization_requestdenied": _GRAPH_RIGHT,
    # Networks
    "forbiddenbyfirewall": _VAULT_FIREWALL,
    "forbiddenbyconnection": _VAULT_PRIVATE,
    "authorizationfailure": _STORAGE_FIREWALL,
    "authorizationsourceipmismatch": _SIGNATURE_PLACE,
    "authorizationprotocolmismatch": _SIGNATURE_PLACE,
    # Decisions of people
    "requestdisallowedbypolicy": _POLICY,
    "policyviolation": _POLICY,
    "denyassignmentauthorizationfailed": _DENIED,
    "scopelocked": _LOCKED,
    "keybasedauthenticationnotpermitted": _NO_SHARED_KEYS,
    # Subscriptions
    "readonlydisabledsubscription": _READ_ONLY_SUBSCRIPTION,
    "disabledsubscription": _READ_ONLY_SUBSCRIPTION,
    "subscriptionisdisabled": _READ_ONLY_SUBSCRIPTION,
    "subscriptionnotfound": _NO_SUBSCRIPTION,
    "invalidsubscriptionid": _NO_SUBSCRIPTION,
    "missingsubscriptionregistration": _NOT_REGISTERED,
    "subscriptionnotregistered": _NOT_REGISTERED,
    # Secrets
    "secretdisabled": _DISABLED,
    "secretmanagedbykeyvault": _OF_CERTIFICATE,
    "objectisbeingrecovered": _RECOVERING,
    "objectisbeingdeleted": _DELETING,
    "objectisdeletedbutrecoverable": _DELETED,
    # Identities and tokens
    "invalidauthenticationtokentenant": _WRONG_TENANT,
    "expiredauthenticationtoken": _EXPIRED_TOKEN,
    "invalidauthenticationtoken": _EXPIRED_TOKEN,
    "invalidauthenticationinfo": _EXPIRED_TOKEN,
    "authorization_identitynotfound": _NO_IDENTITY_IN_TENANT,
    # States
    "anotheroperationinprogress": _BUSY,
    "59206": _BUSY,  # App Service's extended code
    "resourcegroupbeingdeleted": _BEING_DELETED,
    "tablebeingdeleted": _BEING_DELETED,
    "roleassignmentexists": _EXISTS,
    "accountisdisabled": _OFF_ACCOUNT,
    # Quotas
    "quotaexceeded": _QUOTA,
    "resourcequotaexceeded": _QUOTA,
    "subscriptionquotaexceeded": _QUOTA,
}
_OF_STATUS: Final[dict[tuple[int, str], Cause]] = {
    (403, "authenticationfailed"): _STORAGE_KEY,  # of Azure Storage
    (401, "authenticationfailed"): _EXPIRED_TOKEN,  # of Resource Manager
}
# Messages that count even if a code contradicts them. The patterns are compiled on first use.
_STRONGER: Final = (
    (r"because of the deny assignment|blocked by deny assignments|DenyAssignmentId: '?[0-9a-fA-F]{8}-", _DENIED),
    (r"client address is not authorized", _VAULT_FIREWALL),
    (r"AKV10032|invalid issuer", _WRONG_TENANT),
    (r"Make sure the value of the Authorization header is formed correctly", _STORAGE_KEY),  # Azurite: another code
)
# Messages that count if no code is known, as in bodies of older API versions.
_WEAKER: Final = (
    (r"not an approved private link|public network access is disabled", _VAULT_PRIVATE),
    (r"not allowed on a disabled secret", _DISABLED),
    (r"(is|are) locked|remove the lock", _LOCKED),
    (r"disallowed by policy", _POLICY),
    (r"subscription\b.{0,80}\bis disabled|marked as read only", _READ_ONLY_SUBSCRIPTION),
    (r"not registered to use namespace", _NOT_REGISTERED),
    (r"is currently being recovered", _RECOVERING),
    (r"is currently being deleted", _DELETING),
    (r"\bquotas? (?:of|is|are|was|has|have|limit|exceeded|reached)\b|exceed\w*\b.{0,60}\bquota", _QUOTA),
    (r"another (operation|deployment) is in progress|deployment .{0,40}in progress|acquire exclusive lock", _BUSY),
    (r"no source ?control|source ?control is not|not connected to a repository", _NO_SOURCE),
    (r"(web ?app|site|function app) is (stopped|disabled)", _STOPPED),
    (r"key based authentication is not permitted", _NO_SHARED_KEYS),
    (r"TokenExpired|token (has|is) expired", _EXPIRED_TOKEN),
)
_PAGES: Final = {"the app is stopped": _STOPPED, "the app's access restrictions": _RESTRICTED}


def cause_of(status: int, body: ErrorBody) -> Cause | None:
    """Return why Azure refuses, or None if neither codes nor message are known. Nested codes come before outer ones.

    `{policy}`, `{deny}`, `{scope}` and `{namespace}` of the catalog are filled in from the body.
    """
    found = next((cause for words, cause in _STRONGER if _is_in(words, body.message)), None)
    codes = reversed(body.codes)
    found = found or next((cause for code in codes if (cause := _of_code(status, code))), None)
    found = found or _PAGES.get(body.page)
    found = found or next((cause for words, cause in _WEAKER if _is_in(words, body.message)), None)
    return found and _filled(found, body)


def _of_code(status: int, code: str) -> Cause | None:
    return _OF_STATUS.get((status, code)) or CAUSES.get(code)


def _filled(cause: Cause, body: ErrorBody) -> Cause:
    words, advice = cause.words, cause.advice
    for name, fill in _FILLS.items():
        if name in words or name in advice:
            text = redact(fill(body))
            words, advice = words.replace(name, text), advice.replace(name, text)
    return replace(cause, words=words, advice=advice)


def _scope(body: ErrorBody) -> str:
    found = re.search(r"are locked: '(?P<scope>[^']{1,400})'", body.message)
    return f" on {found['scope']}" if found else ""


def _deny(body: ErrorBody) -> str:
    found = re.search(
        r"deny assignment with name '(?P<name>[^']{1,200})'(?: and Id '(?P<id>[^']{1,200})')?"
        r"|DenyAssignmentId: '?(?P<guid>[0-9a-fA-F-]{36})",
        body.message,
        re.IGNORECASE,
    )
    if not found:
        return ""
    identifier = f" ({found['id']})" if found["id"] else ""
    return f" '{found['name']}'{identifier}" if found["name"] else f" ({found['guid']})"


def _namespace(body: ErrorBody) -> str:
    found = re.search(r"namespace '(?P<namespace>[A-Za-z.]{1,100})'", body.message)
    return found["namespace"] if found else "<namespace>"


_FILLS: Final[dict[str, Callable[[ErrorBody], str]]] = {
    "{policy}": lambda body: f"Azure Policy assignment {body.policy}" if body.policy else "an Azure Policy assignment",
    "{deny}": _deny,
    "{scope}": _scope,
    "{namespace}": _namespace,
}


def _is_in(words: str, message: str) -> bool:
    return re.search(words, message, re.IGNORECASE) is not None
