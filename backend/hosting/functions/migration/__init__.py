"""What CIPP's migration to a container would do to function apps, without doing it."""
