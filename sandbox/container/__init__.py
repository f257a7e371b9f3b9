"""CIPP as one Linux container on App Service: where its parts are, and its HTTP face."""
