"""A local Azure emulator: `python -m sandbox`."""
