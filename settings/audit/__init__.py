"""The audit log, and the format of the log stream."""
