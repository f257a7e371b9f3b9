"""CIPP's tables: tenants, time zone, Logbook, and the lock."""
