"""What a step would do, in words for a dry run. Pure."""

from types import MappingProxyType
from typing import Final

from backend.rotation.plan import Disable, Lock, PutBack, Remove, Renew, Step
from backend.rotation.report import Kind

RENEWALS: Final = MappingProxyType[Kind, str](
    {
        "RefreshToken": "Redeem the partner's refresh token for a new one, verify it, store it, read it back.",
        "TenantRefreshToken": "Redeem the tenant's refresh token for a new one, verify it, store it, read it back.",
        "ClientSecret": "Create a new client secret, verify it, store it, read it back; the old one stays.",
        "Certificate": "Create a new certificate, add it to the app, verify it by signing in, store it, read it back.",
    }
)


def in_words(step: Step, kind: Kind) -> str:
    """Return what a step would do, "" if nothing."""
    match step:
        case Renew():
            return RENEWALS[kind]
        case PutBack(version_id=version):
            return f"Store its version {version} again, if that signs in."
        case Remove(credential_id=credential):
            return f"Remove {credential} from the app."
        case Disable(version_id=version):
            return f"Disable its version {version} in the vault."
        case Lock():
            return "Lock the app's service principals."
        case _:
            return ""
