"""Azure Key Vault's data plane, as far as secrets go."""

from sandbox.key_vault.service import app

__all__ = ["app"]
