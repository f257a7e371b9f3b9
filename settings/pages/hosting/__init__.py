"""The endpoints about what runs CIPP."""
