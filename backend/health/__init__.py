"""The health of CIPP's resources, and this app's permissions on them."""
