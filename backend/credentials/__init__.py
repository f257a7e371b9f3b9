"""The credentials in the vault: their kinds, sign-in checks, and manual changes."""
