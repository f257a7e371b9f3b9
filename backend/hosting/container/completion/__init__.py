"""How operations on CIPP as a container are completed."""
