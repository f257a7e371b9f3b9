"""The states in which a migration or an admin leaves a CIPP installation."""
