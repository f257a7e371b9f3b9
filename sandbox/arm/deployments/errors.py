"""The refusals of a template, in Azure's wording.

The messages are as people pasted them from real responses. The sandbox does not count lines: each is line 1. For
these codes of deployments and their resources, no real response was found, so their wording is a guess:
InvalidDeploymentName, LocationRequired, InvalidRoleAssignmentId, InvalidRoleDefinitionId, MissingAssignableScopes,
InvalidLockLevel, AccountNameInvalid and InvalidIdentity. It is unknown whether a validation is refused while a
deployment of its name is active. Here it isn't.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.arm.authentication import Caller
from sandbox.arm.errors import ArmError

if TYPE_CHECKING:
    from sandbox.arm.deployments.record import Deployment

SYNTAX: Final = "Please see https://aka.ms/arm-syntax-resources for usage details."
PARAMETERS: Final = "Please see https://aka.ms/arm-create-parameter-file for usage details."
_FAILED: Final = (
    "At least one resource deployment operation failed. Please list deployment operations for details. "
    "Please see https://aka.ms/arm-deployment-operations for usage details."
)


class ExpressionError(Exception):
    """An expression that can't be evaluated. The message states why."""


class MissingMemberError(ExpressionError):
    """A member or an element that a value does not have."""


class InvalidTemplateError(Exception):
    """A template that is refused before any resource is deployed."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.path = path

    def error(self) -> dict[str, Any]:
        """Return the error object."""
        return {
            "code": "InvalidTemplate",
            "message": f"Deployment template validation failed: '{self.why}'.",
            "additionalInfo": [
                {"type": "TemplateViolation", "info": {"lineNumber": 1, "linePosition": 1, "path": self.path}}
            ],
        }


def refused_template(error: dict[str, Any], status: int = 400) -> ArmError:
    """Return the refusal of a whole deployment."""
    return ArmError(status, {"error": error})


def not_authorized_template(denials: list[str]) -> ArmError:
    """Return the refusal of a template with resources that the caller may not write.

    The messages are known. That the status is 403, and not 400, was never seen.
    """
    one = f"The template deployment failed with error: '{denials[0]}'."
    several = f"Deployment failed with multiple errors: '{':'.join(denials)}'"
    return refused_template(
        {"code": "InvalidTemplateDeployment", "message": one if len(denials) == 1 else several}, 403
    )


def denial(name: str, kind: str, caller: Caller, action: str, scope: str) -> str:
    """Return the sentence about one resource that the caller may not write."""
    return (
        f"Authorization failed for template resource '{name}' of type '{kind}'. The client '{caller.client_id}' with "
        f"object id '{caller.object_id}' does not have permission to perform action '{action}' at scope '{scope}'."
    )


def deployment_failed(details: list[dict[str, Any]], deployment_id: str) -> dict[str, Any]:
    """Return the error of a deployment some of whose resources failed."""
    return {"code": "DeploymentFailed", "target": deployment_id, "message": _FAILED, "details": details}


def still_active(deployment: "Deployment") -> dict[str, Any]:
    """Return the refusal of a deployment whose name an active one has. Azure gives up on one after a week."""
    expires = deployment.started + timedelta(days=7)
    return {
        "code": "DeploymentActive",
        "message": f"Unable to edit or replace deployment '{deployment.name}': previous deployment from "
        f"'{_american(deployment.started)}' is still active (expiration time is '{_american(expires)}'). Please see "
        "https://aka.ms/arm-deploy for usage details.",
    }


def _american(time: datetime) -> str:
    return f"{time.month}/{time.day}/{time.year} {time.hour % 12 or 12}:{time:%M:%S} {'AM' if time.hour < 12 else 'PM'}"


def unknown_resource(name: str) -> InvalidTemplateError:
    """Return the refusal of a `dependsOn` that names no resource of the template."""
    return InvalidTemplateError(f"The resource '{name}' is not defined in the template. {SYNTAX}")


def unknown_reference(name: str) -> InvalidTemplateError:
    """Return the refusal of a short name that no resource of the template has."""
    return InvalidTemplateError(
        f"The template reference '{name}' is not valid: could not find template resource or resource copy with this "
        "name. Please see https://aka.ms/arm-function-reference for usage details."
    )
