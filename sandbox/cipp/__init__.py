"""The processes of CIPP: the keys that each has read, and what they write into CIPP's tables."""
