"""Identify the caller of an endpoint, and decide whether the call is allowed."""
