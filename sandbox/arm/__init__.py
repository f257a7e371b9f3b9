"""Azure Resource Manager: what a CIPP deployment is made of, and who may touch it."""

from sandbox.arm.app import app

__all__ = ["app"]
