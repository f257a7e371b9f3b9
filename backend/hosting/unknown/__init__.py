"""CIPP in an unknown shape: reads show what Azure shows, and writes are refused."""
