"""Sign-ins with a device code: the request for one, the page on which a person enters it, and its redemption."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.clouds import Cloud
from sandbox.directory import Tenant
from sandbox.entra.client import public_client
from sandbox.entra.errors import EntraError, missing_parameter
from sandbox.entra.person import Choice, person_of
from sandbox.entra.resources import audience_of
from sandbox.people import User
from sandbox.sign_ins import DEVICE_CODE_LIFETIME, INTERVAL, DeviceSignIn

_ADDRESS: Final = "https://microsoft.com/devicelogin"


def device_code(azure: Azure, tenant: Tenant, form: Mapping[str, str], cloud: Cloud) -> dict[str, Any]:
    """Return a new device code for an application.

    Raises:
        EntraError: The application or the scope is unknown, or the application is not a public client.
    """
    app = public_client(azure, form, tenant)
    if not form.get("scope"):
        raise missing_parameter("scope")
    audience_of(form["scope"], cloud, tenant.name, default_only=False)
    text, device = azure.directory.sign_ins.add_device(app.app_id, tenant.id, form["scope"], azure.clock.now())
    return {
        "user_code": device.user_code,
        "device_code": text,
        "verification_uri": _ADDRESS,
        "expires_in": int(DEVICE_CODE_LIFETIME.total_seconds()),
        "interval": int(INTERVAL.total_seconds()),
        "message": f"To sign in, use a web browser to open the page {_ADDRESS} and enter the code {device.user_code} "
        "to authenticate.",
    }


def enter_code(azure: Azure, user_code: str, choice: Choice) -> None:
    """Do what a person does on the page for the code.

    Raises:
        EntraError: The code is wrong or has expired, or the person can't sign in.
    """
    device = azure.directory.sign_ins.device_of(user_code)
    if device is None or device.expires <= azure.clock.now() or device.user or device.is_canceled:
        raise EntraError(400, "invalid_grant", 70019, "Verification code expired. Have the user retry the sign-in.")
    if choice.cancels:
        device.is_canceled = True
        return
    device.user, device.mfa = person_of(azure, device.tenant_id, choice), choice.mfa


def redeem_device(
    azure: Azure, app: Application, tenant: Tenant | None, form: Mapping[str, str]
) -> tuple[DeviceSignIn, User]:
    """Return the sign-in of a device code, which is then used, and the account.

    Raises:
        EntraError: The person has not signed in, or the code can't be redeemed any more.
    """
    text = form.get("device_code") or form.get("code")
    if not text:
        raise missing_parameter("device_code")
    device = azure.directory.sign_ins.devices.get(text)
    now = azure.clock.now()
    if device is None or device.app_id != app.app_id or (tenant and tenant.id != device.tenant_id):
        raise EntraError(
            400,
            "bad_verification_code",
            70018,
            "The provided value for the input parameter 'device_code' is not valid.",
        )
    if device.is_used:
        raise EntraError(
            400,
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing "
            "refresh token.",
        )
    if device.is_canceled:
        raise EntraError(400, "authorization_declined", 65004, "User declined to consent to access the app.")
    if device.expires <= now:
        raise EntraError(
            400,
            "expired_token",
            70020,
            "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        )
    is_early = device.polled is not None and now - device.polled < INTERVAL
    device.polled = now
    if is_early:
        raise EntraError(400, "slow_down", 70016, "The client polls too often. Increase the interval.")
    if device.user is None:
        raise EntraError(
            400,
            "authorization_pending",
            70016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )
    device.is_used = True
    return device, device.user
