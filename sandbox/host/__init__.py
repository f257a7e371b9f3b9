"""A small Functions host for one's own machine: HTTP functions, timers, and the admin calls."""
