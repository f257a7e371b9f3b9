"""The rotation of the vault's keys: decide (plan), do (run), one at a time (lock)."""
