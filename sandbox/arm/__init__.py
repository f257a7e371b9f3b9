"""Azure Resource Manager: the resources of a CIPP deployment, and the permissions on them."""

from sandbox.arm.app import app

__all__ = ["app"]
