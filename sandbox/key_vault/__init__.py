"""Azure Key Vault's data plane, limited to secrets."""
