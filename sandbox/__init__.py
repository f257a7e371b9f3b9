"""A small Azure for one's own machine: `python -m sandbox`."""
