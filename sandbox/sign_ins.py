"""The sign-ins of persons that are in progress: device codes, and authorization codes."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sandbox.names import PLANTED
from sandbox.people import User

DEVICE_CODE_LIFETIME: Final = timedelta(minutes=15)
CODE_LIFETIME: Final = timedelta(minutes=10)
INTERVAL: Final = timedelta(seconds=5)
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_USER_CODE_LENGTH: Final = 9


@dataclass
class DeviceSignIn:
    """A device code, and what the person did at the sign-in page."""

    app_id: str
    tenant_id: str
    scope: str
    user_code: str
    expires: datetime
    polled: datetime | None = None
    user: User | None = None
    mfa: bool = False
    is_canceled: bool = False
    is_used: bool = False


@dataclass
class AuthorizationCode:
    """An authorization code, and the request that it belongs to."""

    app_id: str
    tenant_id: str
    user: User
    mfa: bool
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires: datetime
    is_used: bool = False


@dataclass
class SignIns:
    """All sign-ins in progress, by device code and by authorization code."""

    devices: dict[str, DeviceSignIn] = field(default_factory=dict, repr=False)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict, repr=False)

    def add_device(self, app_id: str, tenant_id: str, scope: str, now: datetime) -> tuple[str, DeviceSignIn]:
        """Add a device code, and return it with its sign-in."""
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(_USER_CODE_LENGTH))
        device = DeviceSignIn(app_id, tenant_id, scope, user_code, now + DEVICE_CODE_LIFETIME)
        text = f"HAQABIQEAAAA{PLANTED}{secrets.token_urlsafe(180)}"
        self.devices[text] = device
        return text, device

    def device_of(self, user_code: str) -> DeviceSignIn | None:
        """Return the sign-in of the code that a person entered."""
        wanted = user_code.strip().upper()
        return next((device for device in self.devices.values() if device.user_code == wanted), None)

    def add_code(self, code: AuthorizationCode) -> str:
        """Add an authorization code, and return its text."""
        text = f"1.A{PLANTED}{secrets.token_urlsafe(300)}"
        self.codes[text] = code
        return text
