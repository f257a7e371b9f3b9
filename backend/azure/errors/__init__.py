"""The meaning of Azure's errors, and their translation into errors of this app."""
