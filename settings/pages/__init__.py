"""The endpoints and timers. They contain no rules."""
