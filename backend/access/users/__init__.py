"""The rows of users of a container CIPP, and their changes."""
