"""The key vault's secrets and their versions."""
