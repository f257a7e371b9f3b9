"""Whether a start of the container would update CIPP, and when CIPP updates itself."""
