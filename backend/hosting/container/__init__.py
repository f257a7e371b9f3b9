"""CIPP as one Linux container on App Service."""
