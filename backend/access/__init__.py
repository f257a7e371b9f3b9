"""Who calls this API, and with which of CIPP's roles."""
