"""The rotation of the vault's credentials: planned (pure), run, reported."""
