"""Requests and responses. Only this folder uses azure.functions."""
