"""What runs leave: rows, entries in CIPP's Logbook, the status of each credential."""
