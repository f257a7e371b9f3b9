"""The errors of Azure Resource Manager and App Service, in their own wording."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


class ArmError(Exception):
    """A refusal. `gateway` is true if it comes from Resource Manager itself, not from a provider."""

    def __init__(
        self, status: int, body: object, headers: Mapping[str, str] | None = None, *, gateway: bool = True
    ) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.gateway = gateway

    def response(self) -> Response:
        """Return the response."""
        cause = {"x-ms-failure-cause": "gateway"} if self.gateway else {}
        return JSONResponse(self.body, self.status, {**cause, **self.headers})


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> ArmError:
    """Return an error of the gateway."""
    return ArmError(status, {"error": {"code": code, "message": message}}, headers)


def app_service_refused(status: int, code: str, extended_code: str, message: str) -> ArmError:
    """Return an error in App Service's format: capitalized, repeated three times, and without an "error"."""
    entity = {
        "ExtendedCode": extended_code,
        "MessageTemplate": message,
        "Parameters": [],
        "Code": code,
        "Message": message,
    }
    details = [{"Message": message}, {"Code": code}, {"ErrorEntity": entity}]
    body = {"Code": code, "Message": message, "Target": None, "Details": details, "Innererror": None}
    return ArmError(status, body, gateway=False)


def bad_request(message: str) -> ArmError:
    """Return App Service's error for an invalid body."""
    return app_service_refused(400, "BadRequest", "51021", message)


def not_found(message: str) -> ArmError:
    """Return App Service's error for something that does not exist."""
    return app_service_refused(404, "NotFound", "51004", message)


def group_not_found(name: str) -> ArmError:
    """Return the error for a group that does not exist."""
    return refused(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def resource_not_found(resource_type: str, name: str, group: str) -> ArmError:
    """Return the error for a resource that does not exist."""
    return refused(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}' under resource group '{group}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def not_authorized(client_id: str, object_id: str, action: str, scope: str) -> ArmError:
    """Return the error for a caller without the permission."""
    return refused(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials.",
    )
