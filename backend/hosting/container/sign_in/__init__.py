"""The sign-in of users to CIPP as a container: its state, its causes of failure, and their repair."""
