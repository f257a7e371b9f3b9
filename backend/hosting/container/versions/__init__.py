"""The versions of CIPP as a container: which one runs, which ones exist, and how another one is set."""
