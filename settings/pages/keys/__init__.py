"""The endpoints about keys, and the timers of the rotation."""
