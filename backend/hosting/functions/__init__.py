"""CIPP in the shape of function apps with a static web app."""
