"""Texts: what a message may show, and what a field accepts. Pure."""
