"""The users of a container CIPP, in its table allowedUsers."""
