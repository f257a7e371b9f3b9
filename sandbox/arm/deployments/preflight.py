"""The checks of a deployment before it deploys: API versions, and the caller's permissions on every resource."""

from sandbox.arm.call import Call
from sandbox.arm.deployments.errors import denial, not_authorized_template
from sandbox.arm.deployments.prepared import Prepared
from sandbox.arm.errors import ArmError, refused
from sandbox.arm.target import target_of
from sandbox.arm.versions import check_version


def check(call: Call, prepared: Prepared) -> None:
    """Accept a prepared deployment, or refuse it before any resource is written.

    Raises:
        ArmError: The caller lacks a permission, or the provider does not have a version or type.
    """
    denials = []
    for _, resource in prepared.everything():
        if not resource.identified:
            continue  # checked when the nested deployment begins
        target = target_of("PUT", resource.id)
        if not call.perform.knows("PUT", resource.id):
            raise _not_in_the_sandbox(resource.type)
        check_version(resource.version, target.provider, target.type)
        if not call.arm.access.allows(call.caller.object_id, target.action, target.scope):
            denials.append(denial(resource.name, resource.type, call.caller, target.action, target.scope))
    if denials:
        raise not_authorized_template(denials)


def _not_in_the_sandbox(kind: str) -> ArmError:
    message = f"The CIPP Backend sandbox, which is not Azure, can't deploy resources of the type '{kind}'."
    return refused(501, "NotImplementedInSandbox", message)
