"""A small Functions host for local use: HTTP functions, timers, and the admin endpoints."""
