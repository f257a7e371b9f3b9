"""The key vault's secrets: what is there, never a value."""

from backend.key_vault import Secret
from settings.access import Permission
from settings.http import Call, Routes

routes = Routes()


@routes.get("ListKeyVaultSecrets", needs=Permission.APP_SETTINGS_READ)
def secrets(call: Call) -> list[Secret]:
    """List the secrets of CIPP's vault: version, dates and who rotated them; never a value."""
    return call.backend.key_vault.secrets()
