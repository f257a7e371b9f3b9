"""Describe the steps of a dry run. Pure."""

from types import MappingProxyType
from typing import Final

from backend.credentials.kinds import Kind
from backend.rotation.planning.plan import Disable, Lock, PutBack, Refresh, Remove, Renew, Step

MAY_UPDATE: Final = "App Service reads it within a day, which may restart CIPP and so update it."
RENEWALS: Final = MappingProxyType[Kind, str](
    {
        "RefreshToken": "Redeem the partner's refresh token for a new one, verify it, store it, read it back.",
        "TenantRefreshToken": "Redeem the tenant's refresh token for a new one, verify it, store it, read it back.",
        "ClientSecret": "Create a new client secret, verify it, store it, read it back. The old one stays valid.",
        "SignInSecret": "Create a new secret for CIPP's sign-in app, verify it, store it, read it back. The old one "
        f"stays valid. {MAY_UPDATE}",
        "Certificate": "Create a new certificate, add it to the app, verify it by signing in, store it, read it back.",
    }
)


def in_words(step: Step, kind: Kind) -> str:  # noqa: PLR0911 - one return a step
    """Return the description of a step, "" if it does nothing."""
    match step:
        case Renew():
            return RENEWALS[kind]
        case PutBack(version_id=version):
            return f"Store its version {version} again, if that can sign in."
        case Remove(credential_id=credential):
            return f"Remove {credential} from the app."
        case Disable(version_id=version):
            return f"Disable its version {version} in the vault."
        case Lock():
            return "Lock the app's service principals."
        case Refresh():
            return "Let App Service read it now, which may restart CIPP and so update it."
        case _:
            return ""
