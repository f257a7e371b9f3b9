"""What Azure Resource Manager and App Service refuse, in their own words."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


class ArmError(Exception):
    """A refusal; `gateway` tells whether Resource Manager itself spoke, and not a provider."""

    def __init__(
        self, status: int, body: object, headers: Mapping[str, str] | None = None, *, gateway: bool = True
    ) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.gateway = gateway

    def response(self) -> Response:
        """Return the answer."""
        cause = {"x-ms-failure-cause": "gateway"} if self.gateway else {}
        return JSONResponse(self.body, self.status, {**cause, **self.headers})


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> ArmError:
    """Refuse as the gateway does."""
    return ArmError(status, {"error": {"code": code, "message": message}}, headers)


def app_service_refused(status: int, code: str, extended_code: str, message: str) -> ArmError:
    """Refuse as App Service does: capitalised, three times over, and without an "error"."""
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
    """Refuse a body that App Service cannot use."""
    return app_service_refused(400, "BadRequest", "51021", message)


def not_found(message: str) -> ArmError:
    """Refuse what App Service does not have."""
    return app_service_refused(404, "NotFound", "51004", message)


def group_not_found(name: str) -> ArmError:
    """Refuse a group that is not there."""
    return refused(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def resource_not_found(resource_type: str, name: str, group: str) -> ArmError:
    """Refuse a resource that is not there."""
    return refused(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}' under resource group '{group}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def not_authorized(client_id: str, object_id: str, action: str, scope: str) -> ArmError:
    """Refuse a caller without the right."""
    return refused(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials.",
    )
