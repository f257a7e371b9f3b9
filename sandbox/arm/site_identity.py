"""The managed identities of an app, and the permissions that their use requires."""

import uuid
from typing import Any

from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, refused
from sandbox.arm.plain_resource import UserAssignedIdentity
from sandbox.arm.site import Site
from sandbox.directory import ServicePrincipal


def set_identity(call: Call, site: Site, given: object) -> None:
    """Give an app the identities of its body. A system-assigned identity stays the same once it exists.

    Raises:
        ArmError: An identity does not exist, or the caller may not assign it.
    """
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise refused(400, "InvalidIdentity", "The identity of the resource must have a type.")
    kinds = {part.strip().lower() for part in given["type"].split(",")}
    if not kinds <= {"none", "systemassigned", "userassigned"}:
        raise refused(400, "InvalidIdentityType", f"The identity type '{given['type']}' is not valid.")
    wanted = given.get("userAssignedIdentities") or {} if "userassigned" in kinds else {}
    assigned = {}
    for identity_id in wanted:
        identity = call.arm.plain.get(identity_id.lower())
        if not isinstance(identity, UserAssignedIdentity):
            raise refused(
                400,
                "FailedIdentityOperation",
                f"Identity operation for resource '{site.id}' failed with error 'Failed to perform resource identity "
                f"operation. Status: 'NotFound'. The identity '{identity_id}' was not found.'.",
            )
        check_linked(call, site, "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", identity.id)
        assigned[identity.id] = {"principalId": identity.principal_id, "clientId": identity.client_id}
    site.user_identities = assigned
    had_one = site.system_identity
    site.system_identity = "systemassigned" in kinds
    if site.system_identity and not had_one:
        site.principal_id = str(uuid.uuid4())
        principal = ServicePrincipal(
            app_id=str(uuid.uuid4()),
            tenant_id=site.tenant_id,
            display_name=site.name,
            id=site.principal_id,
            type="ManagedIdentity",
        )
        call.azure.directory.add(principals=[principal])


def identity_document(site: Site) -> dict[str, Any] | None:
    """Return the identities as a site shows them, or None if it has none."""
    kinds = [
        kind
        for kind, there in (("SystemAssigned", site.system_identity), ("UserAssigned", bool(site.user_identities)))
        if there
    ]
    if not kinds:
        return None
    whole: dict[str, Any] = {"type": ", ".join(kinds), "tenantId": site.tenant_id}
    if site.system_identity:
        whole["principalId"] = site.principal_id
    if site.user_identities:
        whole["userAssignedIdentities"] = site.user_identities
    return whole


def check_linked(call: Call, site: Site, action: str, linked: str) -> None:
    """Accept the use of another resource, which requires a permission on that resource.

    Raises:
        ArmError: 403. The caller does not have it.
    """
    caller = call.caller
    if not call.arm.access.allows(caller.object_id, action, linked):
        raise _linked_refusal(caller.client_id, caller.object_id, site.id, action, linked)


def _linked_refusal(client: str, principal: str, site: str, action: str, linked: str) -> ArmError:
    return refused(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{client}' with object id '{principal}' has permission to perform action "
        f"'Microsoft.Web/sites/write' on scope '{site}'; however, it does not have permission to perform action(s) "
        f"'{action}' on the linked scope(s) '{linked}' (respectively) or the linked scope(s) are invalid.",
    )
