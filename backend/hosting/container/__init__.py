"""CIPP in the shape of one container on App Service."""
