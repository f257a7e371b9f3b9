r"""Key Vault's errors, in its own wording.

All of it is from recorded responses or from those that people pasted, except where marked as a guess.
"""

from typing import Any

_HELP_NOT_FOUND = "https://go.microsoft.com/fwlink/?linkid=2125182"
_HELP_ACCESS = "https://go.microsoft.com/fwlink/?linkid=2125287"
_ABOUT_CERTIFICATES = (
    "https://docs.microsoft.com/en-us/azure/key-vault/certificates/about-certificates#composition-of-a-certificate"
)


class VaultError(Exception):
    """A response that is not a success."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"code": code, "message": message}}
        if inner is not None:
            self.body["error"]["innererror"] = {"code": inner}


def unauthorized(message: str) -> VaultError:
    """401. The response carries the challenge."""
    return VaultError(401, "Unauthorized", message)


def bad_parameter(message: str) -> VaultError:
    """400 for an invalid request."""
    return VaultError(400, "BadParameter", message)


def invalid_value() -> VaultError:
    """400 for a property in the body. Key Vault omits its name, which leaves two spaces."""
    return bad_parameter("Property  has invalid value\r\n")


def secret_not_found(name: str) -> VaultError:
    """404 for a live secret, `name` or `name/version`."""
    return VaultError(
        404,
        "SecretNotFound",
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this "
        "secret you may be able to recover it using the correct recovery command. For help resolving this "
        f"issue, please see {_HELP_NOT_FOUND}",
    )


def deleted_secret_not_found(name: str) -> VaultError:
    """404 for a soft-deleted secret."""
    return VaultError(404, "SecretNotFound", f"Deleted Secret not found: {name}")


def deleted_but_recoverable(name: str) -> VaultError:
    """409: the name is soft-deleted."""
    return VaultError(
        409,
        "Conflict",
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; "
        "in this state, the secret can only be recovered or purged.",
        "ObjectIsDeletedButRecoverable",
    )


def settling(name: str, state: str, code: str) -> VaultError:
    """409: the vault is still recovering or deleting the name. The wording for a deletion is a guess."""
    return VaultError(
        409, "Conflict", f"Secret {name} is currently being {state} and cannot be re-created; retry later.", code
    )


def restore_conflict(secret_id: str) -> VaultError:
    """409: a restore to a name that is in use."""
    return VaultError(
        409,
        "Conflict",
        f"There was a conflict restoring the secret '{secret_id}'. This can happen if either: a second secret "
        "with the same name was created after the first secret was deleted; thus trying to restore a secret "
        "whose name is already in use. To fix this, rename the second secret to something else so that the "
        "restore works. The second probable cause of this exception is when multiple operations are performed "
        "in parallel against the secret. To avoid this error, perform operations against a secret in a "
        "sequential manner.",
    )


def malformed_backup() -> VaultError:
    """400: the restored blob is not a backup."""
    return VaultError(400, "Malformed backup blob", "Backup blob contains invalid or corrupt version.")


def method_not_allowed(method: str) -> VaultError:
    """405: a known path with another method."""
    return VaultError(405, "MethodNotAllowed", f"HTTP {method} not allowed")


def disabled() -> VaultError:
    """403: the value of a disabled version."""
    return VaultError(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")


def managed(operation: str) -> VaultError:
    """403: the secret backs a certificate."""
    return VaultError(
        403,
        "Forbidden",
        f'Operation "{operation}" is not allowed on this secret, since it is associated with a certificate. '
        "Perform the operation on the corresponding certificate. For more information refer to "
        f"{_ABOUT_CERTIFICATES}",
        "SecretManagedByKeyVault",
    )


def purge_protected(vault: str, location: str) -> VaultError:
    """403: the vault has purge protection."""
    return VaultError(
        403,
        "Forbidden",
        'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault '
        "service will automatically purge it after the retention period has passed.\r\n"
        f"Vault: {vault};location={location}",
        "ForbiddenByPolicy",
    )


def denied_by_policy(caller: str, permission: str, vault: str, location: str) -> VaultError:
    """403: the vault's access policies don't allow the caller to do it."""
    return VaultError(
        403,
        "Forbidden",
        f"The user, group or application '{caller}' does not have secrets {permission} permission on key "
        f"vault '{vault};location={location}'. For help resolving this issue, please see {_HELP_ACCESS}",
        "AccessDenied",
    )


def denied_by_rbac(caller: str, action: str, resource: str, vault: str, location: str) -> VaultError:
    """403: no role assignment allows the caller to do it."""
    return VaultError(
        403,
        "Forbidden",
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, please observe "
        "propagation time.\r\n"
        f"Caller: {caller}\r\n"
        f"Action: '{action}'\r\n"
        f"Resource: '{resource}'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: 'DeniedWithNoValidRBAC' \r\n"
        f"Vault: {vault};location={location}\r\n",
        "ForbiddenByRbac",
    )


def throttled() -> VaultError:
    """429. Key Vault sends no Retry-After."""
    return VaultError(
        429,
        "Throttled",
        "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
    )
