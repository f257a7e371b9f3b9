"""Deployments of templates: the template language, validation, what-if, and the deployment itself."""
