"""Threads: background work, shared calls, rate limits and the correlation ID. Independent of Azure."""
